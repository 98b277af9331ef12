"""Overrides of a machine, and what time alone changes; requests and results: test_machine.py."""

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
from tests.fakes.breaker_machine import ROW, admitted, forced, half_open, opened, play


class TestOverride:
    def test_forced_open_refuses_until_its_end(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.OPEN), 0.0)
        assert machine.admit(20.0) == BreakerRejection(Reason.BREAKER_OPEN, 40)

    def test_forced_open_ends_by_itself(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.OPEN), 0.0)
        assert isinstance(machine.admit(60.0), Permit)

    def test_forced_closed_lets_all_pass_an_open_breaker(self):
        machine = opened()
        machine.force(forced(State.CLOSED), 1.0)
        assert all(isinstance(machine.admit(2.0), Permit) for _ in range(5))

    def test_results_while_forced_closed_move_nothing(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.CLOSED), 0.0)
        play(machine, "FFFFF", 1.0)
        assert (machine.state, machine.consecutive_failures) == (State.CLOSED, 0)

    def test_a_request_admitted_by_force_counts_nothing_after_its_end_either(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.CLOSED), 0.0)
        permit = admitted(machine, 1.0)
        machine.record(permit, Outcome.FAILURE, 61.0)
        assert machine.consecutive_failures == 0

    def test_a_request_admitted_before_counts_nothing_while_forced(self):
        machine = Machine("orders", ROW)
        permit = admitted(machine, 0.0)
        machine.force(forced(State.OPEN), 0.0)
        machine.record(permit, Outcome.FAILURE, 1.0)
        assert machine.consecutive_failures == 0

    def test_a_request_admitted_before_counts_once_the_override_is_over(self):
        machine = Machine("orders", ROW)
        permit = admitted(machine, 0.0)
        machine.force(forced(State.OPEN), 0.0)
        machine.record(permit, Outcome.FAILURE, 61.0)
        assert machine.consecutive_failures == 1

    def test_a_probe_that_ends_while_forced_gives_its_permit_back(self):
        machine, probe = half_open()
        machine.force(forced(State.CLOSED), 10.0)
        machine.record(probe, Outcome.FAILURE, 11.0)
        assert (machine.state, machine.probes_in_flight) == (State.HALF_OPEN, 0)

    def test_the_machine_goes_on_where_it_stood(self):
        machine = opened(replace(ROW, open_duration_s=100.0))
        machine.force(forced(State.CLOSED), 1.0)
        assert machine.admit(60.0) == BreakerRejection(Reason.BREAKER_OPEN, 40)

    def test_begin_and_end_are_transitions_of_what_requests_meet(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.OPEN), 5.0)
        machine.admit(75.0)
        assert machine.transitions == [
            Transition(State.CLOSED, State.OPEN, Cause.OVERRIDE, 5.0),
            Transition(State.OPEN, State.CLOSED, Cause.OVERRIDE_ENDED, 60.0),
        ]

    def test_an_override_that_changes_nothing_for_requests_is_no_transition(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.CLOSED), 0.0)
        machine.pass_time(60.0)
        assert (machine.transitions, machine.override) == ([], None)

    def test_it_can_be_ended_by_hand(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.OPEN), 0.0)
        machine.force(None, 3.0)
        assert machine.transitions[-1] == Transition(State.OPEN, State.CLOSED, Cause.OVERRIDE_ENDED, 3.0)
        assert isinstance(machine.admit(3.0), Permit)

    def test_it_stays_until_its_time_is_over(self):
        machine = Machine("orders", ROW)
        machine.force(forced(State.OPEN), 0.0)
        machine.pass_time(59.9)
        assert machine.override is not None


class TestTime:
    def test_half_open_comes_when_it_is_due_without_any_request(self):
        machine = opened()
        machine.transitions.clear()
        machine.pass_time(9.9)
        assert machine.transitions == []
        machine.pass_time(10.7)
        assert machine.transitions == [
            Transition(State.OPEN, State.HALF_OPEN, Cause.OPEN_DURATION_OVER, 10.0)
        ]

    def test_a_request_that_comes_late_finds_it_half_open_since_it_was_due(self):
        machine = opened()
        machine.transitions.clear()
        assert isinstance(machine.admit(500.0), Permit)
        assert machine.transitions == [
            Transition(State.OPEN, State.HALF_OPEN, Cause.OPEN_DURATION_OVER, 10.0)
        ]

    @pytest.mark.parametrize("ended_by_hand", [True, False])
    def test_an_override_that_hides_it_puts_half_open_off_to_its_end(self, ended_by_hand):
        machine = opened()
        machine.force(forced(State.CLOSED, until_s=20.0), 1.0)
        machine.transitions.clear()
        if ended_by_hand:
            machine.force(None, 20.0)
        machine.pass_time(30.0)
        assert machine.transitions == [
            Transition(State.CLOSED, State.OPEN, Cause.OVERRIDE_ENDED, 20.0),
            Transition(State.OPEN, State.HALF_OPEN, Cause.OPEN_DURATION_OVER, 20.0),
        ]
