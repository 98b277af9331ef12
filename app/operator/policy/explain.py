"""What is in force for one target, which policy sets it and which lost, from the policies alone. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from app.config.sync.snapshot import PolicyEntry
from app.operator.kube.resources import PolicyObject
from app.operator.policy.compile import AcceptReason, compile_policies
from app.policy.effective import Effective, Origin, Source
from app.policy.merge import Hierarchy, Levels, Stated, layer, strongest
from app.policy.model import Mode, Policy, TargetGroup, TargetKind, TargetRef
from app.policy.parse import parse_spec
from app.schema.faults import BadValue
from app.schema.names import dns_label, dns_subdomain

__all__ = [
    "OWN",
    "STANZAS",
    "Explained",
    "Row",
    "explain",
    "is_known",
    "levels_of",
    "named_text",
    "read_target",
    "row_of",
]

OWN = "the gateway's own settings"
_OTHER = ""  # no gateway has this name: the hierarchy of those that no policy names
_KINDS = {
    "gateway": (TargetKind.GATEWAY, TargetGroup.TIDEGATE),
    "upstream": (TargetKind.UPSTREAM, TargetGroup.TIDEGATE),
    "route": (TargetKind.ROUTE, TargetGroup.TIDEGATE),
    f"gateway.{TargetGroup.GATEWAY_API}": (TargetKind.GATEWAY, TargetGroup.GATEWAY_API),
    "gtw": (TargetKind.GATEWAY, TargetGroup.GATEWAY_API),
    "httproute": (TargetKind.HTTP_ROUTE, TargetGroup.GATEWAY_API),
    "grpcroute": (TargetKind.GRPC_ROUTE, TargetGroup.GATEWAY_API),
    "service": (TargetKind.SERVICE, TargetGroup.CORE),
}
STANZAS = ("circuitBreaker", "override", "rateLimit", "timeout", "retry")


@dataclass(frozen=True, slots=True)
class Row:
    """A stanza of one mode. `spec_json`: as its author wrote it; empty for the gateway's own settings.

    `losers`: other policies that set it. `part`: empty, or the part of the target that it is about (`to cache`,
    `at edge`).
    """

    stanza: str
    mode: str
    winner: str
    spec_json: str
    losers: tuple[str, ...]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """`not_in_force`: policies about the target that are not, and why. `is_named`: a policy names the target."""

    rows: tuple[Row, ...]
    not_in_force: tuple[tuple[str, str], ...]
    is_named: bool


def read_target(text: str) -> tuple[str, TargetRef]:
    """Namespace and target of `shop/Route/orders`, `shop/Upstream/cache`, `shop/Gateway`.

    And of an object of the cluster: `shop/HTTPRoute/web`, `shop/HTTPRoute/web/cart` (a rule), `shop/Service/orders`,
    `shop/Gateway.gateway.networking.k8s.io/edge`, or `shop/gtw/edge` in short, as kubectl has it. Raises BadValue.
    """
    namespace, _, rest = text.partition("/")
    kind, _, names = rest.partition("/")
    found = _KINDS.get(kind.lower())
    is_release = found == (TargetKind.GATEWAY, TargetGroup.TIDEGATE)
    if not namespace or found is None or (not is_release and not names):
        fix = (
            "write it like shop/Route/orders, or shop/Gateway; objects of the cluster like shop/HTTPRoute/web"
        )
        raise BadValue(f"{text!r} names no target", fix)
    named, group = found
    name, section = names, None
    if named in (TargetKind.HTTP_ROUTE, TargetKind.GRPC_ROUTE):
        name, _, rule = names.partition("/")
        section = dns_subdomain(rule) if rule else None
    ref = TargetRef(named, dns_subdomain(name) if name else None, group, section)
    return dns_label(namespace), ref


def is_known(target: TargetRef, known: Mapping[str, Sequence[str]]) -> bool:
    """Whether a gateway has such a target; `known`: the names of `gateways`, `routes`, `upstreams`."""
    return target.name is None or target.name in known.get(f"{target.kind.lower()}s", ())


def explain(policies: Iterable[PolicyObject], namespace: str, target: TargetRef, wall_s: float) -> Explained:
    """What is in force for `target` now, by stanza and mode; O(policies × targets that they name)."""
    own = [policy for policy in policies if policy.namespace == namespace]
    compiled = compile_policies(own)
    specs = {f"{entry.namespace}/{entry.name}": entry.spec for entry in compiled.entries}
    rows = [row for mode in Mode for row in _rows(compiled.entries, specs, target, mode, wall_s)]
    verdicts = [
        (policy, compiled.verdicts[policy.uid]) for policy in sorted(own, key=lambda one: one.age_order)
    ]
    not_in_force = tuple(
        (f"{policy.namespace}/{policy.name}", f"{AcceptReason(verdict.reason)}: {verdict.message}")
        for policy, verdict in verdicts
        if not verdict.is_accepted and (verdict.spec is None or _touches(verdict.spec.targets, target))
    )
    named = any(verdict.spec is not None and target in verdict.spec.targets for _, verdict in verdicts)
    return Explained(tuple(rows), not_in_force, named)


def _rows(
    entries: Iterable[PolicyEntry],
    specs: Mapping[str, Mapping[str, object]],
    target: TargetRef,
    mode: Mode,
    wall_s: float,
) -> Iterable[Row]:
    stated = [
        Stated(Policy(f"{entry.namespace}/{entry.name}", parse_spec(entry.spec)), Source.RESOURCE)
        for entry in entries
    ]
    for stanza in STANZAS[:2] if target.kind is TargetKind.UPSTREAM else STANZAS:
        first: Row | None = None
        for part, gateway, upstream in _parts(stated, target, mode):
            hierarchy = layer(stated, mode=mode, gateway=gateway, wall_s=wall_s)
            route = target.name if target.kind is TargetKind.ROUTE else None
            effective = strongest(levels_of(hierarchy, stanza), route=route, upstream=upstream)
            row = row_of(stanza, mode, effective, specs)
            if first is None:
                first = row
                is_worth_a_row = effective is not None or (stanza != "override" and mode is Mode.ENFORCE)
            else:
                is_worth_a_row = row.winner != first.winner
            if part.startswith("to ") and (
                effective is None or effective.origin.target != f"Upstream/{upstream}"
            ):
                continue  # the upstream changes nothing here
            if is_worth_a_row:
                yield replace(row, part=part)


def _touches(targets: Iterable[TargetRef], target: TargetRef) -> bool:
    """Whether a policy for `targets` may be about `target`: names it, or something less specific."""
    below = {
        TargetKind.GATEWAY: (),
        TargetKind.UPSTREAM: (TargetKind.GATEWAY,),
        TargetKind.ROUTE: (TargetKind.GATEWAY, TargetKind.UPSTREAM),
    }[target.kind]
    general = TargetRef(TargetKind.GATEWAY)
    return any(one in (target, general) or (one.kind in below and not one.is_object) for one in targets)


def _parts(
    stated: Iterable[Stated], target: TargetRef, mode: Mode
) -> list[tuple[str, str | None, str | None]]:
    """The parts of the target whose settings may differ: text, gateway and upstream; the general one first.

    Policies do not say which upstream a route goes to, nor which of several gateways has it.
    """
    if target.kind is TargetKind.GATEWAY and target.name is not None:
        return [("", target.name, None)]
    in_mode = [entry.policy.spec for entry in stated if entry.policy.spec.mode is mode]
    named = [one for spec in in_mode for one in spec.targets if not one.is_object]
    gateways = sorted({one.name for one in named if one.kind is TargetKind.GATEWAY and one.name is not None})
    parts: list[tuple[str, str | None, str | None]] = [
        ("", _OTHER, target.name if target.kind is TargetKind.UPSTREAM else None),
    ]
    parts += [(f"at {name}", name, parts[0][2]) for name in gateways]
    if target.kind is TargetKind.ROUTE:
        upstreams = sorted(
            {one.name for one in named if one.kind is TargetKind.UPSTREAM and one.name is not None}
        )
        parts += [(f"to {name}", None, name) for name in upstreams]
    return parts


def levels_of(hierarchy: Hierarchy, stanza: str) -> Levels[object]:
    """One of `STANZAS`."""
    found: dict[str, Levels[object]] = {
        "circuitBreaker": hierarchy.circuit_breaker,
        "override": hierarchy.override,
        "rateLimit": hierarchy.rate_limit,
        "timeout": hierarchy.timeout,
        "retry": hierarchy.retry,
    }
    return found[stanza]


def row_of(
    stanza: str, mode: Mode, effective: Effective[object] | None, specs: Mapping[str, Mapping[str, object]]
) -> Row:
    """What is in force; `specs`: by policy, as their authors wrote them."""
    if effective is None:
        return Row(stanza, str(mode), OWN, "", ())
    origin = effective.origin
    spec = specs[origin.policy]
    part = spec["circuitBreaker"]["override"] if stanza == "override" else spec[stanza]  # type: ignore[index]
    losers = tuple(named_text(loser) for _, loser in effective.losers)
    return Row(stanza, str(mode), named_text(origin), orjson.dumps(part).decode(), losers)


def named_text(origin: Origin) -> str:
    """The policy with the target by which it applies."""
    return f"{origin.policy} ({origin.target})"
