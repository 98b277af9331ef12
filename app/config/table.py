"""The immutable table that requests are served from: compiled routes with the settings in force for each.

A reload builds a new table and swaps one reference; every request takes the reference once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.config.environment import EnvironmentRules, api_key_entry, cache_endpoint, parse_rate_limit
from app.config.model import (
    Auth,
    Config,
    KeyEntry,
    Match,
    Route,
    RouteName,
    Upstream,
    UpstreamName,
    WeightedUpstream,
)
from app.config.parse import BUILT_IN_ROUTE, CACHE_UPSTREAM
from app.config.parse_keys import hmac_names
from app.errors import ConfigFault, ConfigFaults
from app.policy.effective import Effective, Origin, Source
from app.policy.merge import Hierarchy, Levels, Setting, Stated, layer, resolve
from app.policy.model import CircuitBreaker, RateLimit, Retry, Timeout

__all__ = ["RouteSettings", "Table", "compile_table"]

T = TypeVar("T")

NOT_FORWARDED = frozenset({"/metrics", "/stats", "/livez", "/readyz", "/openapi.json", "/docs"})
"""The cache service's own pages: the built-in route must not open them to a client's key."""

_BUILT_IN = Origin(Source.BUILT_IN, "built-in", "Gateway")
_BREAKER: tuple[Setting[CircuitBreaker], ...] = ((CircuitBreaker(consecutive_failures=3), _BUILT_IN),)
_TIMEOUT: tuple[Setting[Timeout], ...] = ((Timeout(), _BUILT_IN),)
_RETRY: tuple[Setting[Retry | None], ...] = ((None, _BUILT_IN),)


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """A route and what is in force for it.

    `breakers`: the breaker's name for each of `route.upstreams`, in their order: the upstream's name,
    or `upstream@route` where a policy sets a breaker on the route.
    """

    route: Route
    rate_limit: Effective[RateLimit | None]
    timeout: Effective[Timeout]
    retry: Effective[Retry | None]
    breakers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`sequence` rises with each applied change; `breakers`: by name, one for each that a route uses."""

    sequence: int
    routes: tuple[RouteSettings, ...]
    upstreams: Mapping[UpstreamName, Upstream]
    breakers: Mapping[str, Effective[CircuitBreaker]]
    keys: tuple[KeyEntry, ...]


def compile_table(
    config: Config,
    environment: EnvironmentRules,
    sequence: int,
    keys_from_file: Sequence[KeyEntry] = (),
) -> Table:
    """What `config` and the environment make together; `keys_from_file`: those of `config.keys_file`.

    Raises ConfigFaults with all faults that need both to be seen. O(routes + policies' targets).
    """
    faults: list[ConfigFault] = []
    limit = _collect(faults, lambda: parse_rate_limit(environment.rate_limit))
    endpoint = _collect(faults, lambda: cache_endpoint(environment.cache_service_url))
    upstreams = {upstream.name: upstream for upstream in config.upstreams}
    if endpoint is not None:
        cache = UpstreamName(CACHE_UPSTREAM)
        upstreams.setdefault(cache, Upstream(cache, (endpoint,)))
    routes = (_built_in_route(environment.auth, faults),) if config.routes is None else config.routes
    keys = _keys(config, environment, keys_from_file, faults)
    _check_keys(routes, keys, environment, faults)
    if faults:
        raise ConfigFaults(faults)
    hierarchy = layer([Stated(policy, Source.FILE) for policy in config.policies])
    default_limit = (limit, Origin(Source.ENVIRONMENT, "RATE_LIMIT", "Gateway"))
    settings, breakers = _route_settings(routes, hierarchy, default_limit)
    return Table(sequence, settings, upstreams, breakers, keys)


def _collect(faults: list[ConfigFault], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except ConfigFaults as found:
        faults.extend(found.faults)
        return None


def _built_in_route(auth: str, faults: list[ConfigFault]) -> Route:
    if auth not in list(Auth):
        faults.append(ConfigFault("AUTH", f"is {auth[:40]!r}", "it must be key or none"))
        auth = Auth.KEY
    return Route(
        name=RouteName(BUILT_IN_ROUTE),
        match=Match(),
        upstreams=(WeightedUpstream(UpstreamName(CACHE_UPSTREAM)),),
        auth=Auth(auth),
        not_forwarded=NOT_FORWARDED,
    )


def _keys(
    config: Config,
    environment: EnvironmentRules,
    keys_from_file: Sequence[KeyEntry],
    faults: list[ConfigFault],
) -> tuple[KeyEntry, ...]:
    keys = (*config.keys, *keys_from_file)
    if environment.api_key is not None:
        api_key = environment.api_key
        entry = _collect(faults, lambda: api_key_entry(api_key, environment.pepper))
        if entry is not None:
            keys = (*keys, entry)
    return keys


def _check_keys(
    routes: Sequence[Route],
    keys: Sequence[KeyEntry],
    environment: EnvironmentRules,
    faults: list[ConfigFault],
) -> None:
    wanting = [route.name for route in routes if route.auth is Auth.KEY]
    if wanting and not keys and environment.api_key is None:
        what = f"is unset and no other key is configured, but {_some('route', wanting)} wants a key"
        open_it = (
            "AUTH=none"
            if wanting == [BUILT_IN_ROUTE]
            else "auth: none on the route (AUTH=none without a file)"
        )
        fix = f"set API_KEY, give keys or a keysFile (tidegate keys new NAME), or open it: {open_it}"
        faults.append(ConfigFault("API_KEY", what, fix))
    if environment.pepper is None and (peppered := hmac_names(keys)):
        what = f"is unset, but {_some('key', peppered)} is stored as hmac-sha256"
        fix = "set KEY_PEPPER or KEY_PEPPER_FILE to the secret the hashes were made with"
        faults.append(ConfigFault("KEY_PEPPER", what, fix))


def _some(kind: str, names: Sequence[str]) -> str:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{kind} {names[0]}{more}"


def _route_settings(
    routes: Sequence[Route], hierarchy: Hierarchy, default_limit: Setting[RateLimit | None]
) -> tuple[tuple[RouteSettings, ...], dict[str, Effective[CircuitBreaker]]]:
    rate_limit = _per_route(hierarchy.rate_limit, (default_limit,))
    timeout = _per_route(hierarchy.timeout, _TIMEOUT)
    retry = _per_route(hierarchy.retry, _RETRY)
    breakers: dict[str, Effective[CircuitBreaker]] = {}
    settings = []
    for route in routes:
        own = route.name if route.name in hierarchy.circuit_breaker.routes else None
        names = []
        for upstream in route.upstreams:
            name = str(upstream.name) if own is None else f"{upstream.name}@{own}"
            if name not in breakers:
                breakers[name] = resolve(
                    hierarchy.circuit_breaker, _BREAKER, route=own, upstream=upstream.name
                )
            names.append(name)
        settings.append(RouteSettings(route, rate_limit(route), timeout(route), retry(route), tuple(names)))
    return tuple(settings), breakers


def _per_route(levels: Levels[T], last: tuple[Setting[T], ...]) -> Callable[[Route], Effective[T]]:
    """What is in force by route; all routes that no policy names share one value."""
    shared = resolve(levels, last)

    def find(route: Route) -> Effective[T]:
        return resolve(levels, last, route=route.name) if route.name in levels.routes else shared

    return find
