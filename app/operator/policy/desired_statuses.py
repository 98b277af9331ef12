"""The status that every policy should have now, from what gateways reported. Pure; the clocks are handed in."""

from collections.abc import Mapping
from typing import Any

from app.config.sync.messages import BreakerReport
from app.operator.kube.resources import PolicyObject
from app.operator.policy.compile import Verdict
from app.operator.policy.fleet_breakers import fold_breakers
from app.operator.policy.policy_cache import PolicyCache
from app.operator.policy.status import PolicyContext, judge
from app.operator.snapshot.history import FirstPublished
from app.operator.sync.fleet import Fleet, KnownTargets, PodView

__all__ = ["HOLD_S", "DesiredStatuses"]

HOLD_S = 30.0
"""After a start, statuses are provisional until every gateway that takes traffic called, at most this long."""


class DesiredStatuses:
    """`verdicts` and `lineage` are those of the last round; there is a verdict for every policy of the cache."""

    def __init__(self, policies: PolicyCache, fleet: Fleet, first_published: FirstPublished) -> None:
        self._policies, self._fleet, self._first_published = policies, fleet, first_published
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
        evaluated = []
        for policy in self._policies:
            place = namespaces.get(policy.namespace)
            if place is None:
                place = namespaces[policy.namespace] = _Namespace(
                    self._fleet, policy.namespace, self._lineage, now_s
                )
            first = self._first_published.of(policy.uid, policy.generation)
            verdict = self._verdicts[policy.uid]
            evaluated.append((policy, judge(policy, verdict, first, place.context_of(policy.uid), wall_s)))
        return evaluated


class _Namespace:
    """What all policies of a namespace share at one time."""

    __slots__ = ("_breakers", "_known", "_pods")

    def __init__(self, fleet: Fleet, namespace: str, lineage: str, now_s: float) -> None:
        self._pods: tuple[PodView, ...] = fleet.pods(namespace, lineage, now_s)
        self._known: KnownTargets | None = fleet.known_targets(namespace)
        self._breakers: dict[str, list[BreakerReport]] = {}
        for pod in self._pods:
            for breaker in pod.breakers:
                for uid in breaker.policies:
                    self._breakers.setdefault(uid, []).append(breaker)

    def context_of(self, uid: str) -> PolicyContext:
        return PolicyContext(self._pods, self._known, fold_breakers(self._breakers.get(uid, ())))
