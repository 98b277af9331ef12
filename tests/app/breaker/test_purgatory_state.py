import asyncio

import pytest
from purgatory import ContextChanged
from purgatory.domain.model import OpenedState

from app.breaker.machine import Machine
from app.breaker.purgatory_state import FAILED, IGNORED, SLOW, CallState, Context
from app.breaker.registry import Breakers
from app.policy.model import CircuitBreaker, SlowCalls

SETTINGS = CircuitBreaker(consecutive_failures=2, open_duration_s=10.0)


def call_state(machine: Machine, context: Context, now_s: float = 0.0) -> CallState:
    call = CallState(machine)
    call.now_s = now_s
    call.handle_new_request(context)
    return call


def context_of(machine: Machine) -> Context:
    context = Context("orders", 2, 10.0)
    context.set_state(CallState(machine))
    context.messages.clear()
    return context


@pytest.fixture
def machine():
    return Breakers().get("orders", SETTINGS).machine


class TestCallState:
    def test_states_are_said_in_purgatorys_words(self, machine):
        context = context_of(machine)
        words = [context.state]
        for _ in range(2):
            call_state(machine, context).handle_exception(context, FAILED)
        words.append(context.state)
        call_state(machine, context, 10.0)
        words.append(context.state)
        assert words == ["closed", "opened", "half-opened"]

    def test_it_says_the_moment_it_opened_only_while_open(self, machine):
        context = context_of(machine)
        before = context.opened_at
        for _ in range(2):
            call = call_state(machine, context)
            call.now_s = 4.0
            call.handle_exception(context, FAILED)
        assert (before, context.opened_at) == (None, 4.0)

    def test_only_a_transition_leaves_a_message(self, machine):
        context = context_of(machine)
        call_state(machine, context).handle_exception(context, FAILED)
        before = list(context.messages)
        machine.transitions.clear()
        call_state(machine, context).handle_exception(context, FAILED)
        assert (before, context.messages) == ([], [ContextChanged("orders", "opened", 0.0)])

    def test_each_rejection_is_a_new_exception(self, machine):
        context = context_of(machine)
        for _ in range(2):
            call_state(machine, context).handle_exception(context, FAILED)
        rejections = []
        for _ in range(2):
            with pytest.raises(OpenedState) as rejected:
                call_state(machine, context, 1.0)
            rejections.append(rejected.value)
        assert rejections[0] is not rejections[1]

    @pytest.mark.parametrize(
        ("exc", "failures"),
        [
            (FAILED, 1),
            (ValueError("boom"), 1),
            (SLOW, 0),
            (IGNORED, 0),
            (asyncio.CancelledError(), 0),
            (GeneratorExit(), 0),
        ],
    )
    def test_only_an_error_of_the_upstream_is_a_failure(self, machine, exc, failures):
        context = context_of(machine)
        call_state(machine, context).handle_exception(context, exc)
        assert machine.consecutive_failures == failures

    def test_the_end_of_a_request_ends_the_row(self, machine):
        context = context_of(machine)
        call_state(machine, context).handle_exception(context, FAILED)
        call_state(machine, context).handle_end_request(context)
        assert machine.consecutive_failures == 0

    def test_a_slow_marker_counts_as_slow(self, machine):
        machine.settings = CircuitBreaker(slow_calls=SlowCalls(percent=50, threshold_s=1.0))
        context = context_of(machine)
        call_state(machine, context).handle_exception(context, SLOW)
        assert machine.window.slow == 1
