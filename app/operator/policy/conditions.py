"""Conditions of a status: ours carry the time of their last change, and those of others stay. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from app.operator.kube.resources import Condition, PolicyObject

__all__ = ["condition_of", "dated", "dated_conditions", "instant"]

_OWN_TYPES = ("Accepted", "ResolvedRefs", "Programmed", "Ready", "Stalled")


def condition_of(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The stored condition of type `kind`."""
    found = [one for one in status.get("conditions") or () if one.get("type") == kind]
    return found[0] if found else None


def dated_conditions(
    policy: PolicyObject, conditions: Iterable[Condition], wall_s: float
) -> list[dict[str, Any]]:
    """As they are to be stored, ours first; a time moves only when `status` changes, to `wall_s`."""
    stored = [dict(one) for one in policy.status.get("conditions") or ()]
    foreign = [one for one in stored if one.get("type") not in _OWN_TYPES]
    return dated(stored, conditions, policy.generation, wall_s) + foreign


def dated(
    stored: Iterable[Mapping[str, Any]], conditions: Iterable[Condition], generation: int, wall_s: float
) -> list[dict[str, Any]]:
    """`conditions` as they are to be stored in the place of `stored`; a time moves only when `status` changes."""
    before = {one.get("type"): one for one in stored}
    own = []
    for one in conditions:
        known = before.get(one.type, {})
        same = known.get("status") == one.status and known.get("lastTransitionTime")
        own.append(
            {
                "type": one.type,
                "status": one.status,
                "observedGeneration": generation,
                "lastTransitionTime": known["lastTransitionTime"] if same else instant(wall_s),
                "reason": str(one.reason),
                "message": one.message,
            }
        )
    return own


def instant(wall_s: float) -> str:
    """RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(int(wall_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
