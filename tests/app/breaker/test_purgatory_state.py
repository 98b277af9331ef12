import asyncio

import pytest
from purgatory import ContextChanged, Event
from purgatory.domain.model import OpenedState

from app.breaker.machine import Machine
from app.breaker.purgatory_state import FAILED, IGNORED, SLOW, CallState, Context, coroutine_breakers
from app.breaker.registry import Breakers
from app.policy.model import CircuitBreaker, SlowCalls

SETTINGS = CircuitBreaker(consecutive_failures=2, open_duration_s=10.0)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """A breaker as coroutine users meet it, and the clock it goes by."""

    def __init__(self, settings: CircuitBreaker = SETTINGS) -> None:
        self.clock = Clock()
        self.started, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()
        self.breakers = Breakers(wall_s=lambda: 0.0)
        self.breaker = self.breakers.get("orders", settings)
        self.factory = coroutine_breakers(lambda name: self.breakers.get(name, settings), self.clock)

    async def call(self, exc: Exception | None = None) -> None:
        async with await self.factory.get_breaker("orders"):
            self.started.set()
            await self.go.wait()
            if exc is not None:
                raise exc

    def pause(self) -> None:
        """Calls from now on wait inside the breaker for `go`."""
        self.started.clear()
        self.go.clear()

    async def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(ValueError, match="boom"):
                await self.call(ValueError("boom"))

    def moves(self) -> list[tuple[str, str]]:
        return [(moved.to_state, moved.reason) for moved in self.breakers.transitions("orders")]


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
    def test_states_are_told_in_purgatorys_words(self, machine):
        context = context_of(machine)
        words = [context.state]
        for _ in range(2):
            call_state(machine, context).handle_exception(context, FAILED)
        words.append(context.state)
        call_state(machine, context, 10.0)
        words.append(context.state)
        assert words == ["closed", "opened", "half-opened"]

    def test_it_tells_the_moment_it_opened_only_while_open(self, machine):
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
        machine.moved.clear()
        call_state(machine, context).handle_exception(context, FAILED)
        assert (before, context.messages) == ([], [ContextChanged("orders", "opened", 0.0)])

    def test_each_refusal_is_a_new_exception(self, machine):
        context = context_of(machine)
        for _ in range(2):
            call_state(machine, context).handle_exception(context, FAILED)
        refusals = []
        for _ in range(2):
            with pytest.raises(OpenedState) as refused:
                call_state(machine, context, 1.0)
            refusals.append(refused.value)
        assert refusals[0] is not refusals[1]

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
        assert machine.failures_in_row == failures

    def test_the_end_of_a_request_ends_the_row(self, machine):
        context = context_of(machine)
        call_state(machine, context).handle_exception(context, FAILED)
        call_state(machine, context).handle_end_request(context)
        assert machine.failures_in_row == 0

    def test_a_slow_marker_counts_as_slow(self, machine):
        machine.settings = CircuitBreaker(slow_calls=SlowCalls(percent=50, threshold_s=1.0))
        context = context_of(machine)
        call_state(machine, context).handle_exception(context, SLOW)
        assert machine.window.slow == 1


class TestCoroutines:
    async def test_failures_open_it_and_openedstate_refuses(self):
        bench = Bench()
        await bench.fail(2)
        with pytest.raises(OpenedState):
            await bench.call()

    async def test_transitions_reach_the_journal(self):
        bench = Bench()
        await bench.fail(2)
        bench.clock.now_s = 10.0
        await bench.call()
        assert bench.moves() == [
            ("closed", "probe_succeeded"),
            ("half_open", "open_duration_over"),
            ("open", "consecutive_failures"),
        ]

    async def test_twenty_concurrent_calls_of_a_half_open_breaker_let_one_pass(self):
        bench = Bench()
        await bench.fail(2)
        bench.clock.now_s = 10.0
        bench.pause()
        calls = [asyncio.ensure_future(bench.call()) for _ in range(20)]
        await bench.started.wait()
        bench.go.set()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(answer is None for answer in answers) == 1

    async def test_ten_cancelled_calls_leave_it_closed(self):
        bench = Bench()
        for _ in range(10):
            bench.pause()
            call = asyncio.ensure_future(bench.call())
            await bench.started.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert bench.breaker.view(0.0, 0.0).state == "closed"

    async def test_a_hook_of_purgatory_hears_of_the_opening(self):
        bench = Bench()
        heard: list[tuple[str, str, Event]] = []
        bench.factory.add_listener(lambda name, kind, event: heard.append((name, kind, event)))
        await bench.fail(2)
        assert heard == [("orders", "state_changed", ContextChanged("orders", "opened", 0.0))]

    async def test_it_shares_its_state_with_the_data_path(self):
        bench = Bench()
        await bench.fail(1)
        call = bench.breaker.admit(0.0)
        assert isinstance(call, CallState)
        bench.breaker.fail(call, 0.0)
        with pytest.raises(OpenedState):
            await bench.call()


async def test_the_repository_stores_nothing():
    factory = Bench().factory
    contexts = factory.uow.contexts
    await contexts.register(Context("orders", 1, 1.0))
    await contexts.update_state("orders", "opened", 1.0)
    await contexts.inc_failures("orders", 1)
    await contexts.reset_failure("orders")
    await factory.uow.commit()
    await factory.uow.rollback()
    context = await contexts.get("orders")
    assert context is not None
    assert context.state == "closed"
