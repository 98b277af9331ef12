from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.breaker.outage import NO_OUTAGE, Outage, after
from app.breaker.registry import Breaker, Breakers
from app.breaker.values import BreakerState, Cause, Permit
from app.policy.model import BreakerOverride, CircuitBreaker, OverrideState

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
SETTINGS = CircuitBreaker(consecutive_failures=1, open_duration_s=10.0)
WALL_S = 1_000_000.0


def test_it_begins_when_the_breaker_leaves_closed():
    assert after(NO_OUTAGE, OPEN, Cause.FAILURE_RATE, 5.0) == Outage(5.0, 0, Cause.FAILURE_RATE)


@pytest.mark.parametrize(
    ("to_state", "cause", "failed"),
    [
        (HALF_OPEN, Cause.OPEN_DURATION_OVER, 2),
        (OPEN, Cause.PROBE_FAILED, 3),
        (OPEN, Cause.OVERRIDE, 2),
        (HALF_OPEN, Cause.OVERRIDE_ENDED, 2),
    ],
)
def test_it_goes_on_while_the_breaker_is_not_closed(to_state, cause, failed):
    began = Outage(5.0, 2, Cause.SLOW_CALLS)
    assert after(began, to_state, cause, 9.0) == Outage(5.0, failed, Cause.SLOW_CALLS)


@pytest.mark.parametrize("cause", [Cause.PROBE_SUCCEEDED, Cause.OVERRIDE, Cause.OVERRIDE_ENDED])
def test_it_ends_when_the_breaker_is_closed(cause):
    assert after(Outage(5.0, 2), CLOSED, cause, 9.0) == NO_OUTAGE


def request(breaker: Breaker, now_s: float, *, fails: bool) -> None:
    call = breaker.admit(now_s)
    if isinstance(call, Permit):
        (breaker.fail if fails else breaker.succeed)(call, now_s)


STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 30.0),
        st.sampled_from(
            ["fail", "succeed", "open", "closed", "auto", "policy", "no policy", "reload", "tick"]
        ),
    ),
    max_size=40,
)


def act(breakers: Breakers, step: str, now_s: float) -> None:
    breaker, wall_s = breakers.get("orders", SETTINGS), WALL_S + now_s
    if step in ("fail", "succeed"):
        request(breaker, now_s, fails=step == "fail")
    elif step == "policy":
        override = BreakerOverride(OverrideState.OPEN, wall_s + 15.0)
        breaker.set_policy_override(override, "policy", now_s, wall_s)
    elif step == "no policy":
        breaker.set_policy_override(None, "policy", now_s, wall_s)
    elif step == "reload":
        breakers.get("orders", replace(SETTINGS, open_duration_s=5.0, half_open_requests=2))
    elif step == "tick":
        breaker.pass_time(now_s)
    else:
        breaker.override(OverrideState.named(step), 8.0, "Ada", now_s, wall_s)


@given(STEPS)
def test_its_start_never_moves_while_the_breaker_is_not_closed(steps):
    now_s, clock = 0.0, [0.0]
    breakers = Breakers(wall_s=lambda: WALL_S + clock[0])
    breaker, expected = breakers.get("orders", SETTINGS), NO_OUTAGE
    seen = 0
    for wait_s, step in steps:
        now_s = clock[0] = now_s + wait_s
        act(breakers, step, now_s)
        moved = tuple(reversed(breakers.transitions("orders")))
        for transition in moved[seen:]:
            if transition.to_state is CLOSED:
                expected = NO_OUTAGE
            elif transition.from_state is CLOSED:
                expected = Outage(transition.at_wall_s, 0, transition.reason)
            elif transition.reason is Cause.PROBE_FAILED:
                expected = expected._replace(failed_probes=expected.failed_probes + 1)
        seen = len(moved)
        view = breaker.view(now_s, WALL_S + now_s)
        assert (view.state is CLOSED) == (view.outage == NO_OUTAGE)
        if view.state is not CLOSED and expected.not_closed_since_wall_s is not None:
            assert view.outage == expected


def test_a_request_that_looks_first_sees_what_time_alone_has_done():
    breakers = Breakers(wall_s=lambda: WALL_S)
    breaker = breakers.get("orders", SETTINGS)
    request(breaker, 0.0, fails=True)
    breaker.override(OverrideState.CLOSED, 5.0, "Ada", 0.0, WALL_S)
    assert breaker.view(1.0, WALL_S + 1.0).outage == NO_OUTAGE
    assert breaker.view(7.0, WALL_S + 7.0).outage == Outage(WALL_S + 5.0, 0, Cause.OVERRIDE_ENDED)
