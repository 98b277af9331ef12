"""One shared rule in this process: its clients' leases, its own part without a store, its unreported usage."""

from math import ceil

from app.limits.lease import Grant, Lease, Order
from app.limits.lease_store import LeaseCall
from app.limits.lease_terms import bucket_name, burst_of, own_part, period_ms
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule

__all__ = ["Call", "RuleLeases"]

MAX_UNREPORTED_CLIENTS = 100_000
"""Clients of a rule whose requests during an outage are reported to the store afterwards."""
EARLY_S = 1e-6  # what adding and subtracting seconds may be off by


class Call:
    """One lease call on its way."""

    __slots__ = ("group", "lease", "order", "sent")

    def __init__(self, group: "RuleLeases", lease: Lease, order: Order, sent: LeaseCall) -> None:
        self.group = group
        self.lease = lease
        self.order = order
        self.sent = sent

    def on_reply(self, grant: Grant, now_s: float) -> None:
        self.lease.take_in(grant, self.group.numbers, now_s)

    def on_failure(self, now_s: float) -> None:
        self.lease.lose(now_s)
        self.group.add_unreported(self.lease.key, self.order.unreported)


class RuleLeases:
    """`numbers` are those of `rule`, in force here since `since_s`; `requests` ≥ 1."""

    __slots__ = ("_own", "_own_of", "burst", "leases", "numbers", "rule", "since_s", "unreported_usage")

    def __init__(self, rule: Rule, now_s: float) -> None:
        self.rule = rule
        self.numbers = rule.numbers
        self.burst = burst_of(rule.numbers)
        self.since_s = now_s
        self.leases: dict[bytes, Lease] = {}
        self.unreported_usage: dict[bytes, int] = {}
        self._own: Rule | None = None
        self._own_of = 0

    def renewed(self, rule: Rule) -> None:
        """The same rule with equal numbers, compiled again."""
        self.rule, self.numbers, self._own = rule, rule.numbers, None

    def edited(self, rule: Rule, now_s: float) -> "RuleLeases":
        """The same rule under other numbers: no leases yet, the same unreported usage."""
        other = RuleLeases(rule, now_s)
        other.unreported_usage = self.unreported_usage
        return other

    def holds(self, lease: Lease) -> bool:
        """False once the rule was edited or is gone, or the lease was forgotten."""
        return self.leases.get(lease.key) is lease

    def call(self, lease: Lease, order: Order, replicas: int, now_s: float) -> Call:
        numbers = self.numbers
        age_ms = int((now_s - self.since_s) * 1000.0)
        of_rule = (numbers.requests, period_ms(numbers), self.burst, age_ms)
        asked = (order.need, order.want, replicas, order.back, order.generation, order.unreported)
        sent = LeaseCall(bucket_name(self.rule, lease.key), of_rule + asked, self.rule.identity, lease.key)
        return Call(self, lease, order, sent)

    def own(self, replicas: int) -> Rule:
        """The rule as this gateway holds it while the store is unavailable."""
        own = self._own
        if own is None or self._own_of != replicas:
            own = self._own = own_part(self.rule, replicas)
            self._own_of = replicas
        return own

    def add_unreported(self, key: bytes, requests: int) -> None:
        """Count `requests` that passed without the store; it is charged for them when it is back."""
        if requests and (key in self.unreported_usage or len(self.unreported_usage) < MAX_UNREPORTED_CLIENTS):
            self.unreported_usage[key] = self.unreported_usage.get(key, 0) + requests

    def take_unreported(self, key: bytes, memory: MemoryLimiter, replicas: int, now_s: float) -> int:
        """Take what is unreported of a client, less what its bucket has won back meanwhile."""
        unreported = self.unreported_usage.pop(key, 0)
        return min(unreported, memory.used(self.own(replicas), key, now_s)) if unreported else 0

    def remember_in(self, memory: MemoryLimiter, lease: Lease, replicas: int, now_s: float) -> None:
        """Hand what the store said last to the count that stands in for it."""
        if lease.is_known:
            lease.is_known = False
            won_back = int((now_s - lease.seen_s) * self.numbers.units_per_s)
            used = lease.used_units - lease.left * self.numbers.cost - won_back
            memory.remember(self.own(replicas), lease.key, used, now_s)

    def item(self, lease: Lease) -> bytes:
        """The item of `RateLimit`: what is in hand and what the store held at its last reply."""
        numbers = self.numbers
        used = lease.used_units - lease.left * numbers.cost
        return self.rule.quota_format % (lease.left + lease.beyond, max(0, -(-used // numbers.units_per_s)))


def wait_s(lease: Lease, now_s: float) -> int:
    """Whole seconds, ≥ 1, until the store has a token for the client of an empty lease."""
    return max(1, ceil(lease.next_s - now_s - EARLY_S))
