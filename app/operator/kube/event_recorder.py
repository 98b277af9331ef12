"""Posts Kubernetes Events at a bounded rate; one that cannot be posted is counted and let go."""

import asyncio
import logging
from collections import deque
from typing import Protocol

from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.kube.event_aggregator import EventAggregator, EventPost, Notice
from app.operator.kube.resources import PolicyObject
from app.operator.metrics import OperatorCounts

__all__ = ["EventApi", "EventRecorder"]

LOG = logging.getLogger("tidegate.operator")

PER_S = 20
MAX_QUEUED = 2_000


class EventApi(Protocol):
    """Raises ClusterError; 404: the Event to bring up to date is gone."""

    async def post_event(self, post: EventPost) -> None: ...


class EventRecorder:
    """Takes notices at once, posts them in its own time."""

    def __init__(self, door: EventApi, counts: OperatorCounts, clock: Clock) -> None:
        self._door, self._counts, self._clock = door, counts, clock
        self._events = EventAggregator()
        self._queue: deque[EventPost] = deque()

    def tell(self, policy: PolicyObject, notice: Notice) -> None:
        post = self._events.offer(policy, notice, self._clock.now_s(), self._clock.wall_s())
        if post is not None:
            self._enqueue(post)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(1.0)

    async def turn(self) -> None:
        """Posts what is due, at most 20 Events."""
        for post in list(self._events.due(self._clock.now_s())):
            self._enqueue(post)
        for _ in range(min(PER_S, len(self._queue))):
            await self._post(self._queue.popleft())

    def _enqueue(self, post: EventPost) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self._counts.events["dropped"] += 1
            return
        self._queue.append(post)

    async def _post(self, post: EventPost) -> None:
        try:
            await self._door.post_event(post)
        except ClusterError as error:
            self._counts.events["failed"] += 1
            self._events.lost(post)
            LOG.warning("event %s not posted: %s", post.notice.reason, error)
        else:
            self._counts.events["posted"] += 1
