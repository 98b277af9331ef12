"""What a rule says to the shared store: its key, its numbers; and its part when there is no store."""

from dataclasses import replace
from hashlib import blake2b

from app.limits.gcra import TICKS_PER_S, Numbers
from app.limits.rule import Rule
from app.policy.model import LimitKey

__all__ = ["bucket_name", "burst_of", "own_part", "period_ms"]

PREFIX = b"tidegate:limit:"


def bucket_name(rule: Rule, key: bytes) -> bytes:
    """The store's key: who is counted (policy, rule, client), never the numbers.

    All of it is one hash tag, so that a Cluster keeps what else may come to stand beside it in one place. A
    header's value may be a secret, so only its digest is used.
    """
    if rule.key is LimitKey.HEADER and key.startswith(b"="):
        key = b"#" + blake2b(key, digest_size=16).digest()
    if key.startswith(b"#"):
        key = b"#" + key[1:].hex().encode()
    return b"%b{%b/%b}" % (PREFIX, rule.identity.encode(), key)


def burst_of(numbers: Numbers) -> int:
    """Whole requests of a full bucket; `requests` ≥ 1."""
    return numbers.capacity // numbers.cost


def period_ms(numbers: Numbers) -> int:
    """The period as the store counts it."""
    return max(1, round(numbers.cost * 1000 / TICKS_PER_S))


def own_part(rule: Rule, replicas: int) -> Rule:
    """The rule as one of `replicas` gateways holds it alone: as many requests in `replicas` periods.

    The burst is divided and rounded down, but holds one request, so the fleet's bursts sum up to at most the
    rule's, or to `replicas` where that is more.
    """
    numbers = rule.numbers
    cost = numbers.cost * replicas
    burst = max(1, burst_of(numbers) // replicas)
    return replace(rule, numbers=Numbers(numbers.requests, cost, burst * cost, numbers.units_per_s))
