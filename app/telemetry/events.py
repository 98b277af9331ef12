"""What happened lately, for people: a bounded ring of events, and the subscribers to new ones."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from app.foundation.clock import wall_s

__all__ = ["CAPACITY", "Event", "Events", "StoreState"]

CAPACITY = 1_000
"""Events kept; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Event:
    """`kind`: past tense (`breaker_opened`); `subject`: the upstream, route or file; `detail`: one line."""

    at_wall_s: float
    kind: str
    subject: str
    detail: str


class Events:
    """The ring. One thread only; `add` calls subscribers in the order they came.

    `total`: how many there ever were, which is the number of the newest.
    """

    __slots__ = ("_ring", "_subscribers", "total")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._ring: deque[Event] = deque(maxlen=capacity)
        self._subscribers: list[Callable[[Event], None]] = []
        self.total = 0

    def add(self, event: Event) -> None:
        self.total += 1
        self._ring.append(event)
        for subscriber in tuple(self._subscribers):
            subscriber(event)

    def publish(self, kind: str, subject: str, detail: str) -> None:
        """An event that happens now."""
        self.add(Event(wall_s(), kind, subject, detail))

    def recent(self, limit: int = CAPACITY) -> tuple[Event, ...]:
        """The last `limit` events, oldest first."""
        return tuple(self._ring)[max(len(self._ring) - limit, 0) :]

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call `callback` at every event from now on; returns what ends it (calling it twice does no harm).

        `callback` runs inside `add`: it must be quick, must not raise, and may subscribe or unsubscribe.
        """
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe


class StoreState:
    """Adds an event when a shared store becomes unavailable and when it is back: each change once.

    It is assumed to be available at first, so a store that is unavailable from the start makes an event.
    """

    __slots__ = ("_events", "_name", "is_up")

    def __init__(self, events: Events, name: str) -> None:
        self._events = events
        self._name = name
        self.is_up = True

    def report(self, is_up: bool, detail: str, wall_s: float) -> None:
        """`detail`: why it is unavailable, or since when it was; one line, without secrets."""
        if is_up is self.is_up:
            return
        self.is_up = is_up
        self._events.add(Event(wall_s, "store_up" if is_up else "store_down", self._name, detail))
