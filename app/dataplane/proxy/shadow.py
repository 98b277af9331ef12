"""Policies in Shadow mode beside the enforced ones: the same traffic, machines and buckets of their own.

They count what they would have rejected and reject nothing. A shadow limit sees every request that reaches the
limits of its route, a shadow breaker every request that the enforced breaker lets pass; it judges responses by
its own `failureOn` and `slowCalls`. Limits are counted in this process, whatever their `scope`.
"""

from collections.abc import Sequence
from functools import partial

from app.breaker.awaited_permit import AwaitedPermit, BreakerVerdict
from app.breaker.registry import Breaker
from app.breaker.values import BreakerRejection, Outcome, Permit
from app.foundation.reasons import Reason
from app.limits.limiter import Limited, Limiter, Verdict, Waiting
from app.limits.rule import Rule
from app.telemetry.counts import Counts, RouteCounts

__all__ = ["ShadowBreaker", "ShadowCall", "ShadowLimit"]


class ShadowBreaker:
    """`policy` and `target` (what its targetRefs names) are the labels of what it counts."""

    __slots__ = ("_counts", "breaker", "policy", "target")

    def __init__(self, breaker: Breaker, policy: str, target: str, counts: Counts) -> None:
        self.breaker = breaker
        self.policy = policy
        self.target = target
        self._counts = counts

    def admit(self, now_s: float) -> "ShadowCall":
        """For a request that passes in any case."""
        permit = self.breaker.admit(now_s)
        if isinstance(permit, AwaitedPermit):
            call = ShadowCall(self.breaker, None)
            call.is_awaited = True
            permit.on_verdict = partial(self._decided, call)
            return call
        return ShadowCall(self.breaker, self._passed(permit))

    def _passed(self, verdict: BreakerVerdict) -> Permit | None:
        """None where it would have been rejected, which counts."""
        if not isinstance(verdict, BreakerRejection):
            return verdict
        self._counts.count_shadow_rejection(self.policy, self.target, verdict.reason)
        return None

    def _decided(self, call: "ShadowCall", verdict: BreakerVerdict, now_s: float) -> None:
        """The breaker's owner decided while the request was under way, or after its end."""
        call.decide(self._passed(verdict), now_s)


class ShadowCall:
    """One request as the shadow sees it; `end` is called once, with the enforced breaker's outcome."""

    __slots__ = ("_breaker", "_ending", "_head_s", "_permit", "_status", "is_awaited")

    def __init__(self, breaker: Breaker, permit: Permit | None) -> None:
        """`permit` None: the shadow would have rejected it, so its result says nothing; or it `is_awaited` still."""
        self._breaker = breaker
        self._permit = permit
        self.is_awaited = False
        self._ending: tuple[Outcome, bool] | None = None
        self._status = 0
        self._head_s = 0.0

    def decide(self, permit: Permit | None, now_s: float) -> None:
        """What was awaited is there; the request may be over by now, and its result then counts with it."""
        self.is_awaited = False
        self._permit = permit
        if self._ending is not None:
            self.end(*self._ending, now_s)

    def on_head(self, status: int, head_s: float) -> None:
        """The final response's head came `head_s` after the request."""
        self._status = status
        self._head_s = head_s

    def end(self, outcome: Outcome, is_local: bool, now_s: float) -> None:
        """`is_local`: the response is the gateway's own, or was cut off; else the upstream's is judged again."""
        if self.is_awaited:
            self._ending = (outcome, is_local)
            return
        breaker, permit = self._breaker, self._permit
        if permit is None:
            return
        settings = breaker.settings
        slow = settings.slow_calls
        if outcome is Outcome.IGNORED:
            breaker.ignore(permit, now_s)
        elif is_local or self._status in settings.failure_on:
            breaker.fail(permit, now_s, f"status_{self._status}" if self._status else "")
        elif slow is not None and self._head_s > slow.threshold_s:
            breaker.slow(permit, now_s)
        else:
            breaker.succeed(permit, now_s)


class ShadowLimit:
    """The rules of one route in Shadow mode; `limiter` holds buckets of shadows only."""

    __slots__ = ("_counts", "_limiter", "_of_route", "_policy", "_target", "rules")

    def __init__(
        self, rules: tuple[Rule, ...], target: str, limiter: Limiter, counts: Counts, route: RouteCounts
    ) -> None:
        """`rules`: ≥ 1, of one policy; `target`: what its targetRefs names; `route`: cells of the route."""
        self.rules = rules
        self._policy = rules[0].policy
        self._target = target
        self._limiter = limiter
        self._counts = counts
        self._of_route = route

    def look(self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float) -> None:
        """One request, under those of `rules` that cover its client."""
        verdict = self._limiter.admit(rules, keys, now_s)
        if isinstance(verdict, Waiting):
            verdict.on_verdict = self._judge  # the request itself goes on
        else:
            self._judge(verdict, now_s)

    def _judge(self, verdict: Verdict, _now_s: float) -> None:
        if isinstance(verdict, Limited):
            self._of_route.count_decision(verdict.rule.name, "shadowed")
            self._counts.count_shadow_rejection(self._policy, self._target, Reason.RATE_LIMITED)
