"""What one gateway reported last, and which of its calls are replays of older ones. Pure.

A call is a replay if it comes from an earlier boot of the pod, is no newer than the last call of this boot, or
names an earlier snapshot than this boot had applied.
"""

import math
from dataclasses import dataclass

from app.config.sync.messages import (
    Applied,
    ApplyResult,
    Attempt,
    BreakerReport,
    Instance,
    PolicyError,
    PortFault,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.config.sync.newest import Held
from app.config.sync.summary import SettingInForce, Summary
from app.operator.snapshot.lineages import SETTLED_S

__all__ = ["NO_CHANGE", "FleetChange", "GatewayRecord", "HeardSummary"]

_MAX_BOOTS = 16  # a pod that restarts more often than that within a replayed call's life has other troubles


@dataclass(frozen=True, slots=True)
class FleetChange:
    """What is new in a call.

    `transitions`: not reported before. `rejected_policies`: rejected now and not before. `snapshot_rejected`:
    a whole snapshot is, and was not before. `applied_changed`: it serves with another snapshot.
    `report_changed`: its breakers, targets, errors, ports or certificates are others. `store_changed`: the limit
    store became unavailable or available, as this gateway sees it.
    """

    transitions: tuple[TransitionReport, ...]
    applied_changed: bool
    rejected_policies: tuple[PolicyError, ...]
    snapshot_rejected: bool
    report_changed: bool
    store_changed: bool


NO_CHANGE = FleetChange((), False, (), False, False, False)


@dataclass(frozen=True, slots=True)
class HeardSummary:
    """A summary and when it came. `settings`: of the digest `settings_digest`, kept until others come.

    `clock_ahead_s`: of the gateway's clock before ours; negative where it is behind.
    """

    summary: Summary
    at_s: float
    clock_ahead_s: float
    settings_digest: str
    settings: tuple[SettingInForce, ...]


class GatewayRecord:
    """The last report of one gateway. `seen_s`: when it came; `limit_store_up`: None without a shared store.

    `sends_summaries`: None where its version cannot. `heard`: its last summary, None before the first of its boot.
    `ports`, `port_faults`, `certificates`: as `SyncRequest` says.
    """

    __slots__ = (
        "_boots",
        "_last_transition",
        "_lineage",
        "_lineage_since_s",
        "applied",
        "attempt",
        "breakers",
        "certificates",
        "heard",
        "instance",
        "limit_store_up",
        "port_faults",
        "ports",
        "seen_s",
        "sends_summaries",
        "targets",
    )

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.applied: Applied | None = None
        self.attempt: Attempt | None = None
        self.targets = Targets()
        self.breakers: tuple[BreakerReport, ...] = ()
        self.limit_store_up: bool | None = None
        self.sends_summaries: bool | None = None
        self.ports: tuple[int, ...] = ()
        self.port_faults: tuple[PortFault, ...] = ()
        self.certificates: Held | None = None
        self.heard: HeardSummary | None = None
        self.seen_s = 0.0
        self._boots: tuple[str, ...] = ()
        self._last_transition = 0
        self._lineage = ""
        self._lineage_since_s = -math.inf

    @property
    def errors(self) -> tuple[PolicyError, ...]:
        """The policies that it does not understand."""
        return _errors(self.attempt)

    @property
    def error_text(self) -> str:
        """What went wrong with the last snapshot; empty if nothing did."""
        attempt = self.attempt
        if attempt is None or attempt.result is ApplyResult.APPLIED:
            return ""
        if attempt.result is ApplyResult.REJECTED:
            return attempt.message or "rejected the snapshot"
        return "; ".join(error.message for error in attempt.errors)

    def sequence_in(self, lineage: str) -> int:
        """The sequence that it serves with; 0 if that is of another lineage."""
        applied = self.applied
        return applied.sequence if applied is not None and applied.lineage == lineage else 0

    def rejected_in(self, lineage: str) -> tuple[int, str]:
        """The snapshot of `lineage` that it rejected as a whole, and why; 0 if it rejected none."""
        attempt = self.attempt
        if attempt is None or attempt.result is not ApplyResult.REJECTED or attempt.lineage != lineage:
            return 0, ""
        return attempt.sequence, attempt.message

    def is_settled(self, now_s: float) -> bool:
        """Whether it still names the lineage that it named first, or has named this one for a while."""
        return now_s - self._lineage_since_s >= SETTLED_S

    def is_replay(self, request: SyncRequest) -> bool:
        """Whether `request` is older than what this gateway reported already."""
        instance, known = request.instance, self.instance
        if instance.boot_id in self._boots:
            return True
        if instance.boot_id != known.boot_id:
            return False
        if instance.call <= known.call:
            return True
        before, now = self.applied, request.applied
        return before is not None and (
            now is None or (now.lineage == before.lineage and now.sequence < before.sequence)
        )

    def take(self, request: SyncRequest, now_s: float) -> FleetChange:
        """Records a call that is no replay; returns what is new in it."""
        if request.instance.boot_id != self.instance.boot_id:
            self._boots = (*self._boots, self.instance.boot_id)[-_MAX_BOOTS:]
            self._last_transition = 0
            self.heard = None
        if request.applied is not None:
            self._note_lineage(request.applied.lineage, now_s)
        rejected, snapshot_rejected = _new_rejections(self.attempt, request.attempt)
        change = FleetChange(
            transitions=self._new_transitions(request),
            applied_changed=_place(self.applied) != _place(request.applied),
            rejected_policies=rejected,
            snapshot_rejected=snapshot_rejected,
            report_changed=self._differs(request),
            store_changed=self._note_store(request.limit_store_up),
        )
        self.applied, self.attempt = request.applied, request.attempt
        self.breakers, self.targets = request.breakers, request.targets
        self.instance, self.seen_s = request.instance, now_s
        self.sends_summaries = request.sends_summaries
        self.ports, self.port_faults = request.ports, request.port_faults
        self.certificates = request.certificates
        return change

    def take_summary(self, summary: Summary, now_s: float, wall_s: float) -> str:
        """Records it; returns the digest of the settings that are held now."""
        before = self.heard
        digest, settings = ("", ()) if before is None else (before.settings_digest, before.settings)
        if summary.settings:
            digest, settings = summary.settings_digest, summary.settings
        self.heard = HeardSummary(summary, now_s, summary.at_wall_s - wall_s, digest, settings)
        return digest

    def _differs(self, request: SyncRequest) -> bool:
        return (
            self.breakers != request.breakers
            or self.targets != request.targets
            or self.errors != _errors(request.attempt)
            or (self.ports, self.port_faults) != (request.ports, request.port_faults)
            or self.certificates != request.certificates
        )

    def _new_transitions(self, request: SyncRequest) -> tuple[TransitionReport, ...]:
        fresh = tuple(one for one in request.transitions if one.number > self._last_transition)
        self._last_transition = max((one.number for one in fresh), default=self._last_transition)
        return fresh

    def _note_lineage(self, lineage: str, now_s: float) -> None:
        """The first one counts at once: a gateway that calls for the first time has had it for a while."""
        if lineage != self._lineage:
            self._lineage_since_s = now_s if self._lineage else -math.inf
            self._lineage = lineage

    def _note_store(self, is_up: bool | None) -> bool:
        """A gateway that reported nothing about a store counts as one that reaches it."""
        was_up = self.limit_store_up is not False
        self.limit_store_up = is_up
        return is_up is not None and is_up != was_up


def _new_rejections(before: Attempt | None, now: Attempt | None) -> tuple[tuple[PolicyError, ...], bool]:
    """The policies rejected now and not before, and whether a further whole snapshot was rejected."""
    if now is None:
        return (), False
    known = {(error.uid, error.generation) for error in _errors(before)}
    fresh = tuple(error for error in now.errors if (error.uid, error.generation) not in known)
    if now.result is not ApplyResult.REJECTED:
        return fresh, False
    was_rejected = (
        before is not None
        and before.result is ApplyResult.REJECTED
        and (before.lineage, before.sequence) == (now.lineage, now.sequence)
    )
    return fresh, not was_rejected


def _errors(attempt: Attempt | None) -> tuple[PolicyError, ...]:
    return () if attempt is None else attempt.errors


def _place(applied: Applied | None) -> tuple[str, int] | None:
    return None if applied is None else (applied.lineage, applied.sequence)
