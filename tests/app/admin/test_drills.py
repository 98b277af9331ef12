import logging

import pytest

from app.admin.drills import Drills
from app.breaker.registry import Breakers
from app.policy.model import CircuitBreaker, OverrideState

WALL_S = 1_000_000.0


class Drilling:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.breakers = Breakers(lambda: WALL_S)
        self.breakers.get("orders", CircuitBreaker(3))
        self.drills = Drills(self.breakers, lambda *told: self.told.append(told))

    def put(self, state: str, now_s: float = 0.0, for_s: float = 60.0, by: str = "Ada", why: str = "why"):
        self.drills.put("orders", OverrideState.named(state), for_s, by, why, now_s, WALL_S + now_s)


@pytest.fixture
def drilling():
    return Drilling()


STARTED = ("override_started", "orders", "open for 60 s by Ada: why")


def test_a_start_is_told_at_once(drilling):
    drilling.put("open")
    assert drilling.told == [STARTED]
    assert drilling.breakers.known("orders").view(0.0, WALL_S).override.why == "why"


def test_it_is_told_without_a_reason_too(drilling):
    drilling.put("closed", why="")
    assert drilling.told == [("override_started", "orders", "closed for 60 s by Ada")]


def test_its_end_by_time_is_told(drilling):
    drilling.put("open")
    drilling.drills.watch(59.9)
    assert len(drilling.told) == 1
    drilling.drills.watch(60.0)
    drilling.drills.watch(61.0)
    assert drilling.told[1:] == [("override_ended", "orders", "its time is over")]


def test_who_ends_it_is_told(drilling):
    drilling.put("open")
    drilling.put("auto", 5.0, by="Bob")
    assert drilling.told[1:] == [("override_ended", "orders", "ended by Bob")]


def test_another_one_replaces_it(drilling):
    drilling.put("open")
    drilling.put("closed", 5.0, by="Bob")
    assert [kind for kind, _, _ in drilling.told] == [
        "override_started",
        "override_ended",
        "override_started",
    ]
    assert drilling.told[1][2] == "replaced by Bob"


def test_what_others_put_in_force_is_told_too(drilling):
    drilling.breakers.known("orders").override(OverrideState.OPEN, 60.0, "Ada", 0.0, WALL_S, "why")
    drilling.drills.watch(0.0)
    assert drilling.told == [STARTED]


def test_a_breaker_that_left_ends_its_drill(drilling):
    drilling.put("open")
    drilling.breakers.keep_only([])
    drilling.drills.watch(1.0)
    assert drilling.told[1:] == [("override_ended", "orders", "ended")]


def test_an_unknown_breaker_is_left_alone(drilling):
    drilling.drills.put("none", OverrideState.OPEN, 60.0, "Ada", "why", 0.0, WALL_S)
    assert drilling.told == []


def test_start_and_end_are_lines_of_the_log(drilling, caplog):
    with caplog.at_level(logging.WARNING, "tidegate.drill"):
        drilling.put("open")
        drilling.drills.watch(60.0)
    assert [record.getMessage() for record in caplog.records] == [
        "breaker orders: override started (open for 60 s by Ada: why)",
        "breaker orders: override ended (its time is over)",
    ]
