"""What is in force for one target, which policy sets it and which lost, from the policies alone. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from app.config.sync.snapshot import PolicyEntry
from app.operator.kube.resources import PolicyObject
from app.operator.policy.compile import AcceptReason, compile_policies
from app.policy.effective import Effective, Origin, Source
from app.policy.merge import Hierarchy, Levels, Stated, layer, strongest
from app.policy.model import Mode, Policy, TargetKind, TargetRef
from app.policy.parse import parse_spec
from app.schema.faults import BadValue
from app.schema.names import dns_label, dns_subdomain

__all__ = ["OWN", "Explained", "Row", "explain", "is_known", "read_target"]

OWN = "the gateway's own settings"
_OTHER = ""  # no gateway has this name: the hierarchy of those that no policy names
_KINDS = (TargetKind.GATEWAY, TargetKind.UPSTREAM, TargetKind.ROUTE)
_STANZAS = ("circuitBreaker", "override", "rateLimit", "timeout", "retry")


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

    Raises BadValue.
    """
    namespace, _, rest = text.partition("/")
    kind, _, name = rest.partition("/")
    kinds = {str(known).lower(): known for known in _KINDS}
    found = kinds.get(kind.lower())
    if not namespace or found is None or (found is not TargetKind.GATEWAY and not name):
        raise BadValue(f"{text!r} names no target", "write it like shop/Route/orders, or shop/Gateway")
    return dns_label(namespace), TargetRef(found, dns_subdomain(name) if name else None)


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
    for stanza in _STANZAS[:2] if target.kind is TargetKind.UPSTREAM else _STANZAS:
        first: Row | None = None
        for part, gateway, upstream in _parts(stated, target, mode):
            hierarchy = layer(stated, mode=mode, gateway=gateway, wall_s=wall_s)
            route = target.name if target.kind is TargetKind.ROUTE else None
            effective = strongest(_levels(hierarchy, stanza), route=route, upstream=upstream)
            row = _row(stanza, mode, effective, specs)
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
    return any(one in (target, general) or one.kind in below for one in targets)


def _parts(
    stated: Iterable[Stated], target: TargetRef, mode: Mode
) -> list[tuple[str, str | None, str | None]]:
    """The parts of the target whose settings may differ: text, gateway and upstream; the general one first.

    Policies do not say which upstream a route goes to, nor which of several gateways has it.
    """
    if target.kind is TargetKind.GATEWAY and target.name is not None:
        return [("", target.name, None)]
    named = [one for entry in stated if entry.policy.spec.mode is mode for one in entry.policy.spec.targets]
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


def _levels(hierarchy: Hierarchy, stanza: str) -> Levels[object]:
    found: dict[str, Levels[object]] = {
        "circuitBreaker": hierarchy.circuit_breaker,
        "override": hierarchy.override,
        "rateLimit": hierarchy.rate_limit,
        "timeout": hierarchy.timeout,
        "retry": hierarchy.retry,
    }
    return found[stanza]


def _row(
    stanza: str, mode: Mode, effective: Effective[object] | None, specs: Mapping[str, Mapping[str, object]]
) -> Row:
    if effective is None:
        return Row(stanza, str(mode), OWN, "", ())
    origin = effective.origin
    spec = specs[origin.policy]
    part = spec["circuitBreaker"]["override"] if stanza == "override" else spec[stanza]  # type: ignore[index]
    losers = tuple(_name(loser) for _, loser in effective.losers)
    return Row(stanza, str(mode), _name(origin), orjson.dumps(part).decode(), losers)


def _name(origin: Origin) -> str:
    return f"{origin.policy} ({origin.target})"
