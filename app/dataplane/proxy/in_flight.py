"""How many requests this process may have in flight: all of MAX_IN_FLIGHT, or its part where workers share that.

The parts move with the load: who needs more asks the parent, which takes from others what they do not use. Only the
request that would be one too many waits for that.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["FULL_S", "WAIT_S", "AwaitedPlace", "InFlightLimit"]

WAIT_S: Final = 0.2
"""The longest that a request waits; the parent needs a turn of its loop, and one of the other workers'."""
FULL_S: Final = 0.02
"""So long what the parent said last holds: the gateway is full."""


class AwaitedPlace:
    """`on_place` is called once, with whether there is one and the time; who waits sets it first."""

    __slots__ = ("due_s", "is_over", "on_place")

    def __init__(self, due_s: float) -> None:
        self.due_s = due_s
        self.is_over = False
        self.on_place: Callable[[bool, float], None] = _unheard

    def cancel(self) -> None:
        """Nobody waits any more. More than once does no harm."""
        self.is_over = True
        self.on_place = _unheard


class InFlightLimit:
    """`most` requests at a time. `ask`: asks the parent for more; None: there is no more to be had."""

    __slots__ = ("_ask", "_full_until_s", "_waiting", "is_asked", "most")

    def __init__(self, most: int, ask: Callable[[], None] | None = None) -> None:
        self.most = most
        self._ask = ask
        self._waiting: deque[AwaitedPlace] = deque()
        self._full_until_s = 0.0
        self.is_asked = False

    @property
    def waiting(self) -> int:
        """Requests that wait for a place; they count as in flight."""
        return len(self._waiting)

    def wait(self, now_s: float) -> AwaitedPlace | None:
        """For a request beyond `most`: None where the gateway is full."""
        if self._ask is None or now_s < self._full_until_s:
            return None
        awaited = AwaitedPlace(now_s + WAIT_S)
        self._waiting.append(awaited)
        self._ask_once()
        return awaited

    def spare(self, in_flight: int) -> int:
        """Half of the places that are not used, rounded up, given up for another worker."""
        free = self.most - (in_flight - self.waiting)
        given = (free + 1) // 2 if free > 0 and not self._waiting else 0
        self.most -= given
        return given

    def take(self, most: int, is_full: bool, in_flight: int, now_s: float) -> None:
        """The parent's reply: `most` from now on; `is_full`: that is less than was asked for."""
        self.most = most
        self.is_asked = False
        if is_full:
            self._full_until_s = now_s + FULL_S
        places = most - (in_flight - self.waiting)
        waiting, self._waiting = self._waiting, deque()
        while waiting and (places > 0 or is_full or waiting[0].is_over):
            awaited = waiting.popleft()
            if not awaited.is_over:
                self._decide(awaited, places > 0, now_s)
                places -= 1
        self._waiting.extendleft(reversed(waiting))
        if self._waiting:
            self._ask_once()

    def lapse(self, now_s: float) -> None:
        """Requests that waited for too long are rejected; to be called every 20 ms while some wait."""
        while self._waiting and (self._waiting[0].is_over or self._waiting[0].due_s <= now_s):
            awaited = self._waiting.popleft()
            if not awaited.is_over:
                self._decide(awaited, False, now_s)

    def _ask_once(self) -> None:
        if not self.is_asked and self._ask is not None:
            self.is_asked = True
            self._ask()

    def _decide(self, awaited: AwaitedPlace, has_place: bool, now_s: float) -> None:
        on_place = awaited.on_place
        awaited.cancel()
        on_place(has_place, now_s)


def _unheard(_has_place: bool, _now_s: float) -> None:
    """Nobody waits."""
