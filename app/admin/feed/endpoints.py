"""Where the upstreams' endpoints are and how each does, as the monitor shows it. Pure."""

from collections.abc import Mapping, Sequence

from app.admin.shape import Shape
from app.dataplane.upstream.view import EndpointView, Health, UpstreamView

__all__ = ["MOST_ENDPOINTS", "MOST_UPSTREAMS", "endpoints_shape"]

MOST_ENDPOINTS = 20
"""Addresses of one upstream; those that take no requests come first."""
MOST_UPSTREAMS = 500

_NOTEWORTHY = 8
_STEP = 4
_WORST_FIRST = (Health.EJECTED, Health.UNHEALTHY, Health.UNKNOWN, Health.HEALTHY)


def endpoints_shape(upstreams: Sequence[UpstreamView], unreachable: Mapping[str, str]) -> list[Shape]:
    """The first MOST_UPSTREAMS by name. `unreachable`: why the start found no endpoint of an upstream; it is shown
    until one has responded. O(addresses)."""
    shown = sorted(upstreams, key=lambda upstream: upstream.name)[:MOST_UPSTREAMS]
    return [_upstream(upstream, unreachable.get(upstream.name)) for upstream in shown]


def _upstream(upstream: UpstreamView, unreachable: str | None) -> Shape:
    found = upstream.endpoints
    if len(found) > MOST_ENDPOINTS:
        found = tuple(sorted(found, key=lambda each: _WORST_FIRST.index(each.health)))
    is_reached = any(each.health is Health.HEALTHY for each in found)
    return {
        "name": upstream.name,
        "endpoints": [_endpoint(each) for each in found[:MOST_ENDPOINTS]],
        "others": max(0, len(found) - MOST_ENDPOINTS),
        "unreachable": None if is_reached else unreachable,
    }


def _endpoint(endpoint: EndpointView) -> Shape:
    in_flight = _coarse(endpoint.in_flight)
    return {"address": endpoint.address, "health": endpoint.health.value, "inFlight": in_flight}


def _coarse(in_flight: int) -> int:
    """Rounded down to 0, 8, 32, 128, …: a panel is sent whole when it changes, and the exact number always does."""
    if in_flight < _NOTEWORTHY:
        return 0
    level = _NOTEWORTHY
    while level * _STEP <= in_flight:
        level *= _STEP
    return level
