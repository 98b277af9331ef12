"""What gateways said, and which of them must apply every snapshot. The clock is handed in.

A gateway is known by its pod's UID. Nothing here survives a restart of the operator: every gateway says all
of it again with its next call.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.config.sync.messages import (
    Applied,
    ApplyResult,
    Attempt,
    BreakerReport,
    Instance,
    PolicyError,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.operator.kube.resources import Pod
from app.operator.snapshot.lineages import SETTLED_S, Claim

__all__ = ["STALE_S", "Fleet", "FleetChange", "InstanceView", "KnownTargets", "PodView"]

STALE_S = 75.0
"""Three polls of 25 s: after that a silent gateway is stale."""

_MAX_BOOTS = 16  # a pod that restarts more often than that within a replayed call's life has other troubles


@dataclass(frozen=True, slots=True)
class FleetChange:
    """What is new in a call. `refused`: policies that the gateway refused and had not refused before."""

    transitions: tuple[TransitionReport, ...]
    advanced: bool
    refused: tuple[PolicyError, ...]
    rejected: bool
    breakers_changed: bool
    store_moved: bool


@dataclass(frozen=True, slots=True)
class PodView:
    """A required pod now. `sequence`: applied in the lineage asked for, 0 if none.

    `rejected_sequence`: the snapshot that it refused as a whole, 0 if none. `silent_s`: since its last call,
    None if it never called. `ready_s`: since when it takes traffic.
    """

    name: str
    gateway: str | None
    sequence: int
    rejected_sequence: int
    rejected_message: str
    errors: Mapping[str, PolicyError]
    silent_s: float | None
    ready_s: float
    breakers: tuple[BreakerReport, ...]


@dataclass(frozen=True, slots=True)
class KnownTargets:
    """What policies of a namespace may name, by at least one gateway that called."""

    gateways: frozenset[str]
    routes: frozenset[str]
    upstreams: frozenset[str]


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A gateway pod as `tidegate status --kube` shows it."""

    namespace: str
    pod: str
    gateway: str | None
    is_required: bool
    state: str
    sequence: int
    silent_s: float | None
    error: str
    version: str


class _Record:
    """The last word of one gateway."""

    __slots__ = (
        "applied",
        "attempt",
        "boots",
        "breakers",
        "instance",
        "last_transition",
        "lineage",
        "lineage_since_s",
        "seen_s",
        "targets",
    )

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.boots: tuple[str, ...] = ()
        self.applied: Applied | None = None
        self.attempt: Attempt | None = None
        self.targets = Targets()
        self.breakers: tuple[BreakerReport, ...] = ()
        self.last_transition = 0
        self.lineage = ""
        self.lineage_since_s = -math.inf
        self.seen_s = 0.0

    def note_lineage(self, lineage: str, now_s: float) -> None:
        """The first one counts at once: a gateway that calls for the first time has had it for a while."""
        if lineage != self.lineage:
            self.lineage_since_s = now_s if self.lineage else -math.inf
            self.lineage = lineage

    def is_settled(self, now_s: float) -> bool:
        return now_s - self.lineage_since_s >= SETTLED_S


class Fleet:
    """All gateways. `version` rises with whatever may change a status."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._required: dict[str, Pod] = {}
        self._ready_since_s: dict[str, float] = {}
        self._stores_up: dict[str, bool] = {}
        self.version = 0

    def require(self, pods: Mapping[str, Pod], now_s: float) -> bool:
        """The pods that take traffic now; whether they are others than before."""
        if pods == self._required:
            return False
        self._required = dict(pods)
        self._ready_since_s = {uid: self._ready_since_s.get(uid, now_s) for uid in pods}
        self.version += 1
        return True

    def hear(self, request: SyncRequest, now_s: float) -> FleetChange | None:
        """Takes note of a call; None, and nothing changes, if it is a replayed one."""
        instance = request.instance
        record = self._records.get(instance.pod_uid)
        if record is not None and _is_replayed(record, request):
            return None
        if record is None:
            record = self._records[instance.pod_uid] = _Record(instance)
            self.version += 1
        elif record.instance.boot_id != instance.boot_id:
            record.boots = (*record.boots, record.instance.boot_id)[-_MAX_BOOTS:]
            record.last_transition = 0
        if request.applied is not None:
            record.note_lineage(request.applied.lineage, now_s)
        heard = self._note(record, request)
        record.instance, record.seen_s = instance, now_s
        if heard != _NOTHING:
            self.version += 1
        return heard

    def _note(self, record: _Record, request: SyncRequest) -> FleetChange:
        fresh = tuple(one for one in request.transitions if one.number > record.last_transition)
        record.last_transition = max((one.number for one in fresh), default=record.last_transition)
        advanced = _place(record.applied) != _place(request.applied)
        refused, rejected = _news_of(record.attempt, request.attempt)
        changed = record.breakers != request.breakers or record.targets != request.targets
        healed = _errors(record.attempt) != _errors(request.attempt)
        record.applied, record.attempt = request.applied, request.attempt
        record.breakers, record.targets = request.breakers, request.targets
        moved = self._note_store(request)
        return FleetChange(fresh, advanced, refused, rejected, changed or healed, moved)

    def _note_store(self, request: SyncRequest) -> bool:
        """Whether the limit store went away or came back, as this gateway sees it."""
        uid, up = request.instance.pod_uid, request.limit_store_up
        before = self._stores_up.get(uid, True)
        if up is None:
            self._stores_up.pop(uid, None)
            return False
        self._stores_up[uid] = up
        return up != before

    def forget_silent(self, now_s: float) -> None:
        """Drops gateways that take no traffic and are silent: their pods are gone."""
        gone = [
            uid
            for uid, record in self._records.items()
            if uid not in self._required and now_s - record.seen_s > STALE_S
        ]
        for uid in gone:
            del self._records[uid]
            self._stores_up.pop(uid, None)
            self.version += 1

    def pods(self, namespace: str, lineage: str, now_s: float) -> tuple[PodView, ...]:
        """The required pods of `namespace`, by name."""
        own = [(uid, pod) for uid, pod in self._required.items() if pod.namespace == namespace]
        views = [self._pod(uid, pod, lineage, now_s) for uid, pod in own]
        return tuple(sorted(views, key=lambda view: view.name))

    def known_targets(self, namespace: str) -> KnownTargets | None:
        """None where no gateway of `namespace` called yet."""
        own = [record for record in self._records.values() if record.instance.namespace == namespace]
        if not own:
            return None
        return KnownTargets(
            frozenset(record.instance.gateway for record in own if record.instance.gateway is not None),
            frozenset(name for record in own for name in record.targets.routes),
            frozenset(name for record in own for name in record.targets.upstreams),
        )

    def namespaces(self) -> set[str]:
        """Those of the gateways that called."""
        return {record.instance.namespace for record in self._records.values()}

    def has_heard_all(self) -> bool:
        """Whether every required pod called."""
        return all(uid in self._records for uid in self._required)

    def claims(self, now_s: float) -> tuple[Claim, ...]:
        """What gateways say that they serve with."""
        return tuple(
            Claim(record.applied.lineage, record.applied.sequence, record.is_settled(now_s))
            for record in self._records.values()
            if record.applied is not None
        )

    def is_settled(self, pod_uid: str, now_s: float) -> bool:
        """Whether a known gateway names the lineage that it named first, or has named it for a while."""
        return self._records[pod_uid].is_settled(now_s)

    def count_in(self, namespace: str) -> int:
        """How many gateways share the traffic of `namespace`; ≥ 1."""
        return max(1, sum(pod.namespace == namespace for pod in self._required.values()))

    def store_is_up(self, namespace: str) -> bool:
        """Whether every gateway of `namespace` that has a shared limit store reaches it."""
        return all(
            up or self._records[uid].instance.namespace != namespace for uid, up in self._stores_up.items()
        )

    def instances(self, lineage: str, sequence: int, now_s: float) -> tuple[InstanceView, ...]:
        """Every gateway, required or calling, by namespace and name; `sequence`: the newest of `lineage`."""
        uids: Iterable[str] = {**self._required, **self._records}
        views = [self._instance(uid, lineage, sequence, now_s) for uid in uids]
        return tuple(sorted(views, key=lambda view: (view.namespace, view.pod)))

    def _pod(self, uid: str, pod: Pod, lineage: str, now_s: float) -> PodView:
        record = self._records.get(uid)
        ready_s = now_s - self._ready_since_s[uid]
        if record is None:
            return PodView(pod.name, pod.gateway, 0, 0, "", {}, None, ready_s, ())
        attempt = record.attempt
        rejected = (
            attempt is not None and attempt.result is ApplyResult.REJECTED and attempt.lineage == lineage
        )
        return PodView(
            name=pod.name,
            gateway=record.instance.gateway or pod.gateway,
            sequence=_sequence_in(record.applied, lineage),
            rejected_sequence=attempt.sequence if rejected and attempt is not None else 0,
            rejected_message=attempt.message if rejected and attempt is not None else "",
            errors={error.uid: error for error in _errors(attempt)},
            silent_s=now_s - record.seen_s,
            ready_s=ready_s,
            breakers=record.breakers,
        )

    def _instance(self, uid: str, lineage: str, sequence: int, now_s: float) -> InstanceView:
        pod, record = self._required.get(uid), self._records.get(uid)
        if record is None:
            assert pod is not None  # noqa: S101 - a UID comes from one of the two
            state = "pending" if now_s - self._ready_since_s[uid] < STALE_S else "stale"
            return InstanceView(
                pod.namespace, pod.name, pod.gateway, True, state, 0, None, "never called", ""
            )
        silent_s, instance = now_s - record.seen_s, record.instance
        applied = _sequence_in(record.applied, lineage)
        error = _error_text(record.attempt)
        state = "applied" if applied >= sequence else "pending"
        if error:
            state = "rejected"
        elif silent_s > STALE_S:
            state = "stale"
        return InstanceView(
            instance.namespace,
            instance.pod_name,
            instance.gateway,
            pod is not None,
            state,
            applied,
            silent_s,
            error,
            instance.version,
        )


_NOTHING = FleetChange((), False, (), False, False, False)


def _is_replayed(record: _Record, request: SyncRequest) -> bool:
    """An earlier boot, an earlier call of this boot, or an earlier snapshot than this boot applied."""
    instance, known = request.instance, record.instance
    if instance.boot_id in record.boots:
        return True
    if instance.boot_id != known.boot_id:
        return False
    if instance.call <= known.call:
        return True
    before, now = record.applied, request.applied
    return before is not None and (
        now is None or (now.lineage == before.lineage and now.sequence < before.sequence)
    )


def _news_of(before: Attempt | None, now: Attempt | None) -> tuple[tuple[PolicyError, ...], bool]:
    """The policies refused now and not before, and whether a further whole snapshot was rejected."""
    if now is None:
        return (), False
    known = {(error.uid, error.generation) for error in _errors(before)}
    fresh = tuple(error for error in now.errors if (error.uid, error.generation) not in known)
    same = before is not None and (before.lineage, before.sequence) == (now.lineage, now.sequence)
    rejected = now.result is ApplyResult.REJECTED
    return fresh, rejected and not (same and before is not None and before.result is ApplyResult.REJECTED)


def _place(applied: Applied | None) -> tuple[str, int] | None:
    return None if applied is None else (applied.lineage, applied.sequence)


def _sequence_in(applied: Applied | None, lineage: str) -> int:
    return applied.sequence if applied is not None and applied.lineage == lineage else 0


def _errors(attempt: Attempt | None) -> tuple[PolicyError, ...]:
    return () if attempt is None else attempt.errors


def _error_text(attempt: Attempt | None) -> str:
    if attempt is None or attempt.result is ApplyResult.APPLIED:
        return ""
    if attempt.result is ApplyResult.REJECTED:
        return attempt.message or "rejected the snapshot"
    return "; ".join(error.message for error in attempt.errors)
