"""Counts what gateways rejected, and turns what breakers and limit stores did into Kubernetes Events."""

from app.config.sync.messages import SyncRequest, TransitionReport
from app.operator.kube.event_recorder import EventRecorder
from app.operator.kube.resources import PolicyObject
from app.operator.metrics import OperatorCounts
from app.operator.policy.notices import notices_of_transition, store_notice
from app.operator.policy.policy_cache import PolicyCache
from app.operator.sync.fleet import Fleet
from app.operator.sync.gateway_record import FleetChange
from app.policy.model import Mode, Scope, Spec
from app.policy.objects import names_objects

__all__ = ["FleetEvents"]


class FleetEvents:
    """A `FleetObserver`. `fleet_namespace`: of the gateways that policies of all namespaces reach, by objects."""

    def __init__(
        self,
        policies: PolicyCache,
        fleet: Fleet,
        recorder: EventRecorder,
        counts: OperatorCounts,
        fleet_namespace: str,
    ) -> None:
        self._policies, self._fleet, self._recorder, self._counts = policies, fleet, recorder, counts
        self._fleet_namespace = fleet_namespace
        self._stores_up: dict[str, bool] = {}

    def on_fleet_change(self, request: SyncRequest, change: FleetChange) -> None:
        if change.rejected_policies:
            self._counts.nacks["policy"] += len(change.rejected_policies)
        if change.snapshot_rejected:
            self._counts.nacks["snapshot"] += 1
        for transition in change.transitions:
            self._record_transition(request, transition)
        if change.store_changed:
            self._record_store(request.instance.namespace)

    def _record_transition(self, request: SyncRequest, transition: TransitionReport) -> None:
        """On the policies that the gateway names, if they can be in force there."""
        for uid in transition.policies:
            policy = self._policies.get(uid)
            if policy is not None and self._reaches(policy, request.instance.namespace):
                for notice in notices_of_transition(transition, request.instance.pod_name):
                    self._recorder.record(policy, notice)

    def _record_store(self, namespace: str) -> None:
        """On every policy that counts in the shared store, once for all gateways of the namespace."""
        is_up = self._fleet.store_is_up(namespace)
        if self._stores_up.get(namespace, True) == is_up:
            return
        self._stores_up[namespace] = is_up
        for policy in self._policies:
            spec = self._policies.spec_of(policy)
            if isinstance(spec, Spec) and _uses_store(spec) and self._reaches(policy, namespace):
                self._recorder.record(policy, store_notice(is_up=is_up))

    def _reaches(self, policy: PolicyObject, namespace: str) -> bool:
        """Whether the policy can be in force in gateways of `namespace`."""
        if policy.namespace == namespace:
            return True
        return namespace == self._fleet_namespace and names_objects(policy.spec)


def _uses_store(spec: Spec) -> bool:
    rules = () if spec.rate_limit is None else spec.rate_limit.rules
    return spec.mode is Mode.ENFORCE and any(rule.scope is Scope.GLOBAL for rule in rules)
