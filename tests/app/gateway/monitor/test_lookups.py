import pytest

from app.admin.feed.decision_query import DecisionQuery
from app.gateway.monitor.lookups import BUSY_S, Lookups, NotKept, TooBusy
from app.telemetry.decisions import Filter
from tests.app.telemetry.test_decisions import entry, ring_of

ALL = DecisionQuery(Filter(), 100, None)


class Clock:
    """Moves on by `step_s` with each look."""

    def __init__(self) -> None:
        self.now_s, self.step_s = 10.0, 0.0

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


def test_the_last_ones_and_one_of_them_are_found():
    lookups = Lookups(ring_of(entry("1"), entry("2")))
    assert lookups.recent(ALL)["kept"] == 2
    assert lookups.one("1")["decision"]["requestId"] == "1"  # type: ignore[index]


def test_what_is_not_kept_is_told():
    with pytest.raises(NotKept, match="the last 1 decisions, since"):
        Lookups(ring_of(entry("1"))).one("odd")
    for ask in (lambda lookups: lookups.one("odd"), lambda lookups: lookups.recent(ALL)):
        with pytest.raises(NotKept, match="DECISIONS_KEPT is 0"):
            ask(Lookups(None))


def test_looking_takes_a_part_of_each_second_only():
    clock, work = Clock(), Clock()
    lookups = Lookups(ring_of(entry("1")), clock, work)
    work.step_s = 2 * BUSY_S
    lookups.recent(ALL)
    work.step_s = 0.0
    with pytest.raises(TooBusy):
        lookups.one("1")
    clock.now_s += 1.0
    assert lookups.one("1")
