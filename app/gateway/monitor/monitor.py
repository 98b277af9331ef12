"""The monitor in the running gateway: samples each second, and serves viewers at most ten times a second.

Nothing of it is on the path of a request. Until somebody watches there is the sample alone, a fraction of a
millisecond; what viewers need is imported and built with the first of them.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from app.admin.feed.instants import ms
from app.admin.shape import Shape
from app.breaker.transitions import BreakerTransition
from app.foundation.clock import now_s, wall_s
from app.foundation.version import VERSION
from app.gateway.monitor.events import breaker_event
from app.gateway.monitor.lately import Lately
from app.gateway.monitor.sampling import Sampling
from app.gateway.monitor.watched import Watched
from app.gateway.tasks import Tasks

if TYPE_CHECKING:
    from app.admin.feed.viewer_socket import ViewerSocket
    from app.config.sync.summary import Summary
    from app.gateway.monitor.fleet_summary import FleetSummary
    from app.gateway.monitor.hub import Hub
    from app.telemetry.history_sample import BreakerMeter

__all__ = ["DEMO_VARIABLE", "Monitor"]

DEMO_VARIABLE = "TIDEGATE_DEMO_UPSTREAM"
"""Set by `tidegate up` for its gateway: the URL of the demo upstream."""

SAMPLE_EVERY_S = 1.0
PING_EVERY_SAMPLES = 20
ROUTES_AT_ONCE = 200


class Monitor:
    """`run` samples; `socket` is uvicorn's `ws`."""

    def __init__(self, watched: Watched, tasks: Tasks, loop: asyncio.AbstractEventLoop) -> None:
        self._watched = watched
        self._tasks = tasks
        self._loop = loop
        self._started_at_ms = ms(wall_s())
        self._transitions = 0
        in_force = watched.in_force
        self._sampling = Sampling(
            watched.counts, watched.breakers, watched.connections, lambda: in_force.plans.table
        )
        self._fleet_summary: FleetSummary | None = None
        self._hub: Hub | None = None
        self._lately = Lately(watched, self._sampling.since, self._sampling.sampler)
        watched.breakers.subscribe(self._note_transition)
        watched.events.publish("gateway_started", VERSION, f"configuration {in_force.plans.table.sequence}")

    def _note_transition(self, transition: BreakerTransition) -> None:
        self._transitions += 1
        if self._hub is not None:
            self._hub.feed.note_transition(transition)
        self._watched.events.add(breaker_event(transition))

    @property
    def hub(self) -> "Hub":
        """Made when the first viewer needs it."""
        if self._hub is None:
            from app.gateway.monitor.hub import Hub

            self._hub = Hub(
                self._watched,
                self._sampling,
                self._lately,
                self._tasks,
                self._loop,
                self._started_at_ms,
                self._transitions,
            )
        return self._hub

    def meter_of(self, breaker: str) -> "BreakerMeter | None":
        """The traffic of a breaker; None before any."""
        return self._sampling.sampler.breakers.get(breaker)

    def problems(self) -> Shape:
        """What is wrong now, the worst first, as the panel `problems`."""
        return self._lately.problems_panel()

    def shadows(self) -> Shape:
        """What policies in Shadow mode would have rejected lately, as the panel `shadows`."""
        return self._lately.shadows_panel()

    def socket(self, *, is_admin: bool, **given: Any) -> "ViewerSocket":
        """A protocol for a connection of that port that asks for a WebSocket (uvicorn's `ws`)."""
        from app.admin.feed.viewer_socket import ViewerSocket

        names = self._watched.in_force.settings.monitor_hosts
        return ViewerSocket(self.hub, given["server_state"].connections, names, is_admin=is_admin)

    async def summarize(self, digest_held: str) -> "Summary":
        """For the operator, while somebody looks at the fleet."""
        if self._fleet_summary is None:
            from app.gateway.monitor.fleet_summary import FleetSummary

            watched = self._watched
            self._fleet_summary = FleetSummary(
                watched.in_force,
                watched.breakers,
                self._sampling.sampler,
                lambda: watched.readiness.check()[0],
            )
        return await self._fleet_summary.compose(digest_held)

    def disconnect(self) -> None:
        """The gateway drains: every viewer's socket is closed, to be opened again later."""
        if self._hub is not None:
            self._hub.disconnect()

    def stop(self) -> None:
        if self._hub is not None:
            self._hub.stop()

    async def run(self) -> None:
        """Sample once a second until cancelled."""
        samples, due_s = 0, now_s() + SAMPLE_EVERY_S
        while True:
            await asyncio.sleep(max(0.0, due_s - now_s()))
            due_s = max(due_s + SAMPLE_EVERY_S, now_s())
            await self._sample()
            samples += 1
            if samples % PING_EVERY_SAMPLES == 0 and self._hub is not None:
                self._hub.beat()

    async def _sample(self) -> None:
        watched, sampling = self._watched, self._sampling
        sampling.begin()
        while not sampling.take(ROUTES_AT_ONCE):  # noqa: ASYNC110 - nothing is waited for
            await asyncio.sleep(0)  # 10,000 busy routes must not hold requests up
        at_wall_s, store_up = wall_s(), watched.store_up()
        watched.overrides.watch()
        if store_up is not None:
            detail = "available again" if store_up else "unavailable"
            watched.store.report(is_up=store_up, detail=detail, wall_s=at_wall_s)
        points = sampling.end(at_wall_s)
        self._lately.look(sampling.at_ms)
        if self._hub is not None:
            self._hub.feed.note_sample(points, ms(at_wall_s))
