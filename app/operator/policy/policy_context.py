"""What a policy's status is judged by: the gateways that must apply it, and which of its targets there are. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.operator.policy.attachments import NOTHING_SERVED, Attachments
from app.operator.policy.fleet_breakers import FleetBreaker
from app.operator.sync.fleet import KnownTargets, PodView
from app.policy.merge import target_text
from app.policy.model import TargetKind, TargetRef

__all__ = ["PolicyContext"]


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """`pods`, `known`: the gateways of the policy's `namespace`, and what their own configuration has.

    `breakers`: the policy's own. `fleet`: the gateways that serve the cluster's Gateways, `attachments`: what is
    attached to those; None while that is not known yet.
    """

    namespace: str
    pods: tuple[PodView, ...]
    known: KnownTargets | None
    breakers: tuple[FleetBreaker, ...] = ()
    fleet: tuple[PodView, ...] = ()
    attachments: Attachments | None = NOTHING_SERVED

    def unknown(self, targets: Sequence[TargetRef]) -> tuple[str, str] | None:
        """Reason and message where nobody can say yet which of `targets` there are."""
        if self.known is None and not _are_objects(targets):
            return "NoGateways", "no gateway has called yet"
        if self.attachments is None and any(target.is_object for target in targets):
            return "Reconciling", "the cluster's routes are not known yet"
        return None

    def is_settled(self, targets: Sequence[TargetRef]) -> bool:
        """Whether a target that is unknown now will hardly be known in a moment: every gateway has called."""
        if self.unknown(targets) is not None:
            return False
        return _are_objects(targets) or all(pod.silent_s is not None for pod in self.pods)

    def missing(self, targets: Sequence[TargetRef]) -> list[TargetRef]:
        """Those of `targets` that there are not; ask only where `unknown` is None."""
        return [target for target in targets if self._is_missing(target)]

    def absence(self, target: TargetRef, *, in_namespace: bool = False) -> str:
        """Why a policy does nothing at `target`, one of `missing`. `in_namespace`: with the policy's namespace."""
        if target.is_object:
            return (self.attachments or NOTHING_SERVED).absence(self.namespace, target) or ""
        gateways = f"no gateway of {self.namespace}" if in_namespace else "no gateway"
        return f"{gateways} knows {target_text(target)}"

    def in_scope(self, targets: Sequence[TargetRef]) -> tuple[PodView, ...]:
        """The gateways in which a policy for `targets` must be in force.

        For objects of the cluster: those that serve its Gateways. Else all of the namespace, unless every target is
        a gateway by name.
        """
        own = [target for target in targets if not target.is_object]
        names = {target.name if target.kind is TargetKind.GATEWAY else None for target in own}
        pods = self.pods if None in names else tuple(pod for pod in self.pods if pod.gateway in names)
        if len(own) == len(targets):
            return pods
        return (*pods, *(pod for pod in self.fleet if pod not in pods))

    def ancestors(self, targets: Sequence[TargetRef]) -> tuple[str, ...]:
        """The Gateways, by the names of `app/policy/objects.py`, whose requests meet an object among `targets`."""
        return () if self.attachments is None else self.attachments.gateways_of(self.namespace, targets)

    def _is_missing(self, target: TargetRef) -> bool:
        if target.is_object:
            attachments = self.attachments
            return attachments is not None and attachments.absence(self.namespace, target) is not None
        if target.name is None or self.known is None:
            return False
        names = {
            TargetKind.ROUTE: self.known.routes,
            TargetKind.UPSTREAM: self.known.upstreams,
            TargetKind.GATEWAY: self.known.gateways | {pod.gateway for pod in self.pods},
        }
        return target.name not in names[target.kind]


def _are_objects(targets: Sequence[TargetRef]) -> bool:
    return bool(targets) and all(target.is_object for target in targets)
