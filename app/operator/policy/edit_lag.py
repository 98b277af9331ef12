"""How long edits take: from the change of a policy to the acknowledgement of the last gateway. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.operator.kube.resources import PolicyObject
from app.operator.metrics import OperatorCounts
from app.operator.policy.conditions import condition_of

__all__ = ["EditLag"]


class EditLag:
    """The edits that not every gateway has acknowledged yet."""

    def __init__(self, counts: OperatorCounts) -> None:
        self._counts = counts
        self._edited_s: dict[str, tuple[int, float]] = {}

    def note_edits(self, policies: Iterable[PolicyObject], edited_s: float) -> None:
        """`policies` have a new generation since `edited_s`."""
        for policy in policies:
            self._edited_s[policy.uid] = (policy.generation, edited_s)

    def keep_only(self, uids: Iterable[str]) -> None:
        """Forgets policies that are gone."""
        self._edited_s = {uid: self._edited_s[uid] for uid in uids if uid in self._edited_s}

    def observe(self, policy: PolicyObject, status: Mapping[str, Any], now_s: float) -> None:
        """Counts the lag once `status` says that every gateway applied the edit."""
        edited = self._edited_s.get(policy.uid)
        programmed = condition_of(status, "Programmed")
        if edited is None or edited[0] != policy.generation or programmed is None:
            return
        if programmed["status"] == "True":
            self._counts.count_lag(now_s - edited[1])
            del self._edited_s[policy.uid]
