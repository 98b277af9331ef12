"""What happened lately, for people: bounded rings of events, and the subscribers to new ones."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import merge

from app.foundation.clock import wall_s

__all__ = ["CAPACITY", "Event", "Events", "StoreState", "is_breaker_move"]

CAPACITY = 1_000
"""Moves of breakers kept, and as many other events; the oldest of them goes first."""


@dataclass(frozen=True, slots=True)
class Event:
    """`kind`: past tense (`breaker_opened`); `subject`: the upstream, route or file; `detail`: one line."""

    at_wall_s: float
    kind: str
    subject: str
    detail: str


def is_breaker_move(event: Event) -> bool:
    """They are kept apart: a breaker that flaps for hours must push no edit out."""
    return event.kind.startswith("breaker_")


class Events:
    """The rings. One thread only; `add` calls subscribers in the order they came.

    `total`: how many there ever were, which is the number of the newest.
    """

    __slots__ = ("_moves", "_others", "_subscribers", "total")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._moves: deque[tuple[int, Event]] = deque(maxlen=capacity)
        self._others: deque[tuple[int, Event]] = deque(maxlen=capacity)
        self._subscribers: list[Callable[[Event], None]] = []
        self.total = 0

    def add(self, event: Event) -> None:
        self.total += 1
        ring = self._moves if is_breaker_move(event) else self._others
        ring.append((self.total, event))
        for subscriber in tuple(self._subscribers):
            subscriber(event)

    def publish(self, kind: str, subject: str, detail: str) -> None:
        """An event that happens now."""
        self.add(Event(wall_s(), kind, subject, detail))

    def numbered(self) -> tuple[tuple[int, Event], ...]:
        """All that are kept with their numbers, oldest first."""
        return tuple(merge(self._moves, self._others))  # no two have the same number

    def recent(self, limit: int | None = None) -> tuple[Event, ...]:
        """The last `limit` events that are kept, or all, oldest first."""
        events = tuple(event for _, event in self.numbered())
        return events if limit is None else events[max(len(events) - limit, 0) :]

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
