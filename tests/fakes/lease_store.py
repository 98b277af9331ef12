"""A shared limit store without a server: what `gcra.lua` computes, told in Python, at a time that is given.

`tests/contracts/test_lease_store.py` holds it equal to the script on a real Valkey.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.limits.lease import Grant
from app.limits.lease_store import LeaseCall

__all__ = ["SimulatedStore"]

SHARE = 10


@dataclass
class Bucket:
    """`level`, `at_ms`, `generation` and the numbers it was written under, as in the script."""

    level: int
    at_ms: int
    generation: int
    requests: int
    period_ms: int
    burst: int
    since_ms: int


class SimulatedStore:
    """`granted`: tokens handed out so far, by bucket, less those that came back."""

    def __init__(self) -> None:
        self.buckets: dict[bytes, Bucket] = {}
        self.granted: dict[bytes, int] = {}
        self.calls = 0

    def reply(self, calls: Sequence[LeaseCall], now_s: float) -> list[Grant]:
        return [self.lease(call, int(now_s * 1000)) for call in calls]

    def lease(self, call: LeaseCall, now_ms: int) -> Grant:
        self.calls += 1
        requests, period_ms, burst, age_ms, need, want, replicas, back, of_generation, unreported = (
            call.numbers
        )
        bucket, changed = self._bucket(call.name, (requests, period_ms, burst), now_ms - age_ms, now_ms)
        period_ms, capacity = bucket.period_ms, bucket.burst * bucket.period_ms
        if bucket.level == 0:
            bucket.generation = max(now_ms, bucket.generation + 1)
        if back and of_generation == bucket.generation:
            changed = True
            bucket.level = max(0, bucket.level - back * period_ms)
            self.granted[call.name] -= back
        if unreported:
            changed = True
            bucket.level = min(bucket.level + unreported * period_ms, max(bucket.level, 2 * capacity))
        left = max(0, (capacity - bucket.level) // period_ms)
        granted = min(left, max(need, min(want, left // (SHARE * replicas))))
        bucket.level += granted * period_ms
        self.granted[call.name] = self.granted.get(call.name, 0) + granted
        wait_ms = 0
        if left == granted:
            wait_ms = max(1, -(-(bucket.level + period_ms - capacity) // bucket.requests))
        full_ms = -(-bucket.level // bucket.requests)
        if granted or changed:
            self.buckets[call.name] = bucket
            if not bucket.level:
                del self.buckets[call.name]
        return Grant(granted, left - granted, wait_ms, bucket.generation, full_ms)

    def left(self, name: bytes, now_s: float) -> int:
        """Whole requests that the bucket holds, under the numbers it was written with."""
        bucket = self.buckets[name]
        elapsed_ms = int(now_s * 1000) - bucket.at_ms
        level = max(0, bucket.level - bucket.requests * elapsed_ms)
        return max(0, (bucket.burst * bucket.period_ms - level) // bucket.period_ms)

    def _bucket(
        self, name: bytes, numbers: tuple[int, int, int], since_ms: int, now_ms: int
    ) -> tuple[Bucket, bool]:
        """The bucket as it is now, under the numbers that hold; whether it must be written."""
        old = self.buckets.get(name)
        if old is None:
            return Bucket(0, now_ms, 0, *numbers, since_ms), False
        changed = old.at_ms > now_ms
        new = Bucket(old.level, min(old.at_ms, now_ms), old.generation, *numbers, since_ms)
        if numbers == (old.requests, old.period_ms, old.burst) or since_ms < old.since_ms:
            new.requests, new.period_ms, new.burst = old.requests, old.period_ms, old.burst
            new.since_ms = old.since_ms
        else:
            changed = True
            edited_ms = min(max(since_ms, new.at_ms), now_ms)
            level = max(0, old.level - old.requests * (edited_ms - new.at_ms))
            new.level, new.at_ms = -(-level * new.period_ms // old.period_ms), edited_ms
            capacity = new.burst * new.period_ms
            if new.level > capacity:
                new.level, new.generation = capacity, max(now_ms, new.generation + 1)
        new.level = max(0, new.level - new.requests * (now_ms - new.at_ms))
        new.at_ms = now_ms
        return new, changed
