"""A limiter of a shared store that is moved by hand, and rules for it."""

from app.limits.lease_terms import bucket_name
from app.limits.limiter import Verdict, Waiting
from app.limits.rule import Rule, compile_rules
from app.limits.rule_leases import Call
from app.limits.shared import SharedLimiter
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit, Scope
from tests.fakes.lease_store import SimulatedStore

__all__ = [
    "CLOSED",
    "KEY",
    "LOCAL",
    "OPEN",
    "START_S",
    "Gateway",
    "rule",
]


START_S = 86_400.25
KEY = b"acme"
OPEN, CLOSED, LOCAL = OnStoreFailure.OPEN, OnStoreFailure.CLOSED, OnStoreFailure.LOCAL


def rule(
    requests: int,
    period_s: float = 3600.0,
    name: str = "r",
    failure: OnStoreFailure = LOCAL,
    scope: Scope = Scope.GLOBAL,
) -> Rule:
    written = LimitRule(name, LimitKey.CLIENT, requests, period_s, max(1, requests), scope=scope)
    return compile_rules("p", RateLimit((written,), failure))[0]


class Gateway:
    """One limiter by hand: `verdicts` in the order in which they were told."""

    def __init__(self, store: SimulatedStore | None = None, replicas: int = 1) -> None:
        self.store = store or SimulatedStore()
        self.woken = 0
        self.limiter = SharedLimiter(self._wake)
        self.now_s = START_S
        self.verdicts: list[Verdict] = []
        if replicas:
            self.limiter.set_up(replicas)

    def _wake(self) -> None:
        self.woken += 1

    def ask(self, *rules: Rule, key: bytes = KEY) -> Verdict | Waiting:
        outcome = self.limiter.admit(rules, [key] * len(rules), self.now_s)
        if isinstance(outcome, Waiting):
            outcome.on_verdict = lambda verdict, _: self.verdicts.append(verdict)
        else:
            self.verdicts.append(outcome)
        return outcome

    def calls(self) -> list[Call]:
        return self.limiter.next_calls(100, self.now_s)

    def land(self, calls: list[Call]) -> None:
        self.limiter.on_reply(calls, self.store.reply([call.sent for call in calls], self.now_s), self.now_s)

    def deliver(self) -> None:
        while calls := self.calls():
            self.land(calls)

    def asked(self, *rules: Rule, key: bytes = KEY) -> Verdict:
        """The verdict, with the store's answer where it is needed."""
        self.ask(*rules, key=key)
        self.deliver()
        return self.verdicts[-1]

    def advance(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / 0.02))):
            self.now_s += min(seconds, 0.02)
            self.limiter.tick(self.now_s)

    def used(self, one: Rule, key: bytes = KEY) -> int:
        """Requests charged in the store."""
        bucket = self.store.buckets.get(bucket_name(one, key))
        return 0 if bucket is None else -(-bucket.level // bucket.period_ms)
