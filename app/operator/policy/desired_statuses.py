"""The status that every policy should have now, from what gateways reported. Pure; the clocks are handed in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.config.sync.messages import BreakerReport
from app.operator.kube.resources import PolicyObject
from app.operator.policy.compile import Verdict
from app.operator.policy.fleet_breakers import fold_breakers
from app.operator.policy.known_attachments import KnownAttachments
from app.operator.policy.policy_cache import PolicyCache
from app.operator.policy.policy_context import PolicyContext
from app.operator.policy.status import judge
from app.operator.snapshot.history import FirstPublished
from app.operator.sync.fleet import Fleet, KnownTargets, PodView

__all__ = ["HOLD_S", "DesiredStatuses"]

HOLD_S = 30.0
"""After a start, statuses are provisional until every gateway that takes traffic called, at most this long."""


class DesiredStatuses:
    """`verdicts` and `lineage` are those of the last round; there is a verdict for every policy of the cache.

    `fleet_namespace`: of the gateways that serve the cluster's Gateways, `attachments`: what meets requests there.
    """

    def __init__(
        self,
        policies: PolicyCache,
        fleet: Fleet,
        first_published: FirstPublished,
        attachments: KnownAttachments,
        fleet_namespace: str,
    ) -> None:
        self._policies, self._fleet, self._first_published = policies, fleet, first_published
        self._attachments, self._fleet_namespace = attachments, fleet_namespace
        self._verdicts: Mapping[str, Verdict] = {}
        self._lineage = ""
        self._hold_until_s: float | None = None

    def take(self, verdicts: Mapping[str, Verdict], lineage: str, now_s: float) -> None:
        """Takes over the outcome of a round."""
        self._verdicts, self._lineage = verdicts, lineage
        if self._hold_until_s is None:
            self._hold_until_s = now_s + HOLD_S

    def is_provisional(self, now_s: float) -> bool:
        """Whether a gateway may still have to call for the first time since the operator started."""
        if self._hold_until_s is None or now_s >= self._hold_until_s:
            return False
        if self._fleet.has_heard_all():
            self._hold_until_s = now_s
            return False
        return True

    def evaluate(self, now_s: float, wall_s: float) -> list[tuple[PolicyObject, dict[str, Any]]]:
        """Every policy with its status; gateways that are gone are forgotten first."""
        self._fleet.forget_silent(now_s)
        namespaces: dict[str, _Namespace] = {}

        def place_of(namespace: str) -> _Namespace:
            if namespace not in namespaces:
                namespaces[namespace] = _Namespace(self._fleet, namespace, self._lineage, now_s)
            return namespaces[namespace]

        evaluated = []
        for policy in self._policies:
            first = self._first_published.of(policy.uid, policy.generation)
            verdict = self._verdicts[policy.uid]
            context = self._context(policy, verdict, place_of)
            evaluated.append((policy, judge(policy, verdict, first, context, wall_s)))
        return evaluated

    def _context(
        self, policy: PolicyObject, verdict: Verdict, place_of: Callable[[str], "_Namespace"]
    ) -> PolicyContext:
        place = place_of(policy.namespace)
        if not _names_objects(verdict):
            breakers = fold_breakers(place.breakers_of(policy.uid))
            return PolicyContext(policy.namespace, place.pods, place.known, breakers)
        reports, fleet = place.breakers_of(policy.uid), place_of(self._fleet_namespace)
        if fleet is not place:
            reports = (*reports, *fleet.breakers_of(policy.uid))
        return PolicyContext(
            policy.namespace,
            place.pods,
            place.known,
            fold_breakers(reports),
            fleet.pods,
            self._attachments.current,
        )


class _Namespace:
    """What all policies of a namespace share at one time."""

    __slots__ = ("_breakers", "known", "pods")

    def __init__(self, fleet: Fleet, namespace: str, lineage: str, now_s: float) -> None:
        self.pods: tuple[PodView, ...] = fleet.pods(namespace, lineage, now_s)
        self.known: KnownTargets | None = fleet.known_targets(namespace)
        self._breakers: dict[str, list[BreakerReport]] = {}
        for pod in self.pods:
            for breaker in pod.breakers:
                for uid in breaker.policies:
                    self._breakers.setdefault(uid, []).append(breaker)

    def breakers_of(self, uid: str) -> Sequence[BreakerReport]:
        return self._breakers.get(uid, ())


def _names_objects(verdict: Verdict) -> bool:
    return verdict.spec is not None and any(target.is_object for target in verdict.spec.targets)
