"""A limit rule as requests meet it: who it covers, its numbers, and its header items prerendered.

`RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers-10 (structured fields,
RFC 9651). `q` and `w` give the sustained rate, `requests` per period in whole seconds, rounded up; `r`
counts what the bucket holds now, so a `burst` other than `requests` shows in `r`, not in `q`.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil
from typing import Final

from app.limits.gcra import Numbers, quota
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit, Scope

__all__ = ["Rule", "bucket_key", "compile_rules"]

LONGEST_KEY_BYTES: Final = 24  # with a longer key a client would take more than its 200 bytes


class _UsedUp:
    """The item of an empty bucket, as the last one had it: with most rules all have the same."""

    __slots__ = ("full_s", "item")

    def __init__(self) -> None:
        self.full_s = -1
        self.item = b""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """`identity`: of the counters, `policy/rule`, never the numbers. `header`: lower-case, with HEADER only.

    `policy_item`: this rule's item of `RateLimit-Policy`. `quota_format`: its item of `RateLimit`, to be
    filled with whole requests left and whole seconds until full (complete as it is with 0 requests).
    """

    identity: str
    policy: str
    name: str
    key: LimitKey
    header: bytes | None
    scope: Scope
    numbers: Numbers
    policy_item: bytes
    quota_format: bytes
    tiers: frozenset[str]
    is_default: bool
    on_store_failure: OnStoreFailure
    used_up: _UsedUp = field(default_factory=_UsedUp, init=False, repr=False)

    def covers(self, tier: str | None) -> bool:
        """Whether a client of `tier` (None: its key has none) is counted here."""
        return (tier in self.tiers) is not self.is_default

    def quota_item(self, tat: int, now_ticks: int) -> bytes:
        """The item of `RateLimit` for a bucket."""
        return self.item_of(tat - now_ticks * self.numbers.requests)

    def item_of(self, used_units: int) -> bytes:
        """The same where so much of it is used; a rule of 0 requests is never full, so it has no `t`."""
        if not self.numbers.requests:
            return self.quota_format
        left, full_s = quota(used_units, 0, self.numbers)
        if left:
            return self.quota_format % (left, full_s)
        last = self.used_up
        if last.full_s != full_s:
            last.full_s, last.item = full_s, self.quota_format % (0, full_s)
        return last.item


def compile_rules(policy_name: str, rate_limit: RateLimit) -> tuple[Rule, ...]:
    """A stanza's rules in their order; `policy_name` must be unique among all policies in force.

    A rule without tiers covers the tiers that no other rule of the stanza names, and clients without one.
    """
    named = frozenset[str]().union(*(rule.tiers for rule in rate_limit.rules))
    failure = rate_limit.on_store_failure
    return tuple(_compile(policy_name, rule, named, failure) for rule in rate_limit.rules)


def _compile(
    policy_name: str, rule: LimitRule, named_tiers: frozenset[str], on_store_failure: OnStoreFailure
) -> Rule:
    item = f'"{rule.name}"'.encode("ascii")
    return Rule(
        identity=f"{policy_name}/{rule.name}",
        policy=policy_name,
        name=rule.name,
        key=rule.key,
        header=rule.header.lower().encode("ascii") if rule.header is not None else None,
        scope=rule.scope,
        numbers=Numbers.of(rule.requests, rule.period_s, rule.burst),
        policy_item=item + b";q=%d;w=%d" % (rule.requests, ceil(rule.period_s)),
        quota_format=item + (b";r=%d;t=%d" if rule.requests else b";r=0"),
        tiers=rule.tiers or named_tiers,
        is_default=not rule.tiers,
        on_store_failure=on_store_failure,
    )


def bucket_key(value: bytes | None) -> bytes:
    """The bucket key for what a stranger sent (address, header's value): never longer than 24 bytes.

    None (the header is absent) has a bucket of its own. A client's name is its own key: names are few.
    """
    if value is None:
        return b""
    if len(value) < LONGEST_KEY_BYTES:
        return b"=" + value
    return b"#" + blake2b(value, digest_size=16).digest()
