from dataclasses import replace

import pytest

from app.breaker.machine import Machine
from app.breaker.values import (
    BreakerRejection,
    Cause,
    Outcome,
    Permit,
    Transition,
)
from app.breaker.values import (
    BreakerState as State,
)
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker, FailureRate, SlowCalls
from tests.fakes.breaker_machine import RATE, ROW, SLOW, admitted, forced, half_open, opened, play


class TestClosed:
    @pytest.mark.parametrize(
        ("settings", "letters", "state"),
        [
            (ROW, "FF", State.CLOSED),
            (ROW, "FFF", State.OPEN),
            (ROW, "FFSFF", State.CLOSED),
            (ROW, "FFLFF", State.CLOSED),
            (ROW, "FFIF", State.OPEN),
            (ROW, "I" * 10, State.CLOSED),
            (RATE, "FFFFF", State.CLOSED),
            (RATE, "SFSFSF", State.OPEN),
            (RATE, "FSFSFS", State.OPEN),
            (RATE, "SSSSFF", State.CLOSED),
            (RATE, "SSSSFFFF", State.OPEN),
            (RATE, "L" * 30, State.CLOSED),
            (SLOW, "L" * 19, State.CLOSED),
            (SLOW, "L" * 20, State.OPEN),
            (SLOW, "LLLLL" * 2 + "SSSSS" * 2, State.OPEN),
            (SLOW, "L" * 9 + "S" * 11, State.CLOSED),
            (SLOW, "F" * 30, State.CLOSED),
            (CircuitBreaker(), "F" * 50, State.CLOSED),
        ],
    )
    def test_a_row_of_results_leads_to_its_state(self, settings, letters, state):
        machine = Machine("orders", settings)
        play(machine, letters)
        assert machine.state is state

    @pytest.mark.parametrize(
        ("settings", "letters", "cause"),
        [
            (ROW, "FFF", Cause.CONSECUTIVE_FAILURES),
            (RATE, "SFSFSF", Cause.FAILURE_RATE),
            (RATE, "FSFSFS", Cause.FAILURE_RATE),
            (SLOW, "L" * 20, Cause.SLOW_CALLS),
        ],
    )
    def test_the_transition_names_its_cause(self, settings, letters, cause):
        moved = play(Machine("orders", settings), letters, now_s=4.0)
        assert moved == Transition(State.CLOSED, State.OPEN, cause, 4.0)

    def test_failures_older_than_the_window_do_not_count(self):
        machine = Machine("orders", RATE)
        play(machine, "FFFFF", now_s=0.0)
        play(machine, "SSSFFS", now_s=20.0)
        assert machine.state is State.CLOSED

    def test_slow_calls_use_the_failure_rates_minimum(self):
        machine = Machine("orders", replace(RATE, slow_calls=SlowCalls(percent=50, threshold_s=1.0)))
        moved = play(machine, "LLLSSS", 4.0)
        assert moved == Transition(State.CLOSED, State.OPEN, Cause.SLOW_CALLS, 4.0)

    def test_every_request_of_an_era_gets_the_same_permit(self):
        machine = Machine("orders", ROW)
        assert machine.admit(0.0) is machine.admit(1.0)


class TestOpen:
    @pytest.mark.parametrize(
        ("now_s", "retry_after_s"), [(0.0, 10), (0.1, 10), (1.0, 9), (8.5, 2), (9.0, 1), (9.99, 1)]
    )
    def test_a_rejection_says_whole_seconds_rounded_up(self, now_s, retry_after_s):
        assert opened().admit(now_s) == BreakerRejection(Reason.BREAKER_OPEN, retry_after_s)

    def test_the_same_wait_is_rejected_with_the_same_object(self):
        machine = opened()
        assert machine.admit(3.1) is machine.admit(3.2)

    def test_refusals_are_counted_by_state(self):
        machine, _ = half_open()
        machine.admit(10.0)
        open_now = opened()
        open_now.admit(1.0)
        counts = (machine.rejected_half_open, machine.rejected_open, open_now.rejected_open)
        assert counts == (1, 0, 1)

    def test_the_first_request_after_open_duration_is_a_probe(self):
        machine = opened()
        permit = machine.admit(10.0)
        assert isinstance(permit, Permit)
        assert machine.transitions == [
            Transition(State.OPEN, State.HALF_OPEN, Cause.OPEN_DURATION_OVER, 10.0),
        ]

    def test_a_result_of_the_closed_era_changes_nothing(self):
        machine = Machine("orders", ROW)
        late = admitted(machine, 0.0)
        play(machine, "FFF")
        assert machine.record(late, Outcome.SUCCESS, 1.0) is None
        assert machine.state is State.OPEN


class TestHalfOpen:
    @pytest.mark.parametrize("permits", [1, 3, 7])
    def test_twenty_concurrent_requests_get_exactly_the_permits(self, permits):
        machine = opened(replace(ROW, half_open_requests=permits))
        answers = [machine.admit(10.0) for _ in range(20)]
        assert sum(isinstance(answer, Permit) for answer in answers) == permits

    def test_the_rest_is_told_that_the_breaker_is_probing(self):
        machine, _ = half_open()
        assert machine.admit(10.0) == BreakerRejection(Reason.BREAKER_PROBING, 1)

    def test_one_success_closes_where_one_probe_is_wanted(self):
        machine, probe = half_open()
        moved = machine.record(probe, Outcome.SUCCESS, 11.0)
        assert moved == Transition(State.HALF_OPEN, State.CLOSED, Cause.PROBE_SUCCEEDED, 11.0)

    def test_it_closes_at_the_wanted_number_of_successes_and_not_before(self):
        machine, probe = half_open(replace(ROW, half_open_requests=3))
        machine.record(probe, Outcome.SUCCESS, 11.0)
        play(machine, "S", 11.0)
        before = machine.state
        play(machine, "S", 11.0)
        assert (before, machine.state) == (State.HALF_OPEN, State.CLOSED)

    def test_one_failure_opens_again_whatever_succeeded_before(self):
        machine, probe = half_open(replace(ROW, half_open_requests=3))
        machine.record(probe, Outcome.SUCCESS, 11.0)
        moved = play(machine, "F", 12.0)
        assert moved == Transition(State.HALF_OPEN, State.OPEN, Cause.PROBE_FAILED, 12.0)

    def test_open_duration_counts_anew_from_a_failed_probe(self):
        machine, probe = half_open()
        machine.record(probe, Outcome.FAILURE, 12.0)
        assert machine.admit(21.0) == BreakerRejection(Reason.BREAKER_OPEN, 1)

    def test_a_slow_probe_opens_again_where_slow_calls_are_judged(self):
        machine, probe = half_open(replace(ROW, slow_calls=SlowCalls(percent=50, threshold_s=1.0)))
        machine.record(probe, Outcome.SLOW, 11.0)
        assert machine.state is State.OPEN

    def test_a_slow_probe_is_a_success_where_they_are_not(self):
        machine, probe = half_open()
        machine.record(probe, Outcome.SLOW, 11.0)
        assert machine.state is State.CLOSED

    def test_a_client_that_hangs_up_gives_its_permit_back(self):
        machine, probe = half_open()
        machine.record(probe, Outcome.IGNORED, 10.5)
        assert machine.state is State.HALF_OPEN
        assert isinstance(machine.admit(10.5), Permit)

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_a_permit_given_back_twice_counts_once(self, outcome):
        machine, probe = half_open(replace(ROW, half_open_requests=2))
        machine.record(probe, Outcome.IGNORED, 10.5)
        machine.record(probe, outcome, 10.5)
        assert (machine.state, machine.probes_in_flight, machine.probe_successes) == (
            State.HALF_OPEN,
            0,
            0,
        )

    def test_a_probe_of_an_earlier_half_open_era_changes_nothing(self):
        machine, first = half_open(replace(ROW, half_open_requests=2))
        late = admitted(machine, 10.0)
        machine.record(first, Outcome.FAILURE, 11.0)
        machine.admit(21.0)
        machine.record(late, Outcome.FAILURE, 22.0)
        assert (machine.state, machine.probes_in_flight) == (State.HALF_OPEN, 1)

    def test_closing_forgets_the_failures_that_opened_it(self):
        machine, probe = half_open(replace(RATE, consecutive_failures=3, open_duration_s=1.0), now_s=1.0)
        machine.record(probe, Outcome.SUCCESS, 1.0)
        play(machine, "FF" + "S" * 4, 1.0)
        assert machine.state is State.CLOSED


class TestEdits:
    def test_a_lowered_threshold_opens_on_the_next_failure_and_not_on_the_edit(self):
        machine = Machine("orders", replace(ROW, consecutive_failures=5))
        play(machine, "FFF")
        machine.settings = replace(ROW, consecutive_failures=2)
        before = machine.state
        play(machine, "F")
        assert (before, machine.state) == (State.CLOSED, State.OPEN)

    def test_a_lowered_rate_opens_on_the_next_failure_and_not_on_a_success(self):
        machine = Machine("orders", RATE)
        play(machine, "SSSSSSFF")
        machine.settings = replace(RATE, failure_rate=FailureRate(percent=20, minimum_requests=6))
        play(machine, "S")
        before = machine.state
        play(machine, "F")
        assert (before, machine.state) == (State.CLOSED, State.OPEN)

    def test_a_shorter_open_duration_counts_from_the_moment_it_opened(self):
        machine = opened(replace(ROW, open_duration_s=60.0))
        machine.settings = replace(ROW, open_duration_s=5.0)
        assert machine.admit(4.0) == BreakerRejection(Reason.BREAKER_OPEN, 1)
        assert isinstance(machine.admit(5.0), Permit)

    def test_a_longer_open_duration_counts_from_the_moment_it_opened(self):
        machine = opened()
        machine.settings = replace(ROW, open_duration_s=60.0)
        assert machine.admit(20.0) == BreakerRejection(Reason.BREAKER_OPEN, 40)

    def test_fewer_half_open_requests_leave_the_probes_under_way_their_permits(self):
        machine, probe = half_open(replace(ROW, half_open_requests=3))
        machine.admit(10.0)
        machine.settings = ROW
        assert machine.admit(10.0) == BreakerRejection(Reason.BREAKER_PROBING, 1)
        machine.record(probe, Outcome.SUCCESS, 11.0)
        assert machine.state is State.CLOSED

    def test_more_half_open_requests_are_used_by_the_next_admission(self):
        machine, _ = half_open()
        machine.settings = replace(ROW, half_open_requests=2)
        assert isinstance(machine.admit(10.0), Permit)

    def test_a_rate_set_live_judges_what_was_counted_before(self):
        machine = Machine("orders", replace(ROW, consecutive_failures=100))
        play(machine, "FFFFF")
        machine.settings = RATE
        play(machine, "F")
        assert machine.state is State.OPEN

    def test_another_window_keeps_the_counts(self):
        machine = Machine("orders", RATE)
        play(machine, "SSFF", now_s=1.0)
        machine.settings = replace(RATE, failure_rate=FailureRate(percent=50, window_s=60.0))
        assert machine.window.counts(30.0) == (4, 2, 0)


class TestReading:
    def test_due_transitions_are_told_and_not_made(self):
        machine = opened()
        machine.transitions.clear()
        assert machine.due(12.0) == (Transition(State.OPEN, State.HALF_OPEN, Cause.OPEN_DURATION_OVER, 10.0),)
        assert (machine.state, machine.transitions) == (State.OPEN, [])

    def test_an_override_that_is_over_and_what_follows_are_due(self):
        machine = opened()
        machine.force(forced(State.CLOSED, until_s=20.0), 1.0)
        assert machine.due(19.0) == ()
        assert machine.due(30.0) == (
            Transition(State.CLOSED, State.OPEN, Cause.OVERRIDE_ENDED, 20.0),
            Transition(State.OPEN, State.HALF_OPEN, Cause.OPEN_DURATION_OVER, 20.0),
        )

    def test_the_end_of_an_override_like_the_machine_itself_is_not_due(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.CLOSED, until_s=20.0), 1.0)
        assert machine.due(30.0) == ()

    @pytest.mark.parametrize(("now_s", "wait_s"), [(0.0, 10.0), (4.0, 6.0), (10.0, 0.0), (50.0, 0.0)])
    def test_the_wait_is_what_is_left_of_open_duration(self, now_s, wait_s):
        assert opened().wait_s(now_s) == wait_s

    @pytest.mark.parametrize(("state", "wait_s"), [(State.OPEN, 59.0), (State.CLOSED, 0.0)])
    def test_the_wait_follows_an_override(self, state, wait_s):
        machine = opened()
        machine.force(forced(state), 1.0)
        assert machine.wait_s(1.0) == wait_s

    def test_nothing_waits_while_closed(self):
        assert Machine("orders", ROW).wait_s(0.0) == 0.0
