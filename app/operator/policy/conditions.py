"""Conditions of a status: ours carry the time of their last change, and those of others stay. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.operator.kube.conditions import merged_conditions
from app.operator.kube.resources import Condition, PolicyObject

__all__ = ["condition_of", "dated_conditions"]

_OWN_TYPES = ("Accepted", "ResolvedRefs", "Programmed", "Ready", "Stalled")


def condition_of(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The stored condition of type `kind`."""
    found = [one for one in status.get("conditions") or () if one.get("type") == kind]
    return found[0] if found else None


def dated_conditions(
    policy: PolicyObject, conditions: Iterable[Condition], wall_s: float
) -> list[dict[str, Any]]:
    """As they are to be stored, ours first; a time moves only when `status` changes, to `wall_s`."""
    stored = policy.status.get("conditions") or ()
    return merged_conditions(stored, conditions, _OWN_TYPES, policy.generation, wall_s)
