"""What the admin port shows of a running operator: whether it is ready, its gateways, its metrics."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from app.foundation.version import VERSION
from app.operator.clock import Clock
from app.operator.metrics import OperatorCounts, Reading, render
from app.operator.policy.known_attachments import KnownAttachments
from app.operator.policy.policy_cache import PolicyCache
from app.operator.serving.attachment_shape import attachment_shape
from app.operator.serving.fleet_shape import Moment, fleet_shape
from app.operator.snapshot.served import ServedSnapshots
from app.operator.sync.fleet import Fleet, InstanceState, InstanceView, KnownTargets

__all__ = ["OperatorView"]

_SHOWN_FOR_S = 1.0


class OperatorView:
    """An `AdminView`. `sync_is_open` is set once gateways can call, `is_ending` once the operator ends."""

    def __init__(
        self,
        policies: PolicyCache,
        fleet: Fleet,
        served: ServedSnapshots,
        attachments: KnownAttachments,
        counts: OperatorCounts,
        clock: Clock,
    ) -> None:
        self._policies, self._fleet, self._served, self._attachments = policies, fleet, served, attachments
        self._counts, self._clock = counts, clock
        self._fleet_shown: Mapping[str, object] = {}
        self._fleet_shown_s = -math.inf
        self.objects: Callable[[], Mapping[str, int]] = dict
        """How many objects of each kind are watched for routes."""
        self.sync_is_open = False
        self.is_ending = False

    def missing(self) -> list[str]:
        missing = []
        if not self.sync_is_open:
            missing.append("the sync port is not open yet")
        if not self._policies.has_synced:
            missing.append("no list of policies completed yet")
        if self.is_ending:
            missing.append("it is ending")
        return missing

    def wall_s(self) -> float:
        return self._clock.wall_s()

    def sequence(self) -> int:
        return self._served.sequence

    def instances(self) -> Iterable[InstanceView]:
        current = self._served.current
        lineage = "" if current is None else current.lineage
        return self._fleet.instances(lineage, self._served.sequence, self._clock.now_s())

    def fleet(self) -> Mapping[str, object]:
        """Whoever asks is somebody who looks: gateways send summaries for a while. Made once a second for everybody."""
        now_s, fleet = self._clock.now_s(), self._fleet
        fleet.look(now_s)
        if now_s - self._fleet_shown_s >= _SHOWN_FOR_S:
            moment = Moment(self._clock.wall_s(), fleet.pace_s(now_s) or 0.0)
            operator = {"version": VERSION, "snapshot": self.sequence(), "missing": self.missing()}
            self._fleet_shown = {**fleet_shape(tuple(self.instances()), moment), "operator": operator}
            self._fleet_shown_s = now_s
        return self._fleet_shown

    def policy_name(self, uid: str) -> str | None:
        policy = self._policies.get(uid)
        return None if policy is None else f"{policy.namespace}/{policy.name}"

    def targets(self) -> Mapping[str, KnownTargets]:
        return self._fleet.targets()

    def attachment(self, name: str) -> Mapping[str, object]:
        namespace = self._served.fleet_namespace
        known = self._fleet.known_targets(namespace)
        releases = () if known is None else known.gateways
        return attachment_shape(name, self._attachments.current, namespace, releases)

    def metrics(self) -> tuple[str, bytes]:
        states = Counter(one.state for one in self.instances() if one.is_required)
        reading = Reading(
            sequence=self._served.sequence,
            snapshot_bytes=self._served.packed_bytes(),
            policies=len(self._policies),
            instances={state: states[state] for state in InstanceState},
            objects=self.objects(),
        )
        return render(self._counts, reading)
