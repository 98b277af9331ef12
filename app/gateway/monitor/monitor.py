"""The monitor in the running gateway: samples each second, tells viewers at most ten times a second.

Nothing of it is on the path of a request. Until somebody watches there is the sample alone, a fraction of a
millisecond; what viewers need is imported and built with the first of them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from app.admin.drills import Drills
from app.admin.feed.instants import ms
from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.dataplane.proxy.context import ProxyContext
from app.foundation.clock import now_s, wall_s
from app.foundation.version import VERSION
from app.gateway.monitor.events import breaker_event
from app.gateway.monitor.sampling import Sampling
from app.policy.model import OverrideState
from app.telemetry.events import Event, Events, StoreState

if TYPE_CHECKING:
    from app.admin.feed.viewer_socket import ViewerSocket
    from app.gateway.monitor.hub import Viewers

__all__ = ["DEMO_VARIABLE", "Monitor"]

DEMO_VARIABLE = "TIDEGATE_DEMO_UPSTREAM"
"""Set by `tidegate up` for its gateway: the URL of the demo upstream."""

SAMPLE_EVERY_S = 1.0
PING_EVERY_SAMPLES = 20
ROUTES_AT_ONCE = 200
JUST_AFTER_S = 0.005

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Monitor:
    """`events`, `store` and `drills` are for whoever has something to tell; `socket` is uvicorn's `ws`.

    `port` and `is_tls`: the public port, for the breaker test. `demo_url`: its upstream, where there is one.
    """

    def __init__(
        self,
        runtime: ProxyContext,
        breakers: Breakers,
        ready: Callable[[], bool],
        spawn: Spawn,
        demo_url: str | None,
    ) -> None:
        self.runtime = runtime
        self.breakers = breakers
        self.ready = ready
        self.spawn = spawn
        self.demo_url = demo_url
        self.port = 0
        self.is_tls = False
        self.started_at_ms = ms(wall_s())
        self.moves = 0
        self.events = Events()
        self.store = StoreState(self.events, "limit store")
        self.drills = Drills(breakers, self.tell)
        self.sampling = Sampling(runtime, breakers)
        self._viewers: Viewers | None = None
        breakers.subscribe(self._moved)
        self.tell("gateway_started", VERSION, f"configuration {runtime.plans.table.sequence}")

    # What others tell

    def tell(self, kind: str, subject: str, detail: str) -> None:
        """An event, now."""
        self.events.add(Event(wall_s(), kind, subject, detail))

    def override(self, name: str, state: OverrideState, for_s: float, by: str, why: str) -> None:
        """Hold a known breaker, or end that (AUTO); both are told, also the end by time, when it comes."""
        self.drills.put(name, state, for_s, by, why, now_s(), wall_s())
        if state is not OverrideState.AUTO:
            self.runtime.loop.call_later(for_s + JUST_AFTER_S, self.pass_time)
        self._note()

    def pass_time(self) -> None:
        """Tell at once what time alone moves; nobody waits for the second hand."""
        now = now_s()
        self.breakers.pass_time(now)
        self.drills.watch(now)
        self._note()

    def _moved(self, moved: BreakerTransition) -> None:
        self.moves += 1
        if self._viewers is not None:
            self._viewers.feed.note_transition(moved)
        self.events.add(breaker_event(moved))

    def _note(self) -> None:
        if self._viewers is not None:
            self._viewers.feed.note()

    # Viewers

    @property
    def viewers(self) -> "Viewers":
        """Made with the first look."""
        if self._viewers is None:
            from app.gateway.monitor.hub import Viewers

            self._viewers = Viewers(self)
        return self._viewers

    def socket(self, **given: Any) -> "ViewerSocket":
        """A protocol for a connection that asks for a WebSocket (uvicorn's `ws`)."""
        from app.admin.feed.viewer_socket import ViewerSocket

        names = self.runtime.settings.monitor_hosts
        return ViewerSocket(self.viewers.desk, given["server_state"].connections, names)

    def go_away(self) -> None:
        """The gateway drains: everybody is told to come back later."""
        if self._viewers is not None:
            self._viewers.go_away()

    def stop(self) -> None:
        if self._viewers is not None:
            self._viewers.stop()

    # Time

    async def run(self) -> None:
        """Sample once a second until cancelled."""
        samples, due_s = 0, now_s() + SAMPLE_EVERY_S
        while True:
            await asyncio.sleep(max(0.0, due_s - now_s()))
            due_s = max(due_s + SAMPLE_EVERY_S, now_s())
            await self._sample()
            samples += 1
            if samples % PING_EVERY_SAMPLES == 0 and self._viewers is not None:
                self._viewers.beat()

    async def _sample(self) -> None:
        sampling = self.sampling
        sampling.begin()
        while not sampling.take(ROUTES_AT_ONCE):  # noqa: ASYNC110 - nothing is waited for
            await asyncio.sleep(0)  # 10,000 busy routes must not hold requests up
        at_wall_s, store_up = wall_s(), self.runtime.counts.store_up
        self.drills.watch(now_s())
        if store_up is not None:
            is_up = store_up()
            detail = "available again" if is_up else "unavailable"
            self.store.report(is_up=is_up, detail=detail, wall_s=at_wall_s)
        points = sampling.end(at_wall_s)
        if self._viewers is not None:
            self._viewers.feed.note_sample(points, ms(at_wall_s))
