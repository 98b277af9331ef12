"""The running gateway as the admin API sees it. What only the API shows is loaded when it asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.table import Table
from app.dataplane.upstream.upstream import Upstream
from app.foundation.clock import now_s, wall_s
from app.gateway.in_force import InForce
from app.gateway.monitor.overrides import Overrides
from app.gateway.readiness import Readiness
from app.policy.model import OverrideState
from app.telemetry.counts import Counts
from app.telemetry.decisions import DecisionRing
from app.telemetry.history_sample import NO_TRAFFIC, BreakerMeter, BreakerTraffic
from app.telemetry.reading import Sources, read

if TYPE_CHECKING:
    from app.admin.identity import Identity, WorkerView
    from app.admin.listener_view import ListenerView
    from app.admin.view import RejectedClient
    from app.config.edits import Edit
    from app.config.rejection import Rejection
    from app.dataplane.upstream.view import UpstreamView

__all__ = ["GatewayView", "TrafficSources"]


@dataclass(frozen=True, slots=True)
class TrafficSources:
    """`upstreams`: those in force now. `meter`: the traffic of a breaker by its name, None before any.

    `problems`, `shadows`: the panels of these names. `workers`: none where this process serves the port itself.
    `listeners`: those in force, as their ports are.
    """

    upstreams: Callable[[], Sequence[Upstream]]
    meter: Callable[[str], BreakerMeter | None]
    problems: Callable[[], Mapping[str, object]]
    shadows: Callable[[], Mapping[str, object]]
    workers: "Callable[[], Sequence[WorkerView]]" = tuple
    listeners: "Callable[[], Sequence[ListenerView]]" = tuple


class GatewayView:
    """Implements `admin.view.AdminView`. `sources`: what metrics show besides `counts`."""

    def __init__(
        self,
        in_force: InForce,
        breakers: Breakers,
        overrides: Overrides,
        readiness: Readiness,
        counts: Counts,
        sources: Sources,
        traffic: TrafficSources,
    ) -> None:
        self._in_force = in_force
        self._breakers = breakers
        self._overrides = overrides
        self._readiness = readiness
        self._counts = counts
        self._sources = sources
        self._traffic = traffic

    @property
    def admin_token(self) -> str | None:
        return self._in_force.settings.admin_token

    @property
    def identity(self) -> "Identity":
        from app.admin.identity import identity_of

        return identity_of(self._in_force.settings)

    def workers(self) -> "Sequence[WorkerView]":
        return self._traffic.workers()

    def listeners(self) -> "Sequence[ListenerView]":
        return self._traffic.listeners()

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        return self._readiness.check()

    def metrics(self, accept: str) -> Callable[[], tuple[str, bytes]]:
        samples = read(self._counts, self._sources)
        pids = [worker.pid for worker in self.workers() if worker.pid is not None]

        def written() -> tuple[str, bytes]:
            from app.telemetry.metrics import encode

            return encode(samples, accept, pids)

        return written

    def rejected(self) -> "Rejection | None":
        return self._readiness.history.rejected

    def edits(self) -> "Sequence[Edit]":
        return self._readiness.history.edits

    def table(self) -> Table:
        return self._in_force.plans.table

    def breakers(self) -> Sequence[BreakerView]:
        now, wall = now_s(), wall_s()
        return [breaker.view(now, wall) for breaker in self._breakers.all()]

    def breaker(self, name: str) -> BreakerView | None:
        breaker = self._breakers.known(name)
        return breaker.view(now_s(), wall_s()) if breaker is not None else None

    def breaker_traffic(self, name: str) -> BreakerTraffic:
        meter = self._traffic.meter(name)
        return NO_TRAFFIC if meter is None else meter.traffic

    def problems(self) -> Mapping[str, object]:
        return self._traffic.problems()

    def shadows(self) -> Mapping[str, object]:
        return self._traffic.shadows()

    def upstreams(self) -> "Sequence[UpstreamView]":
        from app.dataplane.upstream.view import view_upstream

        now = now_s()
        return [view_upstream(upstream, now) for upstream in self._traffic.upstreams()]

    def limited_clients(self) -> "Mapping[str, Sequence[RejectedClient]]":
        from app.gateway.clients import limited_clients

        return limited_clients(self._in_force, self._counts, now_s())

    def rejected_clients(self) -> "Mapping[str, Sequence[RejectedClient]]":
        from app.gateway.clients import rejected_clients

        return rejected_clients(self._counts)

    @property
    def decisions(self) -> DecisionRing | None:
        return self._in_force.decisions

    def transitions(self, name: str) -> Sequence[BreakerTransition]:
        return self._breakers.transitions(name)

    def override(self, name: str, state: OverrideState, for_s: float, by: str, why: str = "") -> None:
        if self._breakers.known(name) is not None:
            self._overrides.put(name, state, for_s, by, why)
