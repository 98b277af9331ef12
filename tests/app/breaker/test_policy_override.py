"""A policy's override under one that was set by hand: the latter lies on top, and gives way when it ends."""

import pytest

from app.breaker.registry import Breakers
from app.breaker.values import BreakerRejection, Permit
from app.policy.model import BreakerOverride, CircuitBreaker, OverrideState

WALL_S = 1_000_000.0


class At:
    """One breaker; `said`: its transitions so far as (from, to, cause, seconds)."""

    def __init__(self):
        self.breakers = Breakers(wall_s=lambda: WALL_S)
        self.breaker = self.breakers.get(
            "orders", CircuitBreaker(consecutive_failures=1, open_duration_s=10.0)
        )
        self.said: list[tuple[str, str, str, float]] = []
        self.breakers.subscribe(
            lambda moved: self.said.append((moved.from_state, moved.to_state, moved.reason, moved.now_s))
        )

    def stand(self, state, for_s=100.0, now_s=0.0, by="shop/p"):
        override = BreakerOverride(OverrideState(state), WALL_S + now_s + for_s)
        self.breaker.set_policy_override(override, by, now_s, WALL_S + now_s)

    def by_hand(self, state, for_s=0.0, now_s=0.0):
        self.breaker.override(state, for_s, "ada", now_s, WALL_S + now_s)

    def passes(self, now_s=0.0):
        answer = self.breaker.admit(now_s)
        assert isinstance(answer, Permit | BreakerRejection)
        return isinstance(answer, Permit)

    def view(self, now_s):
        return self.breaker.view(now_s, WALL_S + now_s)


@pytest.fixture
def at():
    return At()


def test_it_forces_and_ends_by_itself(at):
    at.stand("Open")
    assert not at.passes()
    assert at.passes(100.0)
    assert at.said == [("closed", "open", "override", 0.0), ("open", "closed", "override_ended", 100.0)]


def test_the_same_again_changes_nothing(at):
    at.stand("Open")
    at.breaker.set_policy_override(
        BreakerOverride(OverrideState.OPEN, WALL_S + 100.0), "shop/p", 5.0, WALL_S + 5.0
    )
    assert len(at.said) == 1


def test_none_ends_it_and_none_again_is_nothing(at):
    at.stand("Open")
    at.breaker.set_policy_override(None, "", 1.0, WALL_S + 1.0)
    at.breaker.set_policy_override(None, "", 2.0, WALL_S + 2.0)
    assert at.passes(2.0)
    assert len(at.said) == 2


@pytest.mark.parametrize(
    "override",
    [
        BreakerOverride(OverrideState.AUTO, WALL_S + 9.0),
        BreakerOverride(OverrideState.OPEN),
        BreakerOverride(OverrideState.OPEN, WALL_S - 1.0),
    ],
)
def test_what_is_no_override_or_over_forces_nothing(at, override):
    at.breaker.set_policy_override(override, "shop/p", 0.0, WALL_S)
    assert at.passes()
    assert at.said == []


def test_one_by_hand_lies_on_top_and_gives_way_when_its_time_is_over(at):
    at.stand("Open", 100.0)
    at.by_hand(OverrideState.CLOSED, 10.0)
    assert at.passes(9.0)
    assert not at.passes(10.0)
    assert at.said[-1] == ("closed", "open", "override", 10.0)
    assert at.view(10.0).override.by == "shop/p"
    assert at.passes(100.0)


def test_auto_by_hand_ends_only_what_was_set_by_hand(at):
    at.stand("Open")
    at.by_hand(OverrideState.CLOSED, 10.0)
    at.by_hand(OverrideState.AUTO, now_s=1.0)
    assert not at.passes(1.0)


def test_a_policy_edited_beneath_one_by_hand_waits_for_its_turn(at):
    at.by_hand(OverrideState.CLOSED, 10.0)
    at.stand("Open", 100.0, now_s=1.0)
    assert at.passes(9.0)
    assert not at.passes(10.0)


def test_one_that_ends_beneath_is_not_taken_up_again(at):
    at.stand("Open", 5.0)
    at.by_hand(OverrideState.CLOSED, 10.0)
    assert at.passes(10.0)
    assert at.said[-1] == ("open", "closed", "override", 0.0)


def test_the_view_sees_the_change_before_any_request_does(at):
    at.stand("Open", 100.0)
    at.by_hand(OverrideState.CLOSED, 10.0)
    seen = at.view(20.0)
    assert (seen.state, seen.override.by, seen.retry_after_s) == ("open", "shop/p", 80)
    assert seen.since_wall_s == WALL_S + 10


def test_a_change_to_the_same_state_is_no_transition(at):
    at.stand("Open", 100.0)
    at.by_hand(OverrideState.OPEN, 10.0)
    seen = at.view(20.0)
    assert (seen.state, seen.override.by) == ("open", "shop/p")
    assert not at.passes(20.0)
    assert at.said == [("closed", "open", "override", 0.0)]


def test_the_machine_behind_both_goes_on_where_it_stood(at):
    call = at.breaker.admit(0.0)
    at.breaker.fail(call, 0.0)
    at.stand("Closed", 5.0)
    assert at.passes(4.0)
    assert not at.passes(5.0)  # open since 0, for 10 s
    assert at.passes(10.0)
