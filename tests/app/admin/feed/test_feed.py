import json
import tracemalloc
from typing import Any

import pytest

from app.admin.feed.delta import State
from app.admin.feed.feed import MOST_EVENTS, MOST_TRANSITIONS, SLOW_FROM_BYTES, Feed, Viewer
from app.admin.shape import Shape
from app.breaker.transitions import BreakerTransition
from app.breaker.values import BreakerState, Cause
from app.telemetry.events import Event
from app.telemetry.history import Point, Span

NOW_MS = 1_800_000_000_000


class Source:
    """A gateway with one breaker; `rps` may be changed."""

    def __init__(self) -> None:
        self.rps = 0.0
        self.asked: list[bool] = []
        self.histories: list[int] = []

    def state(self, last: State | None, *, sampled: bool) -> State:
        self.asked.append(sampled)
        breakers: dict[str, Shape] = {"cache": {"name": "cache", "rps": self.rps}}
        return State({"ready": True}, breakers, 0, {}, {}, {}, {}, {}, {})

    def history(self, after_ms: int) -> list[Span]:
        self.histories.append(after_ms)
        return [Span(1, [NOW_MS], {"clients": [1]})]

    def sparks(self) -> dict[str, Shape]:
        return {"cache": {"endsAt": NOW_MS}}

    def tick(self) -> Shape:
        return {"endsAt": NOW_MS, "breakers": {}}


class Screen(Viewer):
    """Keeps what it is sent; `stuck` bytes are never taken."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []
        self.frames: list[bytes] = []
        self.stuck = 0

    @property
    def unsent_bytes(self) -> int:
        return self.stuck

    def send(self, frames: bytes) -> None:
        self.frames.append(frames)
        while frames:
            length, at = frames[1], 2
            if length == 126:
                length, at = int.from_bytes(frames[2:4], "big"), 4
            elif length == 127:
                length, at = int.from_bytes(frames[2:10], "big"), 10
            self.messages.append(json.loads(frames[at : at + length]))
            frames = frames[at + length :]

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]

    def beat(self) -> None: ...
    def shutdown(self) -> None: ...


class Show:
    """A feed, its source and how often it asked to be called."""

    def __init__(self) -> None:
        self.source = Source()
        self.wakes = 0
        self.feed = Feed(self.source, self.wake)
        self.now_ms = NOW_MS

    def wake(self) -> None:
        self.wakes += 1

    def viewer(self) -> Screen:
        screen = Screen()
        self.feed.join(screen)
        self.tick()
        return screen

    def tick(self, after_ms: int = 100) -> None:
        self.now_ms += after_ms
        self.feed.tick(self.now_ms)

    def sample(self, points: int = 1) -> None:
        self.now_ms += 1000
        self.feed.note_sample([Point(1, self.now_ms, {"clients": 1, "outcome.ok": 0})] * points, self.now_ms)

    def move(self, at_s: float = 5.0) -> None:
        self.feed.note_transition(
            BreakerTransition(
                "cache",
                BreakerState.CLOSED,
                BreakerState.OPEN,
                Cause.PROBE_FAILED,
                at_s,
                0.0,
                "status_503",
                1.23456,
            )
        )


@pytest.fixture
def show():
    return Show()


def test_a_newcomer_gets_a_snapshot_and_the_history(show):
    screen = show.viewer()
    snapshot, history = screen.messages
    assert screen.kinds == ["snapshot", "history"]
    assert (snapshot["version"], snapshot["now"], snapshot["seq"]) == (1, show.now_ms, 0)
    assert snapshot["breakers"] == [{"name": "cache", "rps": 0.0, "spark": {"endsAt": NOW_MS}}]
    assert history["since"] == 0
    assert history["series"] == [{"stepS": 1, "t": [NOW_MS], "columns": {"clients": [1]}}]


def test_what_happened_before_anybody_watched_is_in_the_snapshot(show):
    show.move()
    show.feed.note_event(1, Event(5.0, "config_applied", "f", "d"))
    snapshot, history = show.viewer().messages
    assert snapshot["events"] == [
        {"id": 1, "at": 5000, "kind": "config_applied", "subject": "f", "detail": "d"}
    ]
    row = dict(zip(history["transitions"]["fields"], history["transitions"]["rows"][0], strict=True))
    assert row == {
        "id": 1, "breaker": "cache", "from": "closed", "to": "open", "at": 5000, "reason": "probe_failed",
        "error": "status_503", "heldS": 1.235,
    }  # fmt: skip


def test_changes_come_as_one_delta(show):
    screen = show.viewer()
    show.source.rps = 2.0
    for _ in range(50):
        show.move()
    show.feed.note_event(1, Event(5.0, "config_applied", "f", "d"))
    show.tick()
    delta = screen.messages[-1]
    assert screen.kinds == ["snapshot", "history", "delta"]
    assert delta["breakers"] == [{"name": "cache", "rps": 2.0}]
    assert [row[0] for row in delta["transitions"]] == list(range(1, 51))
    assert [event["id"] for event in delta["events"]] == [1]
    assert delta["seq"] == 1


def test_without_a_change_nothing_is_sent(show):
    screen = show.viewer()
    show.tick()
    assert screen.kinds == ["snapshot", "history"]


def test_a_sample_is_a_delta_even_when_nothing_changed(show):
    screen = show.viewer()
    show.sample()
    show.tick()
    delta = screen.messages[-1]
    assert delta["series"] == [{"stepS": 1, "t": show.now_ms - 100, "columns": {"clients": 1}}]
    assert delta["tick"] == {"endsAt": NOW_MS, "breakers": {}}


def test_two_samples_never_share_a_delta(show):
    screen = show.viewer()
    show.sample()
    show.sample()
    show.tick()
    assert [len(message["series"]) for message in screen.messages[2:]] == [1, 1]


def test_only_a_sample_asks_for_everything(show):
    show.viewer()
    show.feed.note()
    show.tick()
    show.sample()
    show.tick()
    assert show.source.asked == [True, False, True]


def test_all_viewers_get_the_same_bytes(show):
    one, other = show.viewer(), show.viewer()
    show.sample()
    show.tick()
    assert one.frames[-1] is other.frames[-1]


def test_nobody_is_told_anything_while_nobody_watches(show):
    show.sample()
    show.move()
    show.feed.note()
    show.tick()
    assert (show.wakes, show.source.asked) == (0, [])


def test_who_left_gets_nothing_more(show):
    screen = show.viewer()
    show.feed.leave(screen)
    show.sample()
    show.tick()
    assert screen.kinds == ["snapshot", "history"]


def test_a_viewer_that_comes_back_gets_the_present(show):
    show.feed.leave(show.viewer())
    show.tick()
    show.source.rps = 7.0
    assert show.viewer().messages[0]["breakers"][0]["rps"] == 7.0


def test_a_slow_viewer_is_left_alone_until_it_has_taken_its_bytes(show):
    slow, quick = show.viewer(), show.viewer()
    slow.stuck = SLOW_FROM_BYTES + 1
    for _ in range(3):
        show.sample()
        show.tick()
    assert slow.kinds == ["snapshot", "history"]
    assert quick.kinds.count("delta") == 3


def test_then_it_gets_the_newest_state_and_what_it_missed(show):
    slow = show.viewer()
    show.sample()
    show.move()
    show.tick()
    has_points_ms = show.now_ms - 100
    slow.stuck = SLOW_FROM_BYTES + 1
    for _ in range(3):
        show.sample()
        show.move()
        show.tick()
    slow.stuck = 0
    show.source.rps = 9.0
    show.sample()
    show.tick()
    assert slow.kinds == ["snapshot", "history", "delta", "snapshot", "history"]
    snapshot, history = slow.messages[-2:]
    assert snapshot["breakers"][0]["rps"] == 9.0
    assert show.source.histories == [0, has_points_ms]
    assert history["since"] == has_points_ms
    assert [row[0] for row in history["transitions"]["rows"]] == [2, 3, 4]
    show.sample()
    show.tick()
    assert slow.kinds[-1] == "delta"


def test_a_viewer_that_is_always_slow_gets_a_snapshot_a_second_at_most(show):
    slow = show.viewer()
    for _ in range(30):
        slow.stuck = SLOW_FROM_BYTES + 1
        show.source.rps += 1
        show.feed.note()
        show.tick(50)
        slow.stuck = 0
        show.feed.note()
        show.tick(50)
    assert slow.kinds.count("snapshot") <= 1 + 3


def test_a_few_unsent_bytes_are_no_slowness(show):
    screen = show.viewer()
    screen.stuck = SLOW_FROM_BYTES
    show.sample()
    show.tick()
    assert screen.kinds[-1] == "delta"


def test_the_past_is_bounded(show):
    for _ in range(MOST_TRANSITIONS + 5):
        show.move()
    for number in range(MOST_EVENTS + 5):
        show.feed.note_event(number, Event(5.0, "k", "s", "d"))
    snapshot, history = show.viewer().messages
    assert len(snapshot["events"]) == MOST_EVENTS
    rows = history["transitions"]["rows"]
    assert (len(rows), rows[0][0], rows[-1][0]) == (MOST_TRANSITIONS, 6, MOST_TRANSITIONS + 5)


def test_a_breaker_that_flaps_for_hours_pushes_no_edit_out(show):
    show.feed.note_event(1, Event(5.0, "config_applied", "gateway.yaml", "configuration 2"))
    for number in range(2, MOST_EVENTS + 5):
        show.feed.note_event(number, Event(5.0, "breaker_opened", "orders", "probe failed"))
    show.feed.note_event(MOST_EVENTS + 5, Event(5.0, "config_applied", "gateway.yaml", "configuration 3"))
    snapshot, _ = show.viewer().messages
    numbers = [event["id"] for event in snapshot["events"]]
    assert len(numbers) == MOST_EVENTS + 2
    assert (numbers[0], numbers[1], numbers[-1]) == (1, 5, MOST_EVENTS + 5)
    assert numbers == sorted(numbers)


def test_numbers_go_on_over_deltas(show):
    screen = show.viewer()
    for _ in range(3):
        show.sample()
        show.tick()
    assert [message["seq"] for message in screen.messages if message["type"] == "delta"] == [1, 2, 3]


def test_what_was_before_the_feed_keeps_its_numbers(show):
    moved = BreakerTransition("cache", BreakerState.CLOSED, BreakerState.OPEN, Cause.PROBE_FAILED, 5.0, 0.0)
    applied = Event(5.0, "config_applied", "f", "d")
    show.feed.recall([moved, moved], 7, [(number, applied) for number in (2, 9, 10)])
    show.move()
    snapshot, history = show.viewer().messages
    assert [row[0] for row in history["transitions"]["rows"]] == [6, 7, 8]
    assert [event["id"] for event in snapshot["events"]] == [2, 9, 10]


def test_many_newcomers_share_one_snapshot_and_history(show):
    screens = [Screen() for _ in range(3)]
    for screen in screens:
        show.feed.join(screen)
    show.tick()
    assert show.source.histories == [0]
    assert all(screen.kinds == ["snapshot", "history"] for screen in screens)


def test_rows_of_the_past_take_no_more_than_their_bytes(show):
    tracemalloc.start()
    try:
        for _ in range(500):
            show.move()
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 500 * 2_000
