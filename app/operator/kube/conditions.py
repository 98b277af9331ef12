"""Conditions as they are stored: ours carry the time of their last change, and those of others stay. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from app.operator.kube.resources import Condition

__all__ = ["dated", "instant", "merged_conditions"]


def merged_conditions(
    stored: Iterable[Mapping[str, Any]],
    wanted: Iterable[Condition],
    own_types: Collection[str],
    generation: int,
    wall_s: float,
) -> list[dict[str, Any]]:
    """Ours first, then those of others; of `own_types` only the wanted stay.

    A time moves only when `status` changes, to `wall_s`. `generation`: what ours observed.
    """
    before = [dict(one) for one in stored]
    ours = dated(before, wanted, generation, wall_s)
    types = {one["type"] for one in ours} | set(own_types)
    return ours + [one for one in before if one.get("type") not in types]


def dated(
    stored: Iterable[Mapping[str, Any]], wanted: Iterable[Condition], generation: int, wall_s: float
) -> list[dict[str, Any]]:
    """`wanted` as they are to be stored in the place of `stored`; a time moves only when `status` changes."""
    known = {one.get("type"): one for one in stored}
    return [_dated(one, known.get(one.type, {}), generation, wall_s) for one in wanted]


def instant(wall_s: float) -> str:
    """RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(int(wall_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dated(one: Condition, known: Mapping[str, Any], generation: int, wall_s: float) -> dict[str, Any]:
    is_same = known.get("status") == one.status and known.get("lastTransitionTime")
    return {
        "type": one.type,
        "status": one.status,
        "observedGeneration": generation,
        "lastTransitionTime": known["lastTransitionTime"] if is_same else instant(wall_s),
        "reason": str(one.reason),
        "message": one.message,
    }
