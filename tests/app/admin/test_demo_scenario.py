"""The breaker test on a ground that does what the test of the test says; the real one is a scenario."""

import asyncio

import pytest

from app.admin.demo_scenario import POLL_S, DemoRoute, DemoScenario
from app.admin.demo_scenario_steps import Run, Step
from app.admin.feed.instants import ms
from app.admin.loopback import NoResponse, Seen
from app.breaker.registry import Breakers
from app.breaker.values import BreakerRejection, Permit
from app.breaker.view import BreakerView
from app.foundation.clock import now_s, wall_s
from app.foundation.reasons import Reason
from app.operator.clock import REAL, Clock
from app.policy.model import CircuitBreaker, OverrideState
from tests.fakes.fast_time import run_fast

PLACE = DemoRoute("demo", "/demo")
FAILED, WELL = Seen(503, "", None), Seen(200, "", None)


class Ground:
    """A real breaker before an upstream that does as its path says; `spoil` may change any answer."""

    def __init__(self, clock: Clock = REAL) -> None:
        self.clock = clock
        self.breakers = Breakers(clock.wall_s)
        self.breakers.get("demo", CircuitBreaker(consecutive_failures=2, open_duration_s=0.2))
        self.asked: list[str] = []

    def route(self) -> DemoRoute | str:
        return PLACE

    def breaker(self, name: str) -> BreakerView | None:
        known = self.breakers.known(name)
        return known.view(self.clock.now_s(), self.clock.wall_s()) if known else None

    def has_moved(self, name: str, since_wall_s: float) -> bool:
        return any(moved.to_state == "half_open" for moved in self.breakers.transitions(name))

    def spoil(self, path: str) -> Seen | None:
        """Called before each request."""
        return None

    async def ask(self, path: str) -> Seen:
        self.asked.append(path)
        spoilt = self.spoil(path)
        if spoilt is not None:
            return spoilt
        return self.request(path)

    def request(self, path: str) -> Seen:
        """What the gateway would do."""
        breaker = self.breakers.known("demo")
        assert breaker is not None
        call = breaker.admit(self.clock.now_s())
        if isinstance(call, BreakerRejection):
            return Seen(503, call.reason.value, call.retry_after_s)
        assert isinstance(call, Permit)
        if path.endswith("/ok"):
            breaker.succeed(call, self.clock.now_s())
            return WELL
        breaker.fail(call, self.clock.now_s(), "status_503")
        return FAILED


async def ended_run(ground: Ground) -> Run:
    told: list[tuple[str, str, str]] = []
    test = DemoScenario(ground, lambda: None, lambda *event: told.append(event))
    assert test.why_not() == ""
    driving = test.start()
    before = test.is_running
    await driving
    assert (before, test.is_running) == (True, False)
    assert test.run is not None
    assert [kind for kind, _, _ in told] == ["test_started", "test_ended"]
    return test.run


async def run_on(ground: Ground) -> tuple[str, dict[str, str], str]:
    """The run's state, what was seen in each step, the result."""
    run = await ended_run(ground)
    return run.state, {step.id: step.seen for step in run.steps}, run.result


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("app.admin.demo_scenario.LATE_S", 0.1)


async def test_a_good_run_passes():
    state, seen, _ = await run_on(Ground())
    assert state == "passed"
    assert seen["opened"] == "open (consecutive_failures)"
    assert seen["closed"] == "closed (probe_succeeded)"


def test_half_open_is_due_when_the_open_duration_is_over_and_seen_by_the_next_look(monkeypatch):
    async def play(clock: Clock) -> Step:
        monkeypatch.setattr("app.admin.demo_scenario.wall_s", clock.wall_s)
        ground = Ground(clock)
        step = (await ended_run(ground)).step("half_opened")
        opened = ground.breakers.transitions("demo")[-1]
        assert step.expected_at_ms == ms(opened.at_wall_s) + 200
        return step

    step = run_fast(play)
    assert step.seen_at_ms is not None
    assert step.expected_at_ms is not None
    assert 0 <= step.seen_at_ms - step.expected_at_ms <= POLL_S * 1000


def test_a_state_is_not_seen_before_it_was(monkeypatch):
    """The wall clock was looked at a little later when it opened than when half-open was seen."""

    async def play(clock: Clock) -> Step:
        monkeypatch.setattr("app.admin.demo_scenario.wall_s", clock.wall_s)
        ground = Ground(Clock(clock.now_s, lambda: clock.wall_s() + 0.05))
        return (await ended_run(ground)).step("half_opened")

    step = run_fast(play)
    assert (step.state, step.seen_at_ms) == ("passed", step.expected_at_ms)


async def test_no_answer_fails_the_step_that_asked():
    class Silent(Ground):
        def spoil(self, path: str) -> Seen | None:
            if path.endswith("/503"):
                raise NoResponse("no answer within 35 s")
            return None

    state, seen, result = await run_on(Silent())
    assert (state, seen["failure_1"]) == ("failed", "no answer within 35 s")
    assert "no answer within 35 s" in result


async def test_others_successes_are_made_up_for():
    class Busy(Ground):
        def spoil(self, path: str) -> Seen | None:
            if len(self.asked) in (3, 4):  # before the second and the third failure
                self.request("/ok")
            return None

    state, seen, _ = await run_on(Busy())
    assert state == "passed"
    assert "after 2 more: others' requests succeeded" in seen["opened"]


async def test_anothers_probe_is_told():
    class Quick(Ground):
        def spoil(self, path: str) -> Seen | None:
            return None

        def breaker(self, name: str) -> BreakerView | None:
            seen = super().breaker(name)
            if seen is not None and seen.state == "half_open":
                self.request("/ok")
                return super().breaker(name)
            return seen

    state, seen, _ = await run_on(Quick())
    assert (state, seen["half_opened"]) == ("passed", "half-open; another one's request was the probe")


async def test_a_probe_waits_for_its_turn():
    class Probed(Ground):
        def __init__(self) -> None:
            super().__init__()
            self.refusals = 2

        def spoil(self, path: str) -> Seen | None:
            if len(self.asked) > 4 and self.refusals:
                self.refusals -= 1
                return Seen(503, Reason.BREAKER_PROBING.value, 1)
            return None

    state, seen, _ = await run_on(Probed())
    assert (state, seen["probe"]) == ("passed", "200 from the upstream")


async def test_a_probe_that_fails_fails_the_run():
    class Broken(Ground):
        def spoil(self, path: str) -> Seen | None:
            return Seen(502, "upstream_connect", None) if len(self.asked) > 4 else None

    state, seen, _ = await run_on(Broken())
    assert (state, seen["probe"], seen["closed"]) == ("failed", "502 upstream_connect", "")


async def test_a_breaker_that_never_half_opens_fails_the_run():
    class Held(Ground):
        def spoil(self, path: str) -> Seen | None:
            if len(self.asked) != 4:
                return None
            breaker, answer = self.breakers.known("demo"), self.request(path)
            assert breaker is not None
            breaker.override(OverrideState.OPEN, 60.0, "Ada", now_s(), wall_s())
            return answer

    state, seen, _ = await run_on(Held())
    assert state == "failed"
    assert seen["refused"] == "503 breaker_open, Retry-After 1 s"
    assert seen["half_opened"] == "still open, held by an override"


async def test_a_breaker_that_does_not_open_fails_the_run():
    class Deaf(Ground):
        def spoil(self, path: str) -> Seen | None:
            return FAILED if path.endswith("/503") else None  # as if another breaker had counted it

    state, seen, _ = await run_on(Deaf())
    assert (state, seen["opened"]) == ("failed", "still closed, after 0.1 s more")


async def test_a_breaker_that_goes_meanwhile_fails_the_run():
    class Gone(Ground):
        def spoil(self, path: str) -> Seen | None:
            if len(self.asked) == 3:
                self.breakers.keep_only([])
                return FAILED
            return None

    state, _, result = await run_on(Gone())
    assert state == "failed"
    assert "no breaker any more" in result


async def test_a_run_that_is_cancelled_is_no_running_one():
    class Endless(Ground):
        async def ask(self, path: str) -> Seen:
            await asyncio.Event().wait()
            raise AssertionError

    test = DemoScenario(Endless(), lambda: None, lambda *_: None)
    driving = asyncio.ensure_future(test.start())
    await asyncio.sleep(0)
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driving
    assert test.run is not None
    assert (test.run.state, test.run.result.endswith("it was interrupted")) == ("failed", True)


async def test_a_demo_upstream_without_a_breaker_is_no_ground():
    ground = Ground()
    ground.breakers.keep_only([])
    test = DemoScenario(ground, lambda: None, lambda *_: None)
    assert test.shape()["why"] == "the demo upstream has no breaker"
