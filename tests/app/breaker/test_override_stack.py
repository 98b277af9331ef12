import pytest

from app.breaker.override_stack import OverrideStack
from app.breaker.values import BreakerState, Override


def until(end_s: float, state: BreakerState = BreakerState.OPEN) -> Override:
    return Override(state, end_s, 1_000.0 + end_s, "ada")


LOWER = until(30.0, BreakerState.CLOSED)


@pytest.fixture
def stack():
    """One set by hand until 10 s over one of a policy until 30 s."""
    stack = OverrideStack()
    stack.put(until(10.0), LOWER, 1.0)
    return stack


def test_an_empty_stack_leaves_the_breakers_own_state():
    stack = OverrideStack()
    assert (stack.live(0.0), stack.expire(0.0)) == (None, None)
    assert stack.effective_state(BreakerState.HALF_OPEN) is BreakerState.HALF_OPEN


def test_the_upper_one_is_in_force_until_its_time_is_over(stack):
    assert stack.live(9.9) == until(10.0)
    assert stack.expire(9.9) is None
    assert stack.effective_state(BreakerState.CLOSED) is BreakerState.OPEN


@pytest.mark.parametrize(
    ("now_s", "live"),
    [(10.0, LOWER), (29.9, LOWER), (30.0, None)],
)
def test_looking_shows_what_is_due_and_changes_nothing(stack, now_s, live):
    assert stack.live(now_s) == live
    assert stack.current == until(10.0)


def test_the_lower_one_comes_into_force_when_the_upper_one_ends(stack):
    assert stack.expire(12.0) == until(10.0)
    assert (stack.current, stack.below, stack.changed_at_s) == (LOWER, None, 10.0)


def test_a_lower_one_that_ended_first_is_not_taken_up(stack):
    stack.put(until(10.0), until(5.0), 1.0)
    assert stack.expire(10.0) == until(10.0)
    assert stack.current is None
