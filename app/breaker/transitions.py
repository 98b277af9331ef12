"""What breakers did: the last transitions of each and of all, published to all subscribers."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from logging import getLogger

from app.breaker.values import BreakerState, Cause

__all__ = ["BreakerTransition", "TransitionLog"]

_log = getLogger("tidegate.breaker")


@dataclass(frozen=True, slots=True)
class BreakerTransition:
    """Breaker `name` left `from_state` for `to_state` at `at_wall_s` (on the monotonic clock `now_s`).

    `error`: the failure that made it open, "" for any other transition. `held_s`: how long it was in `from_state`.
    """

    name: str
    from_state: BreakerState
    to_state: BreakerState
    reason: Cause
    at_wall_s: float
    now_s: float
    error: str = ""
    held_s: float = 0.0


class TransitionLog:
    """Bounded: the last `per_breaker` of each breaker, and `in_all` of the whole process."""

    __slots__ = ("_all", "_by_name", "_in_all", "_listeners", "_per_breaker")

    def __init__(self, *, in_all: int = 10_000, per_breaker: int = 100) -> None:
        self._in_all, self._per_breaker = in_all, per_breaker
        self._all: deque[BreakerTransition] = deque()
        self._by_name: dict[str, deque[BreakerTransition]] = {}
        self._listeners: list[Callable[[BreakerTransition], None]] = []

    def subscribe(self, listener: Callable[[BreakerTransition], None]) -> None:
        """Call `listener` at each transition, within the request that caused it: enqueue, never wait."""
        self._listeners.append(listener)

    def publish(self, transition: BreakerTransition) -> None:
        """Keep it and pass it to all; a listener that raises is logged and harms neither request nor others."""
        if len(self._all) >= self._in_all:
            oldest = self._all.popleft()
            own = self._by_name.get(oldest.name)
            if own and own[0] is oldest:
                own.popleft()
                if not own:
                    del self._by_name[oldest.name]
        self._all.append(transition)
        self._by_name.setdefault(transition.name, deque(maxlen=self._per_breaker)).append(transition)
        for listener in self._listeners:
            try:
                listener(transition)
            except Exception:
                _log.exception("a listener failed on %s", transition)

    def of(self, name: str) -> tuple[BreakerTransition, ...]:
        """The breaker's transitions, newest first."""
        return tuple(reversed(self._by_name.get(name, ())))

    def latest(self, limit: int) -> tuple[BreakerTransition, ...]:
        """Transitions of all breakers, removed ones included; newest first."""
        return tuple(islice(reversed(self._all), limit))

    def forget(self, name: str) -> None:
        """Drop a breaker's own list."""
        self._by_name.pop(name, None)
