"""The running gateway as the admin API sees it."""

from collections.abc import Callable, Mapping, Sequence

from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.table import Table
from app.dataplane.upstream.upstream import Upstream
from app.dataplane.upstream.view import UpstreamView, view_upstream
from app.foundation.clock import now_s, wall_s
from app.gateway.in_force import InForce
from app.gateway.monitor.overrides import Overrides
from app.gateway.readiness import Readiness
from app.policy.model import OverrideState
from app.telemetry.reading import Sample

__all__ = ["GatewayView"]


class GatewayView:
    """Implements `admin.view.AdminView`. `read`: every metric's samples as they are now.

    `upstreams`: those in force now.
    """

    def __init__(
        self,
        in_force: InForce,
        breakers: Breakers,
        overrides: Overrides,
        readiness: Readiness,
        read: Callable[[], Sequence[Sample]],
        upstreams: Callable[[], Sequence[Upstream]],
    ) -> None:
        self._in_force = in_force
        self._breakers = breakers
        self._overrides = overrides
        self._readiness = readiness
        self._read = read
        self._upstreams = upstreams

    @property
    def admin_token(self) -> str | None:
        return self._in_force.settings.admin_token

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        return self._readiness.check()

    def metrics(self, accept: str) -> Callable[[], tuple[str, bytes]]:
        samples = self._read()

        def written() -> tuple[str, bytes]:
            from app.telemetry.metrics import encode

            return encode(samples, accept)

        return written

    def table(self) -> Table:
        return self._in_force.plans.table

    def breakers(self) -> Sequence[BreakerView]:
        now, wall = now_s(), wall_s()
        return [breaker.view(now, wall) for breaker in self._breakers.all()]

    def breaker(self, name: str) -> BreakerView | None:
        breaker = self._breakers.known(name)
        return breaker.view(now_s(), wall_s()) if breaker is not None else None

    def upstreams(self) -> Sequence[UpstreamView]:
        now = now_s()
        return [view_upstream(upstream, now) for upstream in self._upstreams()]

    def transitions(self, name: str) -> Sequence[BreakerTransition]:
        return self._breakers.transitions(name)

    def override(self, name: str, state: OverrideState, for_s: float, by: str, why: str = "") -> None:
        if self._breakers.known(name) is not None:
            self._overrides.put(name, state, for_s, by, why)
