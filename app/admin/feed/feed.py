"""The monitor's feed: one state, one encoding, many viewers (docs: monitor).

A viewer that does not read what it was sent gets nothing more until it has, and then the newest state. So a slow
one costs one snapshot of memory, and never holds up the gateway or the other viewers.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from typing import Protocol

import orjson

from app.admin.feed.delta import State, delta
from app.admin.feed.frames import text_frame
from app.admin.feed.views import TRANSITION_FIELDS, event_shape, point_shape, span_shape, transition_row
from app.admin.shape import Shape
from app.breaker.transitions import BreakerTransition
from app.telemetry.events import Event, is_breaker_move
from app.telemetry.history import Point, Span

__all__ = ["PROTOCOL_VERSION", "Feed", "FeedSource", "Viewer"]

PROTOCOL_VERSION = 1
MOST_TRANSITIONS = 10_000
MOST_EVENTS = 200
"""Of the moves of breakers, and as many of all others: a breaker that flaps for hours pushes no edit out."""
SLOW_FROM_BYTES = 65_536
"""With more of them unsent a viewer gets no further delta."""
SNAPSHOT_EVERY_MS = 1_000
"""A viewer that was slow gets a snapshot at most this often."""


class FeedSource(Protocol):
    """What the feed publishes: the running gateway. Nothing waits."""

    def state(self, last: State | None, *, sampled: bool) -> State:
        """The state now; parts of `last` that only a sample changes are taken over unless `sampled`."""
        ...

    def history(self, after_ms: int) -> Sequence[Span]:
        """The series' points that ended after that instant; 0: all."""
        ...

    def sparks(self) -> dict[str, Shape]:
        """Each breaker's last minute."""
        ...

    def tick(self) -> Shape:
        """What extends the sparks by the last second."""
        ...


class Viewer(ABC):
    """One viewer, with what it has got so far; the socket's adapter extends it."""

    def __init__(self) -> None:
        self.in_step = False  # has all there is up to the last delta
        self.had_snapshot_ms = 0
        self.has_points_ms = 0  # the newest point it got
        self.has_transition = 0  # the newest transition's number

    @property
    @abstractmethod
    def unsent_bytes(self) -> int: ...

    @abstractmethod
    def send(self, frames: bytes) -> None:
        """Send whole frames, without waiting."""
        ...

    @abstractmethod
    def beat(self) -> None:
        """Called every 20 s: check that the viewer is still there."""
        ...

    @abstractmethod
    def shutdown(self) -> None:
        """The gateway is shutting down."""
        ...


class Feed:
    """`wake` is called when there is something to publish: call `tick` soon, at most ten times a second."""

    def __init__(self, source: FeedSource, wake: Callable[[], None]) -> None:
        self._source = source
        self._wake = wake
        self.viewers: set[Viewer] = set()
        self._seq = 0
        self._state: State | None = None
        self._sampled = False
        self._points: list[Point] = []
        self._points_ms = 0
        self._tick: Shape = {}
        self._transitions: deque[tuple[int, bytes]] = deque(maxlen=MOST_TRANSITIONS)
        self._transition_count = 0
        self._new_transitions: list[bytes] = []
        self._moves: deque[tuple[int, bytes]] = deque(maxlen=MOST_EVENTS)
        self._others: deque[tuple[int, bytes]] = deque(maxlen=MOST_EVENTS)
        self._new_events: list[bytes] = []

    def recall(
        self, moved: Sequence[BreakerTransition], moves: int, events: Iterable[tuple[int, Event]]
    ) -> None:
        """Take over what happened before there was a feed, oldest first.

        `moves`: how many transitions there were since the start. `events`: with their numbers.
        """
        self._transition_count = moves - len(moved)
        for each in moved:
            self.note_transition(each)
        for number, event in events:
            self.note_event(number, event)

    # What happens

    def join(self, viewer: Viewer) -> None:
        """The viewer gets a snapshot with the next tick."""
        self.viewers.add(viewer)
        self._wake()

    def leave(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)

    def note(self) -> None:
        """The state has changed: send it soon."""
        if self.viewers:
            self._wake()

    def note_sample(self, points: list[Point], now_ms: int) -> None:
        """A second is complete: these points, and what extends the sparks."""
        self._points_ms = points[-1].at_ms
        if not self.viewers:
            return
        if self._sampled:
            self.tick(now_ms)  # so that each delta extends the sparks by one second
        self._sampled = True
        self._points += points
        self._tick = self._source.tick()
        self._wake()

    def note_transition(self, moved: BreakerTransition) -> None:
        self._transition_count += 1
        row = _kept(transition_row(self._transition_count, moved))
        self._transitions.append((self._transition_count, row))
        if self.viewers:
            self._new_transitions.append(row)
            self._wake()

    def note_event(self, number: int, event: Event) -> None:
        encoded = _kept(event_shape(number, event))
        kept = self._moves if is_breaker_move(event) else self._others
        kept.append((number, encoded))
        if self.viewers:
            self._new_events.append(encoded)
            self._wake()

    # What is sent

    def tick(self, now_ms: int) -> None:
        """Send everybody what has changed, and newcomers everything."""
        if not self.viewers:
            self._state = None
            self._forget_news()
            return
        last = self._state
        state = self._state = self._source.state(last, sampled=self._sampled or last is None)
        if last is not None:
            self._send_changes(last, state, now_ms)
        self._forget_news()
        self._send_snapshots(state, now_ms)

    def _forget_news(self) -> None:
        self._sampled = False
        self._tick = {}
        self._points, self._new_transitions, self._new_events = [], [], []

    def _send_changes(self, last: State, state: State, now_ms: int) -> None:
        parts = delta(last, state)
        if self._sampled:
            parts["tick"] = self._tick
            parts["series"] = [point_shape(point) for point in self._points]
        if self._new_transitions:
            parts["transitions"] = _listed(self._new_transitions)
        if self._new_events:
            parts["events"] = _listed(self._new_events)
        if not parts:
            return
        self._seq += 1
        frame = _frame("delta", {"seq": self._seq, "now": now_ms, **parts})
        for viewer in tuple(self.viewers):
            if viewer.in_step and viewer.unsent_bytes > SLOW_FROM_BYTES:
                viewer.in_step = False
            elif viewer.in_step:
                viewer.has_points_ms = self._points_ms
                viewer.has_transition = self._transition_count
                viewer.send(frame)

    def _send_snapshots(self, state: State, now_ms: int) -> None:
        snapshot = b""
        # many come at once after a restart, and share what they get
        frames: dict[tuple[int, int], bytes] = {}
        for viewer in tuple(self.viewers):
            if viewer.in_step or viewer.unsent_bytes or now_ms - viewer.had_snapshot_ms < SNAPSHOT_EVERY_MS:
                continue
            snapshot = snapshot or self._snapshot(state, now_ms)
            missed = (viewer.has_points_ms, viewer.has_transition)
            if missed not in frames:
                frames[missed] = snapshot + self._history(*missed)
            viewer.in_step = True
            viewer.had_snapshot_ms = now_ms
            viewer.has_points_ms = self._points_ms
            viewer.has_transition = self._transition_count
            viewer.send(frames[missed])

    def _snapshot(self, state: State, now_ms: int) -> bytes:
        sparks = self._source.sparks()
        return _frame(
            "snapshot",
            {
                "seq": self._seq,
                "now": now_ms,
                "gateway": state.gateway,
                "breakers": [{**row, "spark": sparks.get(name)} for name, row in state.breakers.items()],
                "routes": {"total": state.routes_total, "rows": list(state.routes.values())},
                "limits": list(state.limits.values()),
                "traffic": state.traffic,
                "connections": state.connections,
                "events": _listed([row for _, row in merge(self._moves, self._others)]),
                "test": state.test,
                "panels": state.panels,
            },
        )

    def _history(self, after_ms: int, after_transition: int) -> bytes:
        rows = [row for number, row in self._transitions if number > after_transition]
        return _frame(
            "history",
            {
                "since": after_ms,
                "series": [span_shape(span) for span in self._source.history(after_ms)],
                "transitions": {"fields": TRANSITION_FIELDS, "rows": _listed(rows)},
            },
        )


def _kept(row: object) -> bytes:
    """A copy, since what orjson returns keeps a buffer of 4 KiB: 40 MiB for all transitions."""
    return bytes(memoryview(orjson.dumps(row)))


def _listed(encoded: Sequence[bytes]) -> orjson.Fragment:
    return orjson.Fragment(b"[" + b",".join(encoded) + b"]")


def _frame(kind: str, parts: Shape) -> bytes:
    return text_frame(orjson.dumps({"type": kind, "version": PROTOCOL_VERSION, **parts}))
