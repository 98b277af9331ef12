"""The hierarchy of policies: which stanza is in force for a route or an upstream, and what it beats.

Less specific → more specific: rateLimit, timeout, retry: Gateway → Route; circuitBreaker: Gateway →
Upstream → Route. The more specific one replaces the whole stanza. Specificity is compared first, the
source second; a Gateway ref without a name ranks below one with a name. A `circuitBreaker` that holds
nothing but `override` replaces no settings and conflicts with none; overrides have a chain of their own, in
which only live ones count.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Stated:
    """A policy and who said it."""

    policy: Policy
    source: Source


@dataclass(frozen=True, slots=True)
class Levels(Generic[T_co]):
    """One stanza by level; each tuple strongest first, its members no longer compared by specificity."""

    gateway: tuple[Setting[T_co], ...]
    upstreams: Mapping[str, tuple[Setting[T_co], ...]]
    routes: Mapping[str, tuple[Setting[T_co], ...]]


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
    levels: Levels[T], last: tuple[Setting[T], ...], *, route: str | None = None, upstream: str | None = None
) -> Effective[T]:
    """What is in force for `route` and `upstream`; `last` (≥ 1): the gateway's own, strongest first."""
    chain = _chain(levels, route, upstream) + last
    value, origin = chain[0]
    return Effective(value, origin, chain[1:])


def strongest(
    levels: Levels[T], *, route: str | None = None, upstream: str | None = None
) -> Effective[T] | None:
    """As `resolve`, where nothing lies below; None if nobody says anything."""
    chain = _chain(levels, route, upstream)
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
    """`Gateway`, `Gateway/edge`, `Route/orders`."""
    return str(target.kind) if target.name is None else f"{target.kind}/{target.name}"


def _chain(levels: Levels[T], route: str | None, upstream: str | None) -> tuple[Setting[T], ...]:
    chain = levels.gateway
    if upstream is not None:
        chain = levels.upstreams.get(upstream, ()) + chain
    if route is not None:
        chain = levels.routes.get(route, ()) + chain
    return chain


def _levels(in_mode: Iterable[Stated], stanza: Callable[[Spec], T | None], gateway: str | None) -> Levels[T]:
    found: dict[TargetKind, dict[str, list[Setting[T]]]] = {kind: {} for kind in TargetKind}
    # sorted() is stable: on one level of one source the order given decides
    for said in sorted(in_mode, key=lambda said: -said.source):
        value = stanza(said.policy.spec)
        if value is None:
            continue
        for target in said.policy.spec.targets:
            name = target.name or ""
            if target.kind is TargetKind.GATEWAY and name:
                if gateway is not None and name != gateway:
                    continue
                name = "named"
            origin = Origin(said.source, said.policy.name, target_text(target))
            found[target.kind].setdefault(name, []).append((value, origin))
    gateways = found[TargetKind.GATEWAY]
    return Levels(
        gateway=(*gateways.get("named", ()), *gateways.get("", ())),
        upstreams={name: tuple(settings) for name, settings in found[TargetKind.UPSTREAM].items()},
        routes={name: tuple(settings) for name, settings in found[TargetKind.ROUTE].items()},
    )


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
    return target.kind is TargetKind.GATEWAY and target.name is not None
