"""Leases for workers: from this process's own buckets, or of what it leases itself from a store that others share."""

from collections.abc import Mapping

from app.dataplane.proxy.routes import Plans
from app.foundation.clock import now_s
from app.gateway.in_force import InForce
from app.gateway.sharing.sub_leases import SubLeases
from app.limits.lease import Grant, Order
from app.limits.limiter import Limiter
from app.limits.local_leases import LocalLeases
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule
from app.limits.shared import SharedLimiter
from app.policy.model import Scope

__all__ = ["Leases"]


class Leases:
    """`workers`: how many share. Rules of policies in Shadow mode have buckets of their own."""

    def __init__(self, in_force: InForce, limiter: Limiter) -> None:
        self._in_force = in_force
        shared = limiter if isinstance(limiter, SharedLimiter) else None
        memory = shared.memory if shared is not None else limiter
        if not isinstance(memory, MemoryLimiter):
            raise TypeError("a limiter of this process, or one that leases")
        self._sub_leases = SubLeases(shared) if shared is not None else None
        self._local = LocalLeases(memory)
        self._shadow_memory = MemoryLimiter()
        self._shadows = LocalLeases(self._shadow_memory)
        self._plans: Plans | None = None
        self._rules: Mapping[str, tuple[Rule, bool]] = {}
        self._rules_before: Mapping[str, tuple[Rule, bool]] = {}
        self.workers = 1

    async def lease(self, identity: str, key: bytes, order: Order) -> Grant | None:
        """None: the rule is in no table here, or its store is unavailable and its `onStoreFailure` not Local."""
        found = self._rule(identity)
        if found is None:
            return None
        rule, is_shadow = found
        if is_shadow:
            return self._shadows.lease(rule, key, order, self.workers, now_s())
        if self._sub_leases is not None and rule.scope is not Scope.LOCAL:
            return await self._sub_leases.lease(rule, key, order)
        return self._local.lease(rule, key, order, self.workers, now_s())

    def expire(self, now: float) -> None:
        """To be called every second."""
        self._look_at_plans()
        self._local.expire(now)
        self._shadows.expire(now)
        self._shadow_memory.expire(now)

    def _rule(self, identity: str) -> tuple[Rule, bool] | None:
        """The present rule; while workers swap, one of the table before."""
        self._look_at_plans()
        return self._rules.get(identity) or self._rules_before.get(identity)

    def _look_at_plans(self) -> None:
        """Follow a change of the table. What leaves Shadow mode is dropped: should it return, it begins again."""
        plans = self._in_force.plans
        if plans is self._plans:
            return
        self._plans = plans
        self._rules_before, self._rules = self._rules, _rules_of(plans)
        shadows = {identity: rule for identity, (rule, is_shadow) in self._rules.items() if is_shadow}
        self._shadow_memory.keep_only(shadows.values(), now_s())
        was_shadow = {identity for identity, (_, is_shadow) in self._rules_before.items() if is_shadow}
        self._shadow_memory.drop(was_shadow - shadows.keys())


def _rules_of(plans: Plans) -> dict[str, tuple[Rule, bool]]:
    """By identity: each rule, and whether it is of a policy in Shadow mode."""
    found: dict[str, tuple[Rule, bool]] = {}
    for plan in plans.plans:
        if plan.shadow_limit is not None:
            found.update({rule.identity: (rule, True) for rule in plan.shadow_limit.rules})
        found.update({rule.identity: (rule, False) for rule in plan.rules})
    return found
