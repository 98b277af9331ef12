import pytest

from app.breaker.state import MachineState, whole_s
from app.breaker.values import BreakerState, Cause, Override
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker, FailureRate, SlowCalls


@pytest.mark.parametrize(("wait_s", "told_s"), [(0.0, 1), (0.2, 1), (9.0, 9), (9.1, 10)])
def test_a_wait_is_whole_seconds_rounded_up(wait_s, told_s):
    assert whole_s(wait_s) == told_s


def test_float_noise_adds_no_second():
    assert whole_s((1000.1 + 10.0) - 1000.1 + 1e-9) == 10


def test_it_begins_closed_and_lets_all_pass():
    state = MachineState("orders", CircuitBreaker(consecutive_failures=3))
    assert (state.state, state.effective_state) == (BreakerState.CLOSED, BreakerState.CLOSED)
    assert state.closed_permit is not None
    assert not state.closed_permit.is_probe


def test_an_override_is_what_requests_meet():
    state = MachineState("orders", CircuitBreaker(consecutive_failures=3))
    override = Override(BreakerState.OPEN, 10.0, 1_010.0, "ada")
    state.overrides.put(override, None, 0.0)
    assert (state.override, state.effective_state) == (override, BreakerState.OPEN)


def test_an_edit_resizes_the_window_and_keeps_the_counts():
    state = MachineState("orders", CircuitBreaker(failure_rate=FailureRate(50, 10.0, 2)))
    state.window.record_failure(0.5)
    state.settings = CircuitBreaker(failure_rate=FailureRate(50, 60.0, 2))
    assert (state.window.window_s, state.window.failures) == (60.0, 1)


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        (CircuitBreaker(consecutive_failures=3), None),
        (CircuitBreaker(failure_rate=FailureRate(50, 10.0, 4)), None),
        (CircuitBreaker(failure_rate=FailureRate(34, 10.0, 3)), None),
        (CircuitBreaker(failure_rate=FailureRate(33, 10.0, 3)), Cause.FAILURE_RATE),
        (
            CircuitBreaker(failure_rate=FailureRate(99, 10.0, 3), slow_calls=SlowCalls(33, 1.0)),
            Cause.SLOW_CALLS,
        ),
    ],
)
def test_rates_are_judged_from_the_minimum_on(settings, cause):
    state = MachineState("orders", settings)
    state.window.record_failure(0.1)
    state.window.record_slow(0.1)
    state.window.record_success(0.1)
    assert state.judge_rates() is cause


def test_probe_permits_run_out_only_where_nothing_is_forced():
    state = MachineState("orders", CircuitBreaker(half_open_requests=1))
    state.probes_in_flight = 1
    assert state.full(0.0)
    state.overrides.put(Override(BreakerState.OPEN, 10.0, 1_010.0, "ada"), None, 0.0)
    assert not state.full(0.0)


def test_the_same_rejection_is_the_same_object():
    state = MachineState("orders", CircuitBreaker())
    first = state.reject(Reason.BREAKER_OPEN, 2.9)
    assert state.reject(Reason.BREAKER_OPEN, 2.5) is first
    assert state.reject(Reason.BREAKER_PROBING, 2.5) is not first
