"""An upstream for people: where its endpoints are, and whether each takes requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.config import model
from app.dataplane.upstream.outlier import EJECT_AFTER_FAILURES, EndpointState
from app.dataplane.upstream.pool import ConnectionPool
from app.dataplane.upstream.upstream import Upstream

__all__ = ["EndpointView", "Health", "UpstreamView", "health_of", "view_upstream"]


class Health(StrEnum):
    """`UNHEALTHY`: its checks fail, or it fails in a row and is in rotation only for want of another.

    `UNKNOWN`: it has neither responded well nor been checked, or its name has no address yet.
    """

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    EJECTED = "ejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EndpointView:
    """`address`: IP and port, or the name and port while the name is not resolved. `in_flight`: attempts now."""

    address: str
    health: Health
    in_flight: int


@dataclass(frozen=True, slots=True)
class UpstreamView:
    name: str
    endpoints: tuple[EndpointView, ...]


def health_of(endpoint: EndpointState, now_s: float) -> Health:
    """What its last responses and checks say; `now_s`: monotonic."""
    if not endpoint.check_ok:
        return Health.UNHEALTHY
    if now_s < endpoint.ejected_until_s:
        return Health.EJECTED
    if endpoint.consecutive_failures >= EJECT_AFTER_FAILURES:
        return Health.UNHEALTHY
    return Health.HEALTHY if endpoint.responded_well or endpoint.checked else Health.UNKNOWN


def view_upstream(upstream: Upstream, now_s: float) -> UpstreamView:
    """All addresses in the order of the configured endpoints; `now_s`: monotonic. O(addresses)."""
    if upstream.model.is_discovered:
        return UpstreamView(upstream.name, _views(upstream.addresses, now_s))
    views: list[EndpointView] = []
    for endpoint in upstream.model.endpoints:
        pools = [pool for pool in upstream.addresses if pool.endpoint == endpoint]
        views.extend(_views(pools, now_s))
        if not pools:
            views.append(EndpointView(_named(endpoint), Health.UNKNOWN, 0))
    return UpstreamView(upstream.name, tuple(views))


def _views(pools: Sequence[ConnectionPool], now_s: float) -> tuple[EndpointView, ...]:
    return tuple(
        EndpointView(pool.label, health_of(pool.state, now_s), pool.state.in_flight) for pool in pools
    )


def _named(endpoint: model.Endpoint) -> str:
    return f"{endpoint.host}:{endpoint.port}"
