"""When a status may be written: at most once a second while it converges, breakers at most once in 5 s, and
never at rest. Decides over values and `now_s`; writes nothing."""

from collections.abc import Mapping
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
class _Pace:
    """When this policy's status was last written, when its breakers, and when its generation came."""

    written_s: float = float("-inf")
    breakers_s: float = float("-inf")
    generation: int = 0
    seen_s: float = 0.0


class StatusThrottle:
    """Remembers, for each policy, when its status was written."""

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}

    def decide(self, policy: PolicyObject, wanted: Mapping[str, Any], now_s: float) -> Write | Pause | None:
        """What to do about `wanted`, the status that `policy` should have; None: nothing, it has it."""
        stored = policy.status
        if stored == wanted or stored.get("observedGeneration", 0) > policy.generation:
            return None
        pace = self._pace(policy, now_s)
        if _plain(stored) == _plain(wanted):
            due_s = max(pace.written_s + WRITE_S, pace.breakers_s + BREAKER_S)
        else:
            due_s = pace.written_s + WRITE_S
            if _is_under_way(wanted):
                due_s = max(due_s, pace.seen_s + SETTLE_S)
        return Write() if now_s >= due_s else Pause(due_s)

    def written(self, policy: PolicyObject, wanted: Mapping[str, Any], now_s: float) -> None:
        """`wanted` was tried to be written; a failed try counts too, so that it is no storm."""
        pace = self._pace(policy, now_s)
        pace.written_s = now_s
        if any(policy.status.get(field) != wanted.get(field) for field in _BREAKER_FIELDS):
            pace.breakers_s = now_s

    def written_s(self, policy: PolicyObject) -> float:
        """When its status was written last; minus infinity if never."""
        pace = self._paces.get(policy.uid)
        return float("-inf") if pace is None else pace.written_s

    def keep_only(self, uids: Mapping[str, object]) -> None:
        """Forgets policies that are gone."""
        self._paces = {uid: pace for uid, pace in self._paces.items() if uid in uids}

    def _pace(self, policy: PolicyObject, now_s: float) -> _Pace:
        pace = self._paces.setdefault(policy.uid, _Pace())
        if pace.generation != policy.generation:
            pace.generation, pace.seen_s = policy.generation, now_s
        return pace


def _plain(status: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in _BREAKER_FIELDS}


def _is_under_way(status: Mapping[str, Any]) -> bool:
    return any(one["reason"] == "Reconciling" for one in status["conditions"])
