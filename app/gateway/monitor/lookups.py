"""Decisions about requests that viewers of the monitor ask for, with a bound on the time that goes into them."""

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from app.admin.decision_views import reach
from app.admin.feed.decision_query import DecisionQuery
from app.admin.feed.decisions import decision_reply, decisions_reply
from app.admin.shape import Shape
from app.foundation.clock import now_s, work_s
from app.telemetry.decisions import DecisionRing

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BUSY_S", "Lookups", "NotKept", "TooBusy"]

BUSY_S: Final = 0.04
"""Of each second, over all viewers of a port: else anyone who reaches it could keep the gateway busy with looking."""


class NotKept(Exception):
    """There is no such decision; the text says what is kept."""


class TooBusy(Exception):
    """This second's time for looking is used up."""


class Lookups:
    """Of the viewers of one port. `ring` None: decisions are not kept. `clock`: monotonic seconds; `work`: those that
    were computed."""

    def __init__(
        self,
        ring: DecisionRing | None,
        clock: Callable[[], float] = now_s,
        work: Callable[[], float] = work_s,
    ) -> None:
        self._ring = ring
        self._clock = clock
        self._work = work
        self._second = 0
        self._spent_s = 0.0

    def recent(self, query: DecisionQuery) -> Shape:
        """The last ones that are meant. Raises TooBusy and NotKept."""
        ring = self._ring
        if ring is None:
            raise NotKept("no decisions are kept: DECISIONS_KEPT is 0")
        with self._counted():
            return decisions_reply(ring.recent(query.wanted, query.limit, query.after), len(ring))

    def one(self, request_id: str) -> Shape:
        """That of a request. Raises TooBusy and NotKept."""
        ring = self._ring
        with self._counted():
            decision = ring.find(request_id) if ring is not None else None
            if ring is None or decision is None:
                raise NotKept(reach(ring, request_id))
            return decision_reply(decision, limits_shared=ring.limits_shared)

    @contextmanager
    def _counted(self) -> "Iterator[None]":
        second, begin_s = int(self._clock()), self._work()
        if second != self._second:
            self._second, self._spent_s = second, 0.0
        if self._spent_s >= BUSY_S:
            raise TooBusy
        try:
            yield
        finally:
            self._spent_s += self._work() - begin_s
