"""When a status may be written: at most once a second while it converges, breakers alone at most once in 5 s,
and never at rest. Pure; writes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.operator.kube.resources import PolicyObject

__all__ = ["StatusThrottle", "Pause", "Write"]

WRITE_S = 1.0
BREAKER_S = 5.0
SETTLE_S = 0.3
"""A new generation is given this long to reach every gateway before a status says that it has not."""

_BREAKER_FIELDS = ("breakers", "breakerSummary")


@dataclass(frozen=True, slots=True)
class Write:
    """Write it now."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Look again at `until_s`."""

    until_s: float


@dataclass(slots=True)
class _Record:
    """When this policy's status was last written, when its breakers, and when its generation came."""

    written_s: float = float("-inf")
    breakers_s: float = float("-inf")
    generation: int = 0
    seen_s: float = 0.0


class StatusThrottle:
    """Remembers, for each policy, when its status was written."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def decide(self, policy: PolicyObject, wanted: Mapping[str, Any], now_s: float) -> Write | Pause | None:
        """What to do about `wanted`, the status that `policy` should have; None: nothing, since it has it."""
        stored = policy.status
        if stored == wanted or stored.get("observedGeneration", 0) > policy.generation:
            return None
        record = self._record(policy, now_s)
        if _without_breakers(stored) == _without_breakers(wanted):
            due_s = max(record.written_s + WRITE_S, record.breakers_s + BREAKER_S)
        else:
            due_s = record.written_s + WRITE_S
            if _is_reconciling(wanted):
                due_s = max(due_s, record.seen_s + SETTLE_S)
        return Write() if now_s >= due_s else Pause(due_s)

    def written(self, policy: PolicyObject, wanted: Mapping[str, Any], now_s: float) -> None:
        """A write of `wanted` was tried; a failed one counts too, so that failures do not come in a storm."""
        record = self._record(policy, now_s)
        record.written_s = now_s
        if any(policy.status.get(field) != wanted.get(field) for field in _BREAKER_FIELDS):
            record.breakers_s = now_s

    def written_s(self, policy: PolicyObject) -> float:
        """When its status was written last; minus infinity if never."""
        record = self._records.get(policy.uid)
        return float("-inf") if record is None else record.written_s

    def keep_only(self, uids: Iterable[str]) -> None:
        """Forgets policies that are gone."""
        self._records = {uid: self._records[uid] for uid in uids if uid in self._records}

    def _record(self, policy: PolicyObject, now_s: float) -> _Record:
        record = self._records.setdefault(policy.uid, _Record())
        if record.generation != policy.generation:
            record.generation, record.seen_s = policy.generation, now_s
        return record


def _without_breakers(status: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in _BREAKER_FIELDS}


def _is_reconciling(status: Mapping[str, Any]) -> bool:
    return any(one["reason"] == "Reconciling" for one in status["conditions"])
