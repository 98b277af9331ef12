"""Runs the seed scenario for real: the demo upstream fails, its breaker opens, half-opens, closes.

It only sends requests to the demo upstream, through the public port as any client would; each step says what it saw.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from app.admin.demo_scenario_steps import Run, Step, failing_status, plan_run, unfit
from app.admin.feed.instants import ms
from app.admin.loopback import NoResponse, Seen
from app.admin.shape import Shape
from app.breaker.values import BreakerState
from app.breaker.view import BreakerView
from app.foundation.clock import wall_s

__all__ = ["DemoScenario", "ScenarioTarget", "DemoRoute"]

LOG = logging.getLogger("tidegate.breaker_test")
POLL_S = 0.02
MOST_BURSTS, LARGEST_BURST = 20, 16
"""Failures at once, where others' requests end a row of single ones; and how many of them a time."""
LATE_S = 2.0
"""How much later than it should a state may be seen."""


@dataclass(frozen=True, slots=True)
class DemoRoute:
    """The demo upstream's breaker, and the path that the public port routes to it."""

    breaker: str
    path: str


class ScenarioTarget(Protocol):
    """The running gateway, as far as the scenario needs it."""

    def route(self) -> DemoRoute | str:
        """Where the scenario runs; or, as text, why it cannot."""
        ...

    def breaker(self, name: str) -> BreakerView | None: ...

    def has_moved(self, name: str, since_wall_s: float) -> bool:
        """Whether the breaker became half-open since then."""
        ...

    async def ask(self, path: str) -> Seen:
        """A request through the public port. Raises NoResponse."""
        ...


class DemoScenario:
    """One run at a time. `changed` is called after each step, `publish(kind, breaker, detail)` with events."""

    def __init__(
        self, target: ScenarioTarget, changed: Callable[[], None], publish: Callable[[str, str, str], None]
    ) -> None:
        self._target = target
        self._changed = changed
        self._publish = publish
        self._runs = 0
        self.run: Run | None = None

    @property
    def is_running(self) -> bool:
        return self.run is not None and self.run.state == "running"

    def why_not(self) -> str:
        """Why it cannot be run here and now; "" when it can."""
        route = self._target.route()
        if isinstance(route, str):
            return route
        breaker = self._target.breaker(route.breaker)
        return "the demo upstream has no breaker" if breaker is None else unfit(breaker.settings)

    def shape(self) -> Shape:
        route = self._target.route()
        why = self.why_not()
        return {
            "available": not why,
            "breaker": None if isinstance(route, str) else route.breaker,
            "why": why,
            "run": self.run and self.run.shape(),
        }

    def start(self) -> Coroutine[None, None, None]:
        """Begin a run and return the coroutine that drives it to its end.

        Only to be called while nothing is running and `why_not` is "".
        """
        route = self._target.route()
        assert isinstance(route, DemoRoute)  # noqa: S101 - promised
        self._runs += 1
        run = self.run = plan_run(self._runs, self._view(route).settings, ms(wall_s()))
        self._publish("test_started", route.breaker, f"run {run.id}")
        return self._drive(run, route)

    async def _drive(self, run: Run, route: DemoRoute) -> None:
        try:
            await self._steps(run, route)
        except NoResponse as missing:
            _running(run).end(False, str(missing), ms(wall_s()))
        finally:
            run.end(ms(wall_s()))
            LOG.info("breaker test %d: %s", run.id, run.result)
            self._publish("test_ended", route.breaker, run.result)
            self._changed()

    async def _steps(self, run: Run, route: DemoRoute) -> None:
        settings = self._view(route).settings
        failing = f"{route.path}/status/{failing_status(settings)}"
        if not await self._start(run, route):
            return
        for number in range(1, (settings.consecutive_failures or 0) + 1):
            step = self._begin(run, f"failure_{number}", ms(wall_s()))
            seen = await self._target.ask(failing)
            if not self._end(step, seen.status == failing_status(settings) and not seen.reason, seen):
                return
        opened = await self._opened(run, route, failing)
        if opened is None or not await self._rejected_while_open(run, route, settings.open_duration_s):
            return
        if not await self._half_opened(run, route, opened.since_wall_s, settings.open_duration_s):
            return
        step = self._begin(run, "probe", ms(wall_s()))
        for _ in range(settings.half_open_requests):
            seen = await self._probe(f"{route.path}/ok")
            if not _is_well(seen):
                self._end(step, False, seen)
                return
        self._end(step, True, seen)
        await self._until(run, "closed", BreakerState.CLOSED, route, wall_s())

    async def _start(self, run: Run, route: DemoRoute) -> bool:
        """Begin with a closed breaker without failures: one that is open gets the time and the probes to close."""
        step = self._begin(run, "start", ms(wall_s()))
        view = self._view(route)
        if view.override is not None:
            return step.end(False, f"an override holds the breaker {view.override.state}", ms(wall_s()))
        late_wall_s = wall_s() + (view.next_probe_in_s or 0.0) + LATE_S
        await asyncio.sleep(view.next_probe_in_s or 0.0)
        while self._view(route).state is BreakerState.OPEN and wall_s() < late_wall_s:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(POLL_S)  # the timer was a moment early
        for _ in range(view.settings.half_open_requests):
            seen = await self._probe(f"{route.path}/ok")
        is_closed = self._view(route).state is BreakerState.CLOSED
        return self._end(step, _is_well(seen) and is_closed, seen)

    async def _opened(self, run: Run, route: DemoRoute, failing: str) -> BreakerView | None:
        """The breaker opens at once. Where other clients' requests succeeded in between, it takes more failures."""
        due_wall_s, more = wall_s(), 0
        burst = min(self._view(route).settings.consecutive_failures or 1, LARGEST_BURST)
        while more < MOST_BURSTS * burst and self._view(route).state is BreakerState.CLOSED:
            more += burst
            await asyncio.gather(*(self._target.ask(failing) for _ in range(burst)))
        opened = await self._until(run, "opened", BreakerState.OPEN, route, due_wall_s)
        if opened is not None and more:
            run.step("opened").seen += f", after {more} more: others' requests succeeded in between"
        return opened

    async def _rejected_while_open(self, run: Run, route: DemoRoute, open_s: float) -> bool:
        step = self._begin(run, "refused", ms(wall_s()))
        seen = await self._target.ask(f"{route.path}/ok")
        in_time = seen.retry_after_s is not None and 1 <= seen.retry_after_s <= ceil(open_s)
        return self._end(step, (seen.status, seen.reason) == (503, "breaker_open") and in_time, seen)

    async def _half_opened(self, run: Run, route: DemoRoute, opened_wall_s: float, open_s: float) -> bool:
        """Half-open when `open_s` are over, unless another client's request was the probe before we looked."""
        due_wall_s = opened_wall_s + open_s
        step = self._begin(run, "half_opened", ms(due_wall_s))
        while True:
            view, now = self._view(route), wall_s()
            if view.state is BreakerState.HALF_OPEN:
                seen = f"half-open ({view.reason})"
            elif view.state is BreakerState.CLOSED and self._target.has_moved(
                route.breaker, due_wall_s - LATE_S
            ):
                seen = "half-open; another one's request was the probe"
            elif now > due_wall_s + LATE_S or view.override is not None:
                step.end(False, _still(view), ms(now))
                self._changed()
                return False
            else:
                await asyncio.sleep(POLL_S)
                continue
            # the wait was dated when the breaker opened: read now, the clocks may seem to lie a little before its end
            step.end(True, seen, ms(max(now, due_wall_s)))
            self._changed()
            return True

    async def _probe(self, path: str) -> Seen:
        """Send a probe; repeat it while other clients hold the probe permits."""
        end_wall_s = wall_s() + LATE_S
        while True:
            seen = await self._target.ask(path)
            if seen.reason != "breaker_probing" or wall_s() > end_wall_s:
                return seen
            await asyncio.sleep(POLL_S)

    async def _until(
        self, run: Run, step_id: str, state: BreakerState, route: DemoRoute, due_wall_s: float
    ) -> BreakerView | None:
        """Wait for `state` until LATE_S after it is due; the breaker in that state, or None."""
        step = self._begin(run, step_id, ms(due_wall_s))
        while True:
            view, now = self._view(route), wall_s()
            if view.state is state:
                word = state.value.replace("_", "-")
                step.end(True, f"{word} ({view.reason})", ms(now))
                self._changed()
                return view
            if now > due_wall_s + LATE_S or view.override is not None:
                step.end(False, _still(view), ms(now))
                self._changed()
                return None
            await asyncio.sleep(POLL_S)

    def _view(self, route: DemoRoute) -> BreakerView:
        view = self._target.breaker(route.breaker)
        if view is None:
            raise NoResponse("the configuration has changed: the demo upstream has no breaker any more")
        return view

    def _begin(self, run: Run, step_id: str, expected_at_ms: int) -> Step:
        step = run.step(step_id)
        step.begin(expected_at_ms)
        self._changed()
        return step

    def _end(self, step: Step, passed: bool, seen: Seen) -> bool:
        who = seen.reason or "from the upstream"
        wait = f", Retry-After {seen.retry_after_s} s" if seen.retry_after_s is not None else ""
        step.end(passed, f"{seen.status} {who}{wait}", ms(wall_s()))
        self._changed()
        return passed


def _is_well(seen: Seen) -> bool:
    return seen.status == 200 and not seen.reason


def _still(view: BreakerView) -> str:
    held = "held by an override" if view.override is not None else f"after {LATE_S:g} s more"
    return f"still {view.state.value.replace('_', '-')}, {held}"


def _running(run: Run) -> Step:
    return next((step for step in run.steps if step.state == "running"), run.steps[0])
