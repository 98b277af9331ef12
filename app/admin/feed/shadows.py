"""Policies in Shadow mode as the monitor shows them: what each would have rejected, and how to enforce it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.admin.shape import Shape
from app.config.policy_text import KUBECTL, kubectl_patch
from app.config.table import Table
from app.policy.breaker_fields import CIRCUIT_BREAKER
from app.policy.effective import Origin, Source
from app.policy.limit_fields import RATE_LIMIT
from app.policy.model import CircuitBreaker, Mode, Policy, RateLimit
from app.schema.yaml_text import yaml_text
from app.telemetry.shadow_counts import Label, ShadowLately

__all__ = ["MOST_ROWS", "ShadowPolicy", "labels_of", "shadow_policies", "shadows_shape"]

MOST_ROWS = 20
"""Policies shown: those that would have rejected most."""

_OPENED = "open"
_MOVES = ("open", "half_open", "closed")  # the other words are reasons of rejections


@dataclass(frozen=True, slots=True)
class ShadowPolicy:
    """One that judges traffic now. `targets`: as `Route/orders`, those for which no other shadow is stronger."""

    policy: Policy
    source: Source
    targets: tuple[str, ...]
    rate_limit: RateLimit | None
    circuit_breaker: CircuitBreaker | None


def shadow_policies(table: Table) -> tuple[ShadowPolicy, ...]:
    """In the table's order. O(routes)."""
    limits: dict[Origin, RateLimit] = {}
    for settings in table.routes:
        if settings.shadow_limit is not None:
            limits[settings.shadow_limit.origin] = settings.shadow_limit.value
    breakers = {setting.origin: setting.value for setting in table.shadow_breakers.values()}
    given = {
        source: {policy.name: policy for policy in policies}
        for source, policies in ((Source.FILE, table.policies), (Source.RESOURCE, table.resources.policies))
    }
    found: dict[tuple[Source, str], ShadowPolicy] = {}
    for origin in (*limits, *breakers):
        key = (origin.source, origin.policy)
        known = found.get(key) or ShadowPolicy(
            given[origin.source][origin.policy], origin.source, (), None, None
        )
        found[key] = replace(
            known,
            targets=tuple(dict.fromkeys((*known.targets, origin.target))),
            rate_limit=limits.get(origin, known.rate_limit),
            circuit_breaker=breakers.get(origin, known.circuit_breaker),
        )
    return tuple(found.values())


def labels_of(policies: tuple[ShadowPolicy, ...]) -> Mapping[Label, object]:
    """What their counters are labelled with; each with the settings that are counted."""
    return {
        (shadow.policy.name, target): (shadow.rate_limit, shadow.circuit_breaker)
        for shadow in policies
        for target in shadow.targets
    }


def shadows_shape(
    policies: tuple[ShadowPolicy, ...], lately: Mapping[Label, ShadowLately], file: str
) -> Shape:
    """`file`: the path of the gateway's file."""
    counts = {shadow: _counts(shadow, lately) for shadow in policies}
    most = sorted(policies, key=lambda shadow: (-sum(counts[shadow].rejected.values()), shadow.policy.name))
    shown = [_row(shadow, counts[shadow], file) for shadow in most[:MOST_ROWS]]
    return {"rows": shown, "more": max(0, len(most) - MOST_ROWS)}


class _Counts(NamedTuple):
    """All targets of a policy together."""

    since_ms: int | None
    rejected: Mapping[str, int]
    opened: int


def _counts(shadow: ShadowPolicy, lately: Mapping[Label, ShadowLately]) -> _Counts:
    labels = ((shadow.policy.name, target) for target in shadow.targets)
    counted = [lately[label] for label in labels if label in lately]
    words: dict[str, int] = {}
    for each in counted:
        for word, count in each.counts.items():
            words[word] = words.get(word, 0) + count
    since_ms = min((each.since_ms for each in counted if each.since_ms is not None), default=None)
    # plain text: the words of reasons are an enum's, which no key of JSON may be
    rejected = {str(word): count for word, count in words.items() if word not in _MOVES}
    return _Counts(since_ms, rejected, words.get(_OPENED, 0))


def _row(shadow: ShadowPolicy, counts: _Counts, file: str) -> Shape:
    limit, breaker = shadow.rate_limit, shadow.circuit_breaker
    return {
        "policy": shadow.policy.name,
        "source": shadow.source.name.lower(),
        "targets": list(shadow.targets),
        "since": counts.since_ms,
        "rejected": counts.rejected,
        "opened": counts.opened,
        "rateLimit": limit and RATE_LIMIT.write(limit),
        "circuitBreaker": breaker and CIRCUIT_BREAKER.write(breaker),
        "enforce": _enforce(shadow, file),
    }


def _enforce(shadow: ShadowPolicy, file: str) -> Shape:
    """What puts it in force: to copy."""
    name, change = shadow.policy.name, {"mode": Mode.ENFORCE.value}
    if shadow.source is Source.RESOURCE:
        return {"where": KUBECTL, "text": kubectl_patch(name, change)}
    text = yaml_text({"policies": [{"name": name, "spec": change}]})
    return {"where": file, "text": text.rstrip() + "  # the rest as it is\n"}
