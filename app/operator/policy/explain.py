"""What is in force for one target, who won it and who lost, from the policies alone: `tidegate explain`."""

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
_STANZAS = ("circuitBreaker", "override", "rateLimit", "timeout", "retry")


@dataclass(frozen=True, slots=True)
class Row:
    """A stanza of one mode. `says`: as its author wrote it, JSON; empty for the gateway's own settings.

    `where`: empty, or what of the target alone it is about (`to cache`, `at edge`).
    """

    stanza: str
    mode: str
    winner: str
    says: str
    beaten: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """`out`: policies that would be about the target but are not in force, and why.

    `is_named`: a policy names the target.
    """

    rows: tuple[Row, ...]
    out: tuple[tuple[str, str], ...]
    is_named: bool


def read_target(text: str) -> tuple[str, TargetRef]:
    """Namespace and target of `shop/Route/orders`, `shop/Upstream/cache`, `shop/Gateway`.

    Raises BadValue.
    """
    namespace, _, rest = text.partition("/")
    kind, _, name = rest.partition("/")
    kinds = {str(known).lower(): known for known in TargetKind}
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
    says = {f"{entry.namespace}/{entry.name}": entry.spec for entry in compiled.entries}
    rows = [row for mode in Mode for row in _rows(compiled.entries, says, target, mode, wall_s)]
    verdicts = [
        (policy, compiled.verdicts[policy.uid]) for policy in sorted(own, key=lambda one: one.age_order)
    ]
    out = tuple(
        (f"{policy.namespace}/{policy.name}", f"{AcceptReason(verdict.reason)}: {verdict.message}")
        for policy, verdict in verdicts
        if not verdict.is_accepted and (verdict.spec is None or _touches(verdict.spec.targets, target))
    )
    named = any(verdict.spec is not None and target in verdict.spec.targets for _, verdict in verdicts)
    return Explained(tuple(rows), out, named)


def _rows(
    entries: Iterable[PolicyEntry],
    says: Mapping[str, Mapping[str, object]],
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
        for where, gateway, upstream in _places(stated, target, mode):
            hierarchy = layer(stated, mode=mode, gateway=gateway, wall_s=wall_s)
            route = target.name if target.kind is TargetKind.ROUTE else None
            effective = strongest(_levels(hierarchy, stanza), route=route, upstream=upstream)
            row = _row(stanza, mode, effective, says)
            if first is None:
                first = row
                is_worth_a_row = effective is not None or (stanza != "override" and mode is Mode.ENFORCE)
            else:
                is_worth_a_row = row.winner != first.winner
            if where.startswith("to ") and (
                effective is None or effective.origin.target != f"Upstream/{upstream}"
            ):
                continue  # the upstream changes nothing here
            if is_worth_a_row:
                yield replace(row, where=where)


def _touches(targets: Iterable[TargetRef], target: TargetRef) -> bool:
    """Whether a policy for `targets` may be about `target`: names it, or something less specific."""
    below = {
        TargetKind.GATEWAY: (),
        TargetKind.UPSTREAM: (TargetKind.GATEWAY,),
        TargetKind.ROUTE: (TargetKind.GATEWAY, TargetKind.UPSTREAM),
    }[target.kind]
    general = TargetRef(TargetKind.GATEWAY)
    return any(one in (target, general) or one.kind in below for one in targets)


def _places(
    stated: Iterable[Stated], target: TargetRef, mode: Mode
) -> list[tuple[str, str | None, str | None]]:
    """Where the answer may differ: text, gateway and upstream to ask for; the general one first.

    Policies do not tell which upstream a route goes to, nor which of several gateways has it.
    """
    if target.kind is TargetKind.GATEWAY and target.name is not None:
        return [("", target.name, None)]
    named = [one for said in stated if said.policy.spec.mode is mode for one in said.policy.spec.targets]
    gateways = sorted({one.name for one in named if one.kind is TargetKind.GATEWAY and one.name is not None})
    places: list[tuple[str, str | None, str | None]] = [
        ("", _OTHER, target.name if target.kind is TargetKind.UPSTREAM else None),
    ]
    places += [(f"at {name}", name, places[0][2]) for name in gateways]
    if target.kind is TargetKind.ROUTE:
        upstreams = sorted(
            {one.name for one in named if one.kind is TargetKind.UPSTREAM and one.name is not None}
        )
        places += [(f"to {name}", None, name) for name in upstreams]
    return places


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
    stanza: str, mode: Mode, effective: Effective[object] | None, says: Mapping[str, Mapping[str, object]]
) -> Row:
    if effective is None:
        return Row(stanza, str(mode), OWN, "", ())
    origin = effective.origin
    spec = says[origin.policy]
    said = spec["circuitBreaker"]["override"] if stanza == "override" else spec[stanza]  # type: ignore[index]
    beaten = tuple(_who(loser) for _, loser in effective.losers)
    return Row(stanza, str(mode), _who(origin), orjson.dumps(said).decode(), beaten)


def _who(origin: Origin) -> str:
    return f"{origin.policy} ({origin.target})"
