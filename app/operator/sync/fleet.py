"""All gateways: what they reported, and which of them must apply every snapshot. Pure; the clock is handed in.

A gateway is known by its pod's UID. Nothing here survives a restart of the operator: every gateway reports all
of it again with its next call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.config.sync.messages import BreakerReport, PolicyError, SyncRequest
from app.config.sync.newest import Held
from app.config.sync.summary import Summary
from app.operator.kube.resources import Pod
from app.operator.snapshot.lineages import Claim
from app.operator.sync.fleet_watch import FleetWatch
from app.operator.sync.gateway_record import NO_CHANGE, FleetChange, GatewayRecord, HeardSummary

__all__ = ["STALE_S", "Fleet", "InstanceState", "InstanceView", "KnownTargets", "PodView"]

STALE_S = 75.0
"""Three polls of 25 s: after that a silent gateway is stale."""


@dataclass(frozen=True, slots=True)
class PodView:
    """A required pod now. `sequence`: applied in the lineage asked for, 0 if none.

    `rejected_sequence`: the snapshot that it rejected as a whole, 0 if none. `silent_s`: since its last call,
    None if it never called. `ready_s`: for how long it has taken traffic. `ports`: of listeners, that it has bound;
    `port_faults`: why it cannot serve others. `certificates`: how far it got with them, None where it holds none.
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
    ports: frozenset[int] = frozenset()
    port_faults: Mapping[int, str] = field(default_factory=dict)
    certificates: Held | None = None


@dataclass(frozen=True, slots=True)
class KnownTargets:
    """What policies of a namespace may name: known to at least one gateway that called."""

    gateways: frozenset[str]
    routes: frozenset[str]
    upstreams: frozenset[str]


class InstanceState(StrEnum):
    """How far a gateway is with the newest snapshot; the words of the API and the metrics."""

    APPLIED = "applied"
    PENDING = "pending"
    REJECTED = "rejected"
    """It rejected that snapshot, or a policy of it."""
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A gateway pod as `tidegate status --kube` and the fleet's page show it.

    `breakers`, `errors`: as it reported them last; `limit_store_up`: None without a shared store.
    `sends_summaries`, `heard`, `heard_ago_s`: of summaries, see `GatewayRecord`.
    """

    namespace: str
    pod: str
    gateway: str | None
    is_required: bool
    state: InstanceState
    sequence: int
    silent_s: float | None
    error: str
    version: str
    breakers: tuple[BreakerReport, ...] = ()
    errors: tuple[PolicyError, ...] = ()
    limit_store_up: bool | None = None
    sends_summaries: bool | None = None
    heard: HeardSummary | None = None
    heard_ago_s: float | None = None


class Fleet:
    """All gateways. `version` rises with whatever may change a status; `watch`: who looks at all of them."""

    def __init__(self) -> None:
        self._records: dict[str, GatewayRecord] = {}
        self._required: dict[str, Pod] = {}
        self._ready_since_s: dict[str, float] = {}
        self.version = 0
        self.watch = FleetWatch()

    def require(self, pods: Mapping[str, Pod], now_s: float) -> bool:
        """Takes over the pods that take traffic now; whether they are others than before."""
        if pods == self._required:
            return False
        self._required = dict(pods)
        self._ready_since_s = {uid: self._ready_since_s.get(uid, now_s) for uid in pods}
        self.version += 1
        return True

    def record_call(self, request: SyncRequest, now_s: float) -> FleetChange | None:
        """What is new in a call; None, and nothing is recorded, if it is a replay."""
        instance = request.instance
        record = self._records.get(instance.pod_uid)
        if record is None:
            record = self._records[instance.pod_uid] = GatewayRecord(instance)
            self.version += 1
        elif record.is_replay(request):
            return None
        change = record.take(request, now_s)
        if change != NO_CHANGE:
            self.version += 1
        return change

    def record_summary(self, pod_uid: str, summary: Summary, now_s: float, wall_s: float) -> str:
        """The digest of the settings held of that gateway; "", and nothing is recorded, before its first call."""
        record = self._records.get(pod_uid)
        return "" if record is None else record.take_summary(summary, now_s, wall_s)

    def look(self, now_s: float) -> None:
        """Somebody looks at all gateways. What they said when somebody looked the last time says nothing now."""
        if not self.watch.is_on(now_s):
            self._forget_said()
        self.watch.looked(now_s)

    def pace_s(self, now_s: float) -> float | None:
        """How far apart summaries are wanted; None while nobody looks."""
        return self.watch.pace_s(len(self._records)) if self.watch.is_on(now_s) else None

    def forget_silent(self, now_s: float) -> None:
        """Drops gateways that take no traffic and are silent: their pods are gone.

        And what was said for somebody who does not look any more: up to 1 MiB a gateway.
        """
        if not self.watch.is_on(now_s):
            self._forget_said()
        gone = [
            uid
            for uid, record in self._records.items()
            if uid not in self._required and now_s - record.seen_s > STALE_S
        ]
        for uid in gone:
            del self._records[uid]
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

    def targets(self) -> dict[str, KnownTargets]:
        """What policies may name, by namespace of the gateways that called."""
        namespaces = {record.instance.namespace for record in self._records.values()}
        found = {name: self.known_targets(name) for name in namespaces}
        return {name: known for name, known in found.items() if known is not None}

    def has_heard_all(self) -> bool:
        """Whether every required pod called."""
        return all(uid in self._records for uid in self._required)

    def claims(self, now_s: float) -> tuple[Claim, ...]:
        """What gateways report that they serve with."""
        return tuple(
            Claim(record.applied.lineage, record.applied.sequence, record.is_settled(now_s))
            for record in self._records.values()
            if record.applied is not None
        )

    def is_settled(self, pod_uid: str, now_s: float) -> bool:
        """Whether a known gateway still names the lineage that it named first, or has for a while."""
        return self._records[pod_uid].is_settled(now_s)

    def count_in(self, namespace: str) -> int:
        """How many gateways share the traffic of `namespace`; ≥ 1."""
        return max(1, sum(pod.namespace == namespace for pod in self._required.values()))

    def store_is_up(self, namespace: str) -> bool:
        """Whether every gateway of `namespace` that has a shared limit store reaches it."""
        return all(
            record.limit_store_up is not False or record.instance.namespace != namespace
            for record in self._records.values()
        )

    def instances(self, lineage: str, sequence: int, now_s: float) -> tuple[InstanceView, ...]:
        """Every gateway, required or calling, by namespace and name; `sequence`: the newest of `lineage`."""
        calling = [
            self._calling(uid, record, lineage, sequence, now_s) for uid, record in self._records.items()
        ]
        silent = [
            self._never_called(uid, pod, now_s)
            for uid, pod in self._required.items()
            if uid not in self._records
        ]
        return tuple(sorted((*calling, *silent), key=lambda view: (view.namespace, view.pod)))

    def _forget_said(self) -> None:
        for record in self._records.values():
            record.heard = None

    def _pod(self, uid: str, pod: Pod, lineage: str, now_s: float) -> PodView:
        record = self._records.get(uid)
        ready_s = now_s - self._ready_since_s[uid]
        if record is None:
            return PodView(pod.name, pod.gateway, 0, 0, "", {}, None, ready_s, ())
        rejected_sequence, rejected_message = record.rejected_in(lineage)
        return PodView(
            name=pod.name,
            gateway=record.instance.gateway or pod.gateway,
            sequence=record.sequence_in(lineage),
            rejected_sequence=rejected_sequence,
            rejected_message=rejected_message,
            errors={error.uid: error for error in record.errors},
            silent_s=now_s - record.seen_s,
            ready_s=ready_s,
            breakers=record.breakers,
            ports=frozenset(record.ports),
            port_faults={fault.port: fault.why for fault in record.port_faults},
            certificates=record.certificates,
        )

    def _never_called(self, uid: str, pod: Pod, now_s: float) -> InstanceView:
        is_fresh = now_s - self._ready_since_s[uid] < STALE_S
        state = InstanceState.PENDING if is_fresh else InstanceState.STALE
        return InstanceView(pod.namespace, pod.name, pod.gateway, True, state, 0, None, "never called", "")

    def _calling(
        self, uid: str, record: GatewayRecord, lineage: str, sequence: int, now_s: float
    ) -> InstanceView:
        silent_s, instance = now_s - record.seen_s, record.instance
        applied, error = record.sequence_in(lineage), record.error_text
        state = InstanceState.APPLIED if applied >= sequence else InstanceState.PENDING
        if error:
            state = InstanceState.REJECTED
        elif silent_s > STALE_S:
            state = InstanceState.STALE
        return InstanceView(
            namespace=instance.namespace,
            pod=instance.pod_name,
            gateway=instance.gateway,
            is_required=uid in self._required,
            state=state,
            sequence=applied,
            silent_s=silent_s,
            error=error,
            version=instance.version,
            breakers=record.breakers,
            errors=record.errors,
            limit_store_up=record.limit_store_up,
            sends_summaries=record.sends_summaries,
            heard=record.heard,
            heard_ago_s=None if record.heard is None else now_s - record.heard.at_s,
        )
