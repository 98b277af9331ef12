"""The generic cell rate algorithm (ITU-T I.371) on a theoretical arrival time (TAT), in exact integers.

A bucket of `burst` requests, refilled with `requests` evenly over a period, is one number: its TAT, the
instant at which it is full again. Time is counted in ticks of 2^-20 s and a TAT in *units*: in one tick a
bucket wins back `requests` units, one request costs as many units as the period has ticks. Both are whole
numbers for every rule, so nothing is ever rounded on the way, and because a tick is a binary fraction
`now_s + 7.0` is exactly seven seconds of ticks later: what `retry_after_s` says is true to the second.
A TAT of 0 is a bucket nobody has used.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["TICKS_PER_S", "Numbers", "advance", "carry", "is_full", "quota", "retry_after_s"]

TICKS_PER_S: Final = 1048576.0
"""2^20, a float: `int(now_s * TICKS_PER_S)` is the tick of an instant."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A rule's numbers in ticks and units; equal numbers count equally.

    `requests`: units won back per tick; `cost`: units per request, the period in ticks; `capacity`: units of
    a full bucket; `units_per_s`: won back per second. `requests` 0 rejects everything and wins nothing back.
    """

    requests: int
    cost: int
    capacity: int
    units_per_s: int

    @classmethod
    def of(cls, requests: int, period_s: float, burst: int) -> "Numbers":
        """`requests` ≥ 0, `period_s` ≥ 0.001, `burst` ≥ 1 unless `requests` is 0."""
        cost = round(period_s * TICKS_PER_S)
        return cls(requests, cost, burst * cost if requests else 0, requests * int(TICKS_PER_S))

    @property
    def drain_ticks(self) -> int:
        """Ticks after which a bucket left alone is full again, at least the period."""
        return max(self.cost, -(-self.capacity // self.requests)) if self.requests else self.cost


def advance(tat: int, now_ticks: int, numbers: Numbers) -> int:
    """Take one request: the new TAT, or when rejected a negative number: minus the missing units."""
    now = now_ticks * numbers.requests
    taken = (tat if tat > now else now) + numbers.cost
    over = taken - now - numbers.capacity
    return -over if over > 0 else taken


def quota(tat: int, now_ticks: int, numbers: Numbers) -> tuple[int, int]:
    """(whole requests left, whole seconds until the bucket is full, rounded up); `requests` ≥ 1."""
    used = tat - now_ticks * numbers.requests
    if used <= 0:
        return numbers.capacity // numbers.cost, 0
    return (numbers.capacity - used) // numbers.cost, -(-used // numbers.units_per_s)


def retry_after_s(lack: int, numbers: Numbers) -> int:
    """The least whole seconds, ≥ 1, after which a request that lacks `lack` units passes.

    No wait helps with `requests` 0; there it is the period, after which the rule may have been edited.
    """
    if not numbers.requests:
        return -(-numbers.cost // int(TICKS_PER_S))
    return -(-lack // numbers.units_per_s)


def is_full(tat: int, now_ticks: int, numbers: Numbers) -> bool:
    """Nothing used: forgetting this bucket changes no decision."""
    return tat <= now_ticks * numbers.requests


def carry(tat: int, old: Numbers, new: Numbers, edited_ticks: int) -> int:
    """The TAT under `new` numbers of a bucket written under `old` ones, as at the instant of the edit.

    The requests used stay used (100 of 100 per minute are 100 of 1,000 per hour), but at most a whole
    bucket, so no one waits longer than one new period for the next request. With `requests` 0 nothing is
    won back, and all is kept for the next edit.
    """
    used = tat - edited_ticks * old.requests
    if used <= 0:
        return 0
    used = -(-used * new.cost // old.cost)
    return edited_ticks * new.requests + (min(used, new.capacity) if new.requests else used)
