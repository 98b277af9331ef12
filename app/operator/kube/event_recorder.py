"""Writes Kubernetes Events at a bounded rate; one that cannot be written is counted and dropped."""

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
    """Raises ClusterError; 404: the Event to update is gone."""

    async def post_event(self, post: EventPost) -> None: ...


class EventRecorder:
    """Takes notices at once and writes their Events in its own time."""

    def __init__(self, api: EventApi, counts: OperatorCounts, clock: Clock) -> None:
        self._api, self._counts, self._clock = api, counts, clock
        self._aggregator = EventAggregator()
        self._queue: deque[EventPost] = deque()

    def record(self, policy: PolicyObject, notice: Notice) -> None:
        """An Event on `policy`, now or with the next ones of its kind; never waits."""
        post = self._aggregator.add(policy, notice, self._clock.now_s(), self._clock.wall_s())
        if post is not None:
            self._enqueue(post)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.write_due()
            await asyncio.sleep(1.0)

    async def write_due(self) -> None:
        """Writes what is due, at most 20 Events."""
        for post in list(self._aggregator.due(self._clock.now_s())):
            self._enqueue(post)
        for _ in range(min(PER_S, len(self._queue))):
            await self._write(self._queue.popleft())

    def _enqueue(self, post: EventPost) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self._counts.events["dropped"] += 1
            return
        self._queue.append(post)

    async def _write(self, post: EventPost) -> None:
        try:
            await self._api.post_event(post)
        except ClusterError as error:
            self._counts.events["failed"] += 1
            self._aggregator.forget(post)
            LOG.warning("event %s not written: %s", post.notice.reason, error)
        else:
            self._counts.events["posted"] += 1
