"""What policies in Shadow mode keep: machines and buckets of their own, and the log of what they would do."""

import logging
from operator import attrgetter

from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.dataplane.proxy.routes import Plans, RoutePlan, Target
from app.dataplane.proxy.shadow import ShadowBreaker, ShadowLimit
from app.foundation.clock import now_s
from app.limits.limiter import Limiter
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, compile_rules
from app.telemetry.counts import Counts

__all__ = ["Shadows"]

LOG = logging.getLogger("tidegate.shadow")
_shadow_limit = attrgetter("shadow_limit")
MOST_CLIENTS = 100_000
"""Buckets of one policy in Shadow mode; beyond, the oldest idle one goes."""


class Shadows:
    """Outlives the tables, so that an edit of a shadow keeps its state, counts and usage."""

    def __init__(
        self, counts: Counts, breakers: Breakers | None = None, limiter: Limiter | None = None
    ) -> None:
        """`breakers`, `limiter`: where the gateway's workers share them; else they are this process's own."""
        self._counts = counts
        self._breakers = Breakers() if breakers is None else breakers
        self._shared_limiter = limiter
        self._breakers.subscribe(self._moved)
        self._limiters: dict[str, Limiter] = {}
        self._labels: dict[str, tuple[str, str]] = {}
        self._in_use = False

    def attach(self, plans: Plans) -> None:
        """Put the shadows of `plans.table` beside what `plans` enforce, before any request sees them."""
        table = plans.table
        limited = any(map(_shadow_limit, table.routes))
        if not (self._in_use or limited or table.shadow_breakers):
            return
        self._in_use = limited or bool(table.shadow_breakers)
        breakers = self._make_breakers(plans)
        targets: dict[tuple[int, str], Target] = {}
        rules: dict[str, dict[str, Rule]] = {}
        compiled: dict[int, tuple[Rule, ...]] = {}
        labels = {(breaker.policy, breaker.target) for breaker in breakers.values()}
        for settings, plan in zip(table.routes, plans.plans, strict=True):
            plan.targets = tuple(
                target if name is None else _beside(target, breakers[name], targets)
                for target, name in zip(plan.targets, settings.shadow_breakers, strict=True)
            )
            if settings.shadow_limit is not None:
                limit = settings.shadow_limit
                if id(limit.value) not in compiled:  # one policy's rules are shared by all its routes
                    compiled[id(limit.value)] = own = compile_rules(limit.origin.policy, limit.value)
                    rules.setdefault(limit.origin.policy, {}).update({rule.identity: rule for rule in own})
                labels.add((limit.origin.policy, limit.origin.target))
                self._limit(plan, compiled[id(limit.value)], limit.origin.target)
        self._counts.keep_only_shadows(labels)
        self._keep_only(rules)

    @property
    def breakers(self) -> Breakers:
        """Those of policies in Shadow mode, by policy and the breaker that they stand beside."""
        return self._breakers

    def tick(self, now_s: float) -> None:
        """To be called every second."""
        for limiter in self._limiters.values():
            limiter.expire(now_s)

    def _limit(self, plan: RoutePlan, rules: tuple[Rule, ...], target: str) -> None:
        own = self._shared_limiter or MemoryLimiter(MOST_CLIENTS)
        limiter = self._limiters.setdefault(rules[0].policy, own)
        plan.shadow_limit = ShadowLimit(rules, target, limiter, self._counts, plan.counts)

    def _keep_only(self, rules: dict[str, dict[str, Rule]]) -> None:
        """Drop what a policy kept once it leaves Shadow mode: should it return, it begins again."""
        if self._shared_limiter is not None:
            every = [rule for of_policy in rules.values() for rule in of_policy.values()]
            self._shared_limiter.keep_only(every, now_s())
            return
        self._limiters = {name: limiter for name, limiter in self._limiters.items() if name in rules}
        for name, limiter in self._limiters.items():
            limiter.keep_only(rules[name].values(), now_s())

    def _make_breakers(self, plans: Plans) -> dict[str, ShadowBreaker]:
        """Shadow breakers by the name of the breaker that they stand beside or would replace."""
        self._labels = {}
        made = {}
        for name, effective in plans.table.shadow_breakers.items():
            origin = effective.origin
            # another policy's shadow is another machine: nothing is carried over
            own = f"{origin.policy} {name}"
            self._labels[own] = (origin.policy, origin.target)
            breaker = self._breakers.get(own, effective.value)
            made[name] = ShadowBreaker(breaker, origin.policy, origin.target, self._counts)
        self._breakers.keep_only(self._labels.keys())
        return made

    def _moved(self, moved: BreakerTransition) -> None:
        policy, target = self._labels.get(moved.name, ("", ""))
        self._counts.count_shadow_transition(policy, target, moved.to_state.value)
        name = moved.name.partition(" ")[2]
        LOG.info(
            "policy %s in Shadow mode: breaker %s would go %s → %s (%s)",
            policy,
            name,
            moved.from_state,
            moved.to_state,
            moved.reason,
        )


def _beside(target: Target, shadow: ShadowBreaker, made: dict[tuple[int, str], Target]) -> Target:
    """The target with its shadow; routes that share both keep sharing one object."""
    key = (id(target), shadow.breaker.name)
    if key not in made:
        made[key] = Target(
            target.upstream, target.breaker, target.counts, shadow, target.forwarding, target.redirect
        )
    return made[key]
