"""What breakers did: the last transitions of each and of all, told to whoever subscribed."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from logging import getLogger

from app.breaker.values import Cause, State

__all__ = ["BreakerMoved", "Journal"]

_log = getLogger("tidegate.breaker")


@dataclass(frozen=True, slots=True)
class BreakerMoved:
    """Breaker `name` left `from_state` for `to_state` at `at_wall_s` (on the monotonic clock `now_s`).

    `error`: the failure that made it open, "" for any other move. `held_s`: how long it was in `from_state`.
    """

    name: str
    from_state: State
    to_state: State
    reason: Cause
    at_wall_s: float
    now_s: float
    error: str = ""
    held_s: float = 0.0


class Journal:
    """Bounded: the last `per_breaker` of each breaker, and `in_all` of the whole process."""

    __slots__ = ("_all", "_by_name", "_in_all", "_listeners", "_per_breaker")

    def __init__(self, *, in_all: int = 10_000, per_breaker: int = 100) -> None:
        self._in_all, self._per_breaker = in_all, per_breaker
        self._all: deque[BreakerMoved] = deque()
        self._by_name: dict[str, deque[BreakerMoved]] = {}
        self._listeners: list[Callable[[BreakerMoved], None]] = []

    def subscribe(self, listener: Callable[[BreakerMoved], None]) -> None:
        """Call `listener` at each transition, within the request that caused it: enqueue, never wait."""
        self._listeners.append(listener)

    def record(self, event: BreakerMoved) -> None:
        """Keep and tell; a listener that raises is logged and harms neither the request nor the others."""
        if len(self._all) >= self._in_all:
            oldest = self._all.popleft()
            own = self._by_name.get(oldest.name)
            if own and own[0] is oldest:
                own.popleft()
                if not own:
                    del self._by_name[oldest.name]
        self._all.append(event)
        self._by_name.setdefault(event.name, deque(maxlen=self._per_breaker)).append(event)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                _log.exception("a listener failed on %s", event)

    def of(self, name: str) -> tuple[BreakerMoved, ...]:
        """The breaker's transitions, newest first."""
        return tuple(reversed(self._by_name.get(name, ())))

    def latest(self, limit: int) -> tuple[BreakerMoved, ...]:
        """Transitions of all breakers, also of those gone since; newest first."""
        return tuple(islice(reversed(self._all), limit))

    def forget(self, name: str) -> None:
        """Drop a breaker's own list."""
        self._by_name.pop(name, None)
