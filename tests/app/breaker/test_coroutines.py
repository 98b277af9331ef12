import asyncio
import gc

import pytest
from purgatory.domain.model import OpenedState

from app.breaker.coroutines import CoroutineBreaker
from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.breaker.values import BreakerRejection, BreakerState
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker, SlowCalls

SETTINGS = CircuitBreaker(consecutive_failures=2, open_duration_s=10.0)


class Guarded:
    """A coroutine that does what `callee` says, behind a breaker."""

    def __init__(self, settings: CircuitBreaker = SETTINGS) -> None:
        self.now_s = 0.0
        self.calls = 0
        self.breaker = Breakers(lambda: 0.0).get("store", settings)
        self.guard = CoroutineBreaker(self.breaker, lambda: self.now_s)

    async def run(self, error: BaseException | None = None, takes_s: float = 0.0) -> object:
        async def callee() -> str:
            self.calls += 1
            self.now_s += takes_s
            if error is not None:
                raise error
            return "done"

        return await self.guard.call(callee)

    async def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(ValueError, match="boom"):
                await self.run(ValueError("boom"))

    @property
    def state(self) -> BreakerState:
        return self.breaker.state_at(self.now_s)


@pytest.fixture
def guarded():
    return Guarded()


async def test_what_the_coroutine_returns_is_returned(guarded):
    assert await guarded.run() == "done"


async def test_failures_open_it_and_an_open_one_calls_nobody(guarded):
    await guarded.fail(2)
    assert await guarded.run() == BreakerRejection(Reason.BREAKER_OPEN, 10)
    assert guarded.calls == 2


async def test_a_success_ends_the_row_of_failures(guarded):
    await guarded.fail(1)
    await guarded.run()
    await guarded.fail(1)
    assert guarded.state is BreakerState.CLOSED


async def test_a_probe_that_succeeds_closes_it_and_one_that_fails_opens_it_again(guarded):
    await guarded.fail(2)
    guarded.now_s = 10.0
    await guarded.fail(1)
    reopened = guarded.state
    guarded.now_s = 20.0
    await guarded.run()
    assert (reopened, guarded.state) == (BreakerState.OPEN, BreakerState.CLOSED)


async def test_half_open_admits_no_more_than_its_probes():
    guarded = Guarded(CircuitBreaker(consecutive_failures=1, open_duration_s=10.0, half_open_requests=2))
    await guarded.fail(1)
    guarded.now_s = 10.0
    released = asyncio.Event()
    results = [asyncio.create_task(guarded.guard.call(released.wait)) for _ in range(20)]
    for _ in range(10):
        await asyncio.sleep(0)
    released.set()
    assert sorted(map(str, await asyncio.gather(*results)))[18:] == ["True", "True"]


@pytest.mark.parametrize("ending", [asyncio.CancelledError(), GeneratorExit()])
async def test_who_gives_up_says_nothing_of_the_callee_and_gives_its_permit_back(guarded, ending):
    await guarded.fail(2)
    guarded.now_s = 10.0
    with pytest.raises(type(ending)):
        await guarded.run(ending)
    assert guarded.state is BreakerState.HALF_OPEN
    assert await guarded.run() == "done"


async def test_a_late_result_changes_nothing(guarded):
    released = asyncio.Event()
    late = asyncio.create_task(guarded.guard.call(released.wait))
    await asyncio.sleep(0)
    await guarded.fail(2)
    guarded.now_s = 10.0
    guarded.breaker.pass_time(10.0)
    released.set()
    await late
    assert guarded.state is BreakerState.HALF_OPEN


async def test_settings_count_from_the_next_call_on(guarded):
    await guarded.fail(1)
    guarded.breaker.settings = CircuitBreaker(consecutive_failures=1)
    await guarded.fail(1)
    assert guarded.state is BreakerState.OPEN


@pytest.mark.parametrize(("takes_s", "state"), [(1.0, BreakerState.CLOSED), (1.1, BreakerState.OPEN)])
async def test_what_takes_longer_than_the_threshold_counts_as_slow(takes_s, state):
    guarded = Guarded(CircuitBreaker(slow_calls=SlowCalls(percent=50, threshold_s=1.0)))
    for _ in range(20):
        guarded.now_s = 0.0
        await guarded.run(takes_s=takes_s)
    assert guarded.state is state


async def test_why_it_opened_is_told_with_the_transition(guarded):
    heard: list[BreakerTransition] = []
    breakers = Breakers(lambda: 0.0)
    breakers.subscribe(heard.append)
    guarded.breaker = breakers.get("store", SETTINGS)
    guarded.guard = CoroutineBreaker(guarded.breaker, lambda: guarded.now_s)
    await guarded.fail(2)
    assert [(told.to_state, told.error) for told in heard] == [(BreakerState.OPEN, "ValueError: boom")]


async def test_rejections_keep_no_frame_of_their_callers(guarded):
    await guarded.fail(2)
    for _ in range(100):
        await guarded.run()
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, OpenedState)]


async def test_purgatorys_words_are_said_of_our_states(guarded):
    words = []
    for now_s, failures in ((0.0, 0), (0.0, 2), (10.0, 0)):
        guarded.now_s = now_s
        await guarded.fail(failures)
        circuit = await guarded.guard._factory.get_breaker("store")
        words.append((circuit.context.state, circuit.context.opened_at))
    assert words == [("closed", None), ("opened", 0.0), ("half-opened", 0.0)]
