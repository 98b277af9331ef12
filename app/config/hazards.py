"""What a valid configuration file allows and its author may not mean: warnings, never faults."""

from collections.abc import Iterator, Mapping, Sequence

from app.config.model import Auth, Config, Endpoint, PathKind, Route, UpstreamName
from app.policy.reading import Faults

__all__ = ["find_hazards"]


def find_hazards(config: Config, *, raw_paths: bool) -> Faults:
    """The warnings, by path in the file; `config` was read without a fault. `raw_paths`: PATHS is `raw`."""
    hazards = Faults()
    routes = config.routes or ()
    if raw_paths:
        endpoints = {upstream.name: upstream.endpoints for upstream in config.upstreams}
        _find_ways_past_a_key(routes, endpoints, hazards)
    return hazards


def _find_ways_past_a_key(
    routes: Sequence[Route], endpoints: Mapping[UpstreamName, Sequence[Endpoint]], hazards: Faults
) -> None:
    """Open routes that forward dot segments to a server where another route wants a key."""
    wanting = {
        server: route.name
        for route in reversed(routes)
        if route.auth is Auth.KEY
        for server in _servers(route, endpoints)
    }
    for index, route in enumerate(routes):
        if route.auth is Auth.KEY or not _passes_path_on(route):
            continue
        past = next((wanting[server] for server in _servers(route, endpoints) if server in wanting), None)
        if past is not None:
            what = (
                f"wants no key, and route {past} with the same upstream does: with PATHS=raw a path with .. "
                "may reach here what that one protects"
            )
            hazards.add(
                ("routes", index), what, "leave PATHS at reject, or let the upstream reject such paths"
            )


def _passes_path_on(route: Route) -> bool:
    """Whether a client chooses what the upstream gets as path, at least its end."""
    return route.rewrite.path is None and route.match.path_kind is not PathKind.EXACT


def _servers(
    route: Route, endpoints: Mapping[UpstreamName, Sequence[Endpoint]]
) -> Iterator[Endpoint | UpstreamName]:
    """Who answers the route; an upstream that the environment defines stands for its endpoint."""
    for upstream in route.upstreams:
        yield from endpoints.get(upstream.name, (upstream.name,))
