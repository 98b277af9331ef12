"""The immutable table that requests are served from: compiled routes with the settings in force for each.

A reload builds a new table and swaps one reference; every request takes the reference once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from app.config.environment import EnvironmentRules, api_key_entry, cache_endpoint, parse_rate_limit
from app.config.model import (
    BUILT_IN_ROUTE,
    CACHE_UPSTREAM,
    Auth,
    Config,
    KeyEntry,
    Listener,
    ListenerName,
    Match,
    Route,
    RouteName,
    Tables,
    Upstream,
    UpstreamName,
    WeightedUpstream,
)
from app.config.port_conflicts import port_conflicts
from app.config.resources import NO_RESOURCES, Resources
from app.config.route_settings import ChosenSettings, RouteSettings, SettledRoutes
from app.config.stored_keys import hmac_names
from app.foundation.errors import ConfigFault, ConfigFaults
from app.policy.effective import Effective, Origin, Source
from app.policy.merge import Stated, layer
from app.policy.model import BreakerOverride, CircuitBreaker, Mode, Policy

__all__ = ["RouteSettings", "Table", "compile_table"]

T = TypeVar("T")

NOT_FORWARDED = frozenset({"/metrics", "/stats", "/livez", "/readyz", "/openapi.json", "/docs"})
"""The cache service's own pages: the built-in route must not open them to a client's key."""


@dataclass(frozen=True, slots=True)
class Table:
    """`sequence` rises with each applied change; `breakers`: by name, one for each that a route uses.

    `overrides`: by breaker, the live one that a policy sets. `shadow_breakers`: by name, those in Shadow
    mode. `policies`: those of the file; `resources`: the cluster's, that went into it. `listeners`: the file's, then
    the cluster's. `routes`: those of the gateway's own port first, then by precedence.
    """

    sequence: int
    routes: tuple[RouteSettings, ...]
    upstreams: Mapping[UpstreamName, Upstream]
    breakers: Mapping[str, Effective[CircuitBreaker]]
    keys: tuple[KeyEntry, ...]
    overrides: Mapping[str, Effective[BreakerOverride]] = field(default_factory=dict)
    shadow_breakers: Mapping[str, Effective[CircuitBreaker]] = field(default_factory=dict)
    resources: Resources = NO_RESOURCES
    policies: tuple[Policy, ...] = ()
    listeners: tuple[Listener, ...] = ()

    @property
    def good_until_wall_s(self) -> float | None:
        """When the next override ends, and with it what it beat comes into force; None for never."""
        return min(
            (
                override.value.until_wall_s
                for override in self.overrides.values()
                if override.value.until_wall_s is not None
            ),
            default=None,
        )

    @property
    def has_shadows(self) -> bool:
        """Whether a policy in Shadow mode judges anything. O(routes)."""
        return bool(self.shadow_breakers) or any(one.shadow_limit is not None for one in self.routes)


def compile_table(
    config: Config,
    environment: EnvironmentRules,
    sequence: int,
    keys_from_file: Sequence[KeyEntry] = (),
    resources: Resources = NO_RESOURCES,
    wall_s: float = 0.0,
    known: Table | None = None,
) -> Table:
    """What `config`, the environment and the cluster's policies make together.

    `keys_from_file`: those of `config.keys_file`. `wall_s`: now, for overrides that are over. `known`: the last table,
    of which what is in force for routes of the cluster is taken over where nothing that decides about it changed.
    Raises ConfigFaults with all faults that need both to be seen. O(routes + policies' targets).
    """
    faults: list[ConfigFault] = []
    limit = _collect(faults, lambda: parse_rate_limit(environment.rate_limit))
    endpoint = _collect(faults, lambda: cache_endpoint(environment.cache_service_url))
    upstreams = {upstream.name: upstream for upstream in config.upstreams}
    if endpoint is not None:
        cache = UpstreamName(CACHE_UPSTREAM)
        upstreams.setdefault(cache, Upstream(cache, (endpoint,), credential=environment.cache_credential))
    upstreams.update((upstream.name, upstream) for upstream in resources.tables.upstreams)
    routes = _routes(config, environment, resources.tables, faults)
    listeners = (*config.listeners, *resources.tables.listeners)
    if config.listeners and resources.tables.listeners:
        _check_ports(listeners, faults)
    keys = _keys(config, environment, keys_from_file, faults)
    _check_keys(routes, keys, environment, faults)
    if faults:
        raise ConfigFaults(faults)
    stated = [
        *(Stated(policy, Source.FILE) for policy in config.policies),
        *(Stated(policy, Source.RESOURCE) for policy in resources.policies),
    ]
    default_limit = (limit, Origin(Source.ENVIRONMENT, "RATE_LIMIT", "Gateway"))
    gateways = _gateways(listeners)
    chosen = ChosenSettings(layer(stated, wall_s=wall_s), layer(stated, mode=Mode.SHADOW), gateways)
    settings = chosen.settle(routes, default_limit, _settled(known, config, resources, gateways))
    return Table(
        sequence,
        settings,
        upstreams,
        chosen.breakers,
        keys,
        chosen.overrides,
        chosen.shadow_breakers,
        resources,
        config.policies,
        listeners,
    )


def _gateways(listeners: Iterable[Listener]) -> dict[ListenerName, str]:
    return {listener.name: listener.gateway for listener in listeners if listener.gateway is not None}


def _settled(
    known: Table | None, config: Config, resources: Resources, gateways: Mapping[ListenerName, str]
) -> SettledRoutes | None:
    """What the same policies settled. Overrides end by the date, so with them it is settled again."""
    if known is None or known.overrides or _gateways(known.listeners) != gateways:
        return None
    if known.policies != config.policies or known.resources.policies != resources.policies:
        return None
    return SettledRoutes(known.routes, known.breakers, known.shadow_breakers)


def _collect(faults: list[ConfigFault], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except ConfigFaults as found:
        faults.extend(found.faults)
        return None


def _routes(
    config: Config, environment: EnvironmentRules, tables: Tables, faults: list[ConfigFault]
) -> tuple[Route, ...]:
    own = (_built_in_route(environment.auth, faults),) if config.routes is None else config.routes
    if config.listeners:
        own = tuple(sorted(own, key=lambda route: bool(route.listeners)))  # stable: order is precedence
    return (*own, *tables.routes)


def _check_ports(listeners: Sequence[Listener], faults: list[ConfigFault]) -> None:
    """The file's and the cluster's may meet on a port."""
    for index, key, what, fix in port_conflicts(listeners):
        faults.append(ConfigFault(f"listener {listeners[index].name}: {key}", what, fix))


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
