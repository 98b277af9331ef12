"""Whether somebody looks at the fleet: only then gateways are asked for summaries, more rarely the more there are.

Pure but for the event that wakes parked polls; the clock is handed in.
"""

import asyncio

__all__ = ["WATCHED_S", "FleetWatch"]

WATCHED_S = 15.0
"""How long one look counts: a page looks every two seconds, and some of its calls may be lost."""

_SHORTEST_PACE_S = 2.0
_SUMMARIES_PER_S = 20.0


class FleetWatch:
    """`looked` for each look at the fleet."""

    def __init__(self) -> None:
        self._until_s = float("-inf")
        self._begin = asyncio.Event()

    def looked(self, now_s: float) -> None:
        is_first = not self.is_on(now_s)
        self._until_s = now_s + WATCHED_S
        if is_first:
            self._begin.set()
            self._begin = asyncio.Event()

    def is_on(self, now_s: float) -> bool:
        return now_s < self._until_s

    def next_begin(self) -> asyncio.Event:
        """Set once somebody begins to look."""
        return self._begin

    def pace_s(self, gateways: int) -> float:
        """How far apart the summaries of one gateway are."""
        return max(_SHORTEST_PACE_S, gateways / _SUMMARIES_PER_S)
