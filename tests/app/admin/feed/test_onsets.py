import pytest

from app.admin.feed.onsets import GRACE_S, MOST_ONSETS, Onset, carried_on

WALL_S = 1_764_000_000.0


class Memory:
    """A fold over looks, by a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.onsets: dict[str, Onset] = {}

    def look(self, *seen: str, after_s: float = 1.0) -> dict[str, float]:
        """Since when each has been so, in seconds of the clock."""
        self.now_s += after_s
        self.onsets = carried_on(self.onsets, seen, self.now_s, WALL_S + self.now_s)
        return {key: onset.since_wall_s - WALL_S for key, onset in self.onsets.items()}


def test_what_goes_on_began_when_it_was_seen_first():
    memory = Memory()
    assert memory.look("a") == {"a": 1.0}
    assert memory.look("a", "b") == {"a": 1.0, "b": 2.0}
    assert memory.look("a", "b", after_s=600.0) == {"a": 602.0, "b": 602.0}, "a look was missed for too long"


def test_what_comes_back_within_the_grace_had_never_gone():
    memory = Memory()
    memory.look("a")
    assert memory.look(after_s=GRACE_S) == {"a": 1.0}
    assert memory.look("a", after_s=0.0) == {"a": 1.0}


def test_what_comes_back_after_the_grace_is_new():
    memory = Memory()
    memory.look("a")
    assert memory.look(after_s=GRACE_S + 0.1) == {}
    assert memory.look("a")["a"] == pytest.approx(GRACE_S + 2.1)


def test_a_step_of_the_wall_clock_moves_no_onset():
    onsets = carried_on({}, ["a"], 1.0, WALL_S)
    assert carried_on(onsets, ["a"], 2.0, WALL_S - 3600.0)["a"].since_wall_s == WALL_S


def test_it_is_bounded_and_the_oldest_stay():
    many = [f"key-{number}" for number in range(MOST_ONSETS + 5)]
    onsets = carried_on({}, many, 1.0, WALL_S)
    assert list(onsets) == many[:MOST_ONSETS]
    assert carried_on(onsets, [many[0]], 2.0, WALL_S)[many[0]].seen_s == 2.0
