"""The hierarchy of policies: which stanza is in force for a route or an upstream, and what it beats.

Less specific → more specific: rateLimit, timeout, retry: Gateway → Route; circuitBreaker: Gateway →
Upstream → Route. The more specific one replaces the whole stanza. Specificity is compared first, the
source second; a Gateway ref without a name ranks below one with a name. A `circuitBreaker` that holds
nothing but `override` replaces no settings and conflicts with none; overrides have a chain of their own, in
which only live ones count.

Objects of the cluster stand on the same levels (GEP-713): a Gateway of the Gateway API above the release's, a
Service where an Upstream is, an HTTPRoute or GRPCRoute where a Route is, and above it one of its rules. They are
found by the names of the cluster's tables (`app/policy/objects.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.policy.effective import Effective, Origin, Source
from app.policy.model import (
    BreakerOverride,
    CircuitBreaker,
    Mode,
    OverrideState,
    Policy,
    RateLimit,
    Retry,
    Spec,
    TargetKind,
    TargetRef,
    Timeout,
)
from app.policy.objects import object_name, whole_of

__all__ = [
    "Conflict",
    "Hierarchy",
    "Levels",
    "Setting",
    "Stated",
    "find_conflicts",
    "layer",
    "resolve",
    "strongest",
    "target_text",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Setting = tuple[T, Origin]

_LEVELS = {
    TargetKind.GATEWAY: "gateways",
    TargetKind.UPSTREAM: "upstreams",
    TargetKind.SERVICE: "upstreams",
    TargetKind.ROUTE: "routes",
    TargetKind.HTTP_ROUTE: "routes",
    TargetKind.GRPC_ROUTE: "routes",
}
_NAMED = "named"


@dataclass(frozen=True, slots=True)
class Stated:
    """A policy and who said it."""

    policy: Policy
    source: Source


@dataclass(frozen=True, slots=True)
class Levels(Generic[T_co]):
    """One stanza by level; each tuple strongest first, its members no longer compared by specificity.

    `gateways`, and beside names of a file `upstreams` and `routes`: by the names of objects.
    """

    gateway: tuple[Setting[T_co], ...]
    upstreams: Mapping[str, tuple[Setting[T_co], ...]]
    routes: Mapping[str, tuple[Setting[T_co], ...]]
    gateways: Mapping[str, tuple[Setting[T_co], ...]] = field(default_factory=dict)

    def of_route(self, name: str) -> tuple[Setting[T_co], ...]:
        """What is said for the route alone; first for a rule, then for the whole of its object."""
        return _of_whole_too(self.routes, name)

    def of_upstream(self, name: str) -> tuple[Setting[T_co], ...]:
        """What is said for the upstream alone, which may be a port of a Service."""
        return _of_whole_too(self.upstreams, name)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """`override`: those that are live and not `Auto`."""

    circuit_breaker: Levels[CircuitBreaker]
    override: Levels[BreakerOverride]
    rate_limit: Levels[RateLimit]
    timeout: Levels[Timeout]
    retry: Levels[Retry]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two policies that set the same stanza for the same target; indexes into what was compared."""

    winner: int
    loser: int
    stanza: str
    target: str


def layer(
    stated: Sequence[Stated], *, mode: Mode = Mode.ENFORCE, gateway: str | None = None, wall_s: float = 0.0
) -> Hierarchy:
    """The policies of `mode` by stanza and level; O(total number of targets).

    `gateway`: this gateway's name; None: every Gateway ref with a name means it (a file is for one gateway).
    On one level of one source the earlier of `stated` wins, so pass resources oldest first. `wall_s`: now,
    for what ends by the date.
    """
    in_mode = [said for said in stated if said.policy.spec.mode is mode]
    return Hierarchy(
        circuit_breaker=_levels(in_mode, _breaker_settings, gateway),
        override=_levels(in_mode, lambda spec: _live_override(spec, wall_s), gateway),
        rate_limit=_levels(in_mode, lambda spec: spec.rate_limit, gateway),
        timeout=_levels(in_mode, lambda spec: spec.timeout, gateway),
        retry=_levels(in_mode, lambda spec: spec.retry, gateway),
    )


def resolve(
    levels: Levels[T],
    last: tuple[Setting[T], ...],
    *,
    route: str | None = None,
    upstream: str | None = None,
    gateway: str | None = None,
    own: tuple[Setting[T], ...] = (),
) -> Effective[T]:
    """What is in force for `route` and `upstream`; `last` (≥ 1): the gateway's own, strongest first.

    `gateway`: the name of the Gateway (of the Gateway API) that the route is attached to. `own`: what the route
    itself says, weaker than a policy for the route and stronger than one for its Gateway.
    """
    chain = _chain(levels, route, upstream, gateway, own) + last
    value, origin = chain[0]
    return Effective(value, origin, chain[1:])


def strongest(
    levels: Levels[T], *, route: str | None = None, upstream: str | None = None, gateway: str | None = None
) -> Effective[T] | None:
    """As `resolve`, where nothing lies below; None if nobody says anything."""
    chain = _chain(levels, route, upstream, gateway, ())
    return Effective(*chain[0], chain[1:]) if chain else None


def find_conflicts(policies: Sequence[Policy], *, one_gateway: bool = False) -> tuple[Conflict, ...]:
    """Every clash of two policies of one source: same mode, same stanza, same target; the earlier one wins.

    `one_gateway`: all Gateway refs with a name mean the same one.
    """
    first: dict[tuple[Mode, str, TargetRef], int] = {}
    conflicts = []
    for index, policy in enumerate(policies):
        for stanza in _stanzas(policy.spec):
            for target in policy.spec.targets:
                level = TargetRef(target.kind, "*") if one_gateway and _is_named_gateway(target) else target
                winner = first.setdefault((policy.spec.mode, stanza, level), index)
                if winner != index:
                    conflicts.append(Conflict(winner, index, stanza, target_text(target)))
    return tuple(conflicts)


def target_text(target: TargetRef) -> str:
    """`Gateway`, `Gateway/edge`, `Route/orders`, `HTTPRoute/shop`, and `HTTPRoute/shop/cart` for a rule of it.

    A Gateway of the Gateway API as kubectl tells it from ours: `Gateway.gateway.networking.k8s.io/edge`.
    """
    kind = str(target.kind)
    if target.kind is TargetKind.GATEWAY and target.is_object:
        kind = f"{kind}.{target.group}"
    return "/".join(part for part in (kind, target.name, target.section) if part is not None)


def _chain(
    levels: Levels[T],
    route: str | None,
    upstream: str | None,
    gateway: str | None,
    own: tuple[Setting[T], ...],
) -> tuple[Setting[T], ...]:
    chain = levels.gateway
    if gateway is not None:
        chain = levels.gateways.get(gateway, ()) + chain
    chain = own + chain
    if upstream is not None:
        chain = levels.of_upstream(upstream) + chain
    if route is not None:
        chain = levels.of_route(route) + chain
    return chain


def _of_whole_too(settings: Mapping[str, tuple[Setting[T], ...]], name: str) -> tuple[Setting[T], ...]:
    whole = whole_of(name)
    return settings.get(name, ()) if whole is None else settings.get(name, ()) + settings.get(whole, ())


def _levels(in_mode: Iterable[Stated], stanza: Callable[[Spec], T | None], gateway: str | None) -> Levels[T]:
    found: dict[str, dict[str, list[Setting[T]]]] = {level: {} for level in ("release", *_LEVELS.values())}
    # sorted() is stable: on one level of one source the order given decides
    for said in sorted(in_mode, key=lambda said: -said.source):
        value = stanza(said.policy.spec)
        if value is None:
            continue
        for target in said.policy.spec.targets:
            place = _place(target, said.policy.namespace, gateway)
            if place is not None:
                level, name = place
                origin = Origin(said.source, said.policy.name, target_text(target))
                found[level].setdefault(name, []).append((value, origin))
    release = found["release"]
    by_level = {
        level: {name: tuple(settings) for name, settings in named.items()} for level, named in found.items()
    }
    return Levels(
        gateway=(*release.get(_NAMED, ()), *release.get("", ())),
        upstreams=by_level["upstreams"],
        routes=by_level["routes"],
        gateways=by_level["gateways"],
    )


def _place(target: TargetRef, namespace: str | None, gateway: str | None) -> tuple[str, str] | None:
    """The level and the name there that a policy of `namespace` means; None: nothing of this gateway."""
    if target.kind is TargetKind.GATEWAY and not target.is_object:
        if target.name is None:
            return "release", ""
        return None if gateway not in (None, target.name) else ("release", _NAMED)
    if target.is_object:
        return None if namespace is None else (_LEVELS[target.kind], object_name(target, namespace))
    return _LEVELS[target.kind], str(target.name)


def _breaker_settings(spec: Spec) -> CircuitBreaker | None:
    """None where the stanza is an override only."""
    breaker = spec.circuit_breaker
    if breaker is None:
        return None
    criteria = (breaker.consecutive_failures, breaker.failure_rate, breaker.slow_calls)
    return breaker if criteria != (None, None, None) else None


def _live_override(spec: Spec, wall_s: float) -> BreakerOverride | None:
    override = spec.circuit_breaker.override if spec.circuit_breaker is not None else None
    if override is None or override.state is OverrideState.AUTO:
        return None
    return override if override.until_wall_s is not None and override.until_wall_s > wall_s else None


def _stanzas(spec: Spec) -> tuple[str, ...]:
    """The stanzas that replace something, by their name in the file."""
    stanzas: tuple[tuple[str, object], ...] = (
        ("circuitBreaker", _breaker_settings(spec)),
        ("rateLimit", spec.rate_limit),
        ("timeout", spec.timeout),
        ("retry", spec.retry),
    )
    return tuple(name for name, value in stanzas if value is not None)


def _is_named_gateway(target: TargetRef) -> bool:
    return target.kind is TargetKind.GATEWAY and not target.is_object and target.name is not None
