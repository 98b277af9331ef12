"""Leases from the buckets of this process: what workers of one gateway get where no store is shared with others.

The same promises as `gcra.lua`, on the buckets that count for a single process, too: so their bounds, their edits and
what people see of them are the same.
"""

from typing import Final

from app.limits.lease import Grant, Order
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule

__all__ = ["KNOWN_S", "LocalLeases"]

SHARE: Final = 10
"""A lot is at most this part of what is left, divided by the workers."""
KNOWN_S: Final = 5.0
"""Tokens may come back for so long at least after the last lease of a bucket; no worker holds any half as long."""


class LocalLeases:
    """`memory` has the buckets. One thread only; deciding neither waits nor asks the time."""

    __slots__ = ("_ends_s", "_generations", "_generations_before", "_last_generation", "_memory")

    def __init__(self, memory: MemoryLimiter) -> None:
        self._memory = memory
        self._last_generation = 0
        self._generations: dict[tuple[str, bytes], int] = {}
        self._generations_before: dict[tuple[str, bytes], int] = {}
        self._ends_s = 0.0

    def lease(self, rule: Rule, key: bytes, order: Order, workers: int, now_s: float) -> Grant:
        """Charge a lot to a bucket, of at least `order.need` where it holds that much; `rule.numbers.requests` ≥ 1."""
        memory, numbers = self._memory, rule.numbers
        used = memory.used_units(rule, key, now_s)
        generation = self._generation(rule, key, used)
        if order.back and order.generation == generation:
            used = max(0, used - order.back * numbers.cost)
        if order.unreported:
            used = max(used, min(used + order.unreported * numbers.cost, numbers.capacity))
        left = max(0, numbers.capacity - used) // numbers.cost
        granted = min(left, max(order.need, min(order.want, left // (SHARE * workers))))
        used += granted * numbers.cost
        memory.set_used(rule, key, used, now_s)
        missing = 0 if left > granted else used + numbers.cost - numbers.capacity
        return Grant(
            granted,
            left - granted,
            -(-missing * 1000 // numbers.units_per_s),
            generation,
            -(-used * 1000 // numbers.units_per_s),
        )

    def expire(self, now_s: float) -> None:
        """Forget generations of which nobody holds tokens any more; to be called every second."""
        if now_s >= self._ends_s:
            self._ends_s = now_s + KNOWN_S
            self._generations, self._generations_before = {}, self._generations

    def _generation(self, rule: Rule, key: bytes, used: int) -> int:
        """A bucket of which nothing is used begins another one: tokens of before are worth nothing."""
        bucket = (rule.identity, key)
        known = self._generations.get(bucket) or self._generations_before.get(bucket)
        if not used or known is None:
            self._last_generation += 1
            known = self._last_generation
        self._generations[bucket] = known
        return known
