"""What is in force for one target, who won it and who lost, from the policies alone: `tidegate explain`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from app.config.snapshot import PolicyEntry
from app.operator.compile import AcceptReason, compile_policies
from app.operator.resources import PolicyObject
from app.policy.effective import Effective, Origin, Source
from app.policy.merge import Levels, Stated, layer, resolve
from app.policy.model import Mode, Policy, TargetKind, TargetRef
from app.policy.parse import parse_spec
from app.policy.units import BadValue

__all__ = ["Explained", "Row", "explain", "read_target"]

OWN = "the gateway's own settings"
_LAST: tuple[tuple[object, Origin], ...] = ((None, Origin(Source.BUILT_IN, OWN, "")),)
_STANZAS = ("circuitBreaker", "rateLimit", "timeout", "retry")


@dataclass(frozen=True, slots=True)
class Row:
    """A stanza of one mode. `says`: as its author wrote it, JSON; empty for the gateway's own settings."""

    stanza: str
    mode: str
    winner: str
    says: str
    beaten: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """`out`: policies that name the target but are not in force, and why."""

    rows: tuple[Row, ...]
    out: tuple[tuple[str, str], ...]


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
    return namespace, TargetRef(found, name or None)


def explain(policies: Iterable[PolicyObject], namespace: str, target: TargetRef) -> Explained:
    """What is in force for `target`, by stanza and mode; O(policies)."""
    own = [policy for policy in policies if policy.namespace == namespace]
    compiled = compile_policies(own)
    says = {f"{entry.namespace}/{entry.name}": entry.spec for entry in compiled.entries}
    rows = [row for mode in Mode for row in _rows(compiled.entries, says, target, mode)]
    out = []
    for policy in sorted(own, key=lambda one: one.age_order):
        verdict = compiled.verdicts[policy.uid]
        if not verdict.is_accepted and (verdict.spec is None or target in verdict.spec.targets):
            reason = AcceptReason(verdict.reason)
            out.append((f"{policy.namespace}/{policy.name}", f"{reason}: {verdict.message}"))
    return Explained(tuple(rows), tuple(out))


def _rows(
    entries: Iterable[PolicyEntry], says: Mapping[str, Mapping[str, object]], target: TargetRef, mode: Mode
) -> Iterable[Row]:
    stated = [
        Stated(Policy(f"{entry.namespace}/{entry.name}", parse_spec(entry.spec)), Source.RESOURCE)
        for entry in entries
    ]
    gateway = target.name if target.kind is TargetKind.GATEWAY else None
    hierarchy = layer(stated, mode=mode, gateway=gateway)
    stanzas: dict[str, Levels[object]] = {
        "circuitBreaker": hierarchy.circuit_breaker,
        "rateLimit": hierarchy.rate_limit,
        "timeout": hierarchy.timeout,
        "retry": hierarchy.retry,
    }
    upstream = target.name if target.kind is TargetKind.UPSTREAM else None
    route = target.name if target.kind is TargetKind.ROUTE else None
    for stanza in _STANZAS[:1] if upstream else _STANZAS:
        effective = resolve(stanzas[stanza], _LAST, route=route, upstream=upstream)
        if mode is Mode.SHADOW and effective.origin.policy == OWN:
            continue  # nothing is shadowed
        yield _row(stanza, mode, effective, says)


def _row(
    stanza: str, mode: Mode, effective: Effective[object], says: Mapping[str, Mapping[str, object]]
) -> Row:
    origin = effective.origin
    spec = says.get(origin.policy, {}).get(stanza)
    text = "" if spec is None else orjson.dumps(spec).decode()
    beaten = tuple(_who(loser) for _, loser in effective.losers if loser.policy != OWN)
    return Row(stanza, str(mode), _who(origin), text, beaten)


def _who(origin: Origin) -> str:
    return f"{origin.policy} ({origin.target})" if origin.target else origin.policy
