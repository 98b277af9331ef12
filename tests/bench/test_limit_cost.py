"""What a limit and a key cost a request, in µs, and a client in bytes; printed, not asserted."""

import tracemalloc
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from time import perf_counter
from timeit import repeat

import pytest

from app.config.model import KeyEntry, KeyScheme
from app.keys.keyring import Keyring
from app.keys.making import hash_line, new_key
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, bucket_key, compile_rules
from app.policy.model import LimitKey, LimitRule, RateLimit

pytestmark = pytest.mark.bench

START_S = 86_400.25
CALLS = 20_000


def cost_us(call: Callable[[], object]) -> float:
    return min(repeat(call, number=CALLS, repeat=15)) / CALLS * 1e6


def rule(requests: int, name: str = "per-client") -> Rule:
    written = LimitRule(name, LimitKey.CLIENT, requests, 60.0, requests)
    return compile_rules("defaults", RateLimit((written,)))[0]


def address(number: int) -> bytes:
    return bucket_key(b"10.%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255))


def admitting_us(rules: tuple[Rule, ...], keys: tuple[bytes, ...], step_s: float) -> float:
    """Per admitted request, each `step_s` after the last, without the loop around it."""
    limiter = MemoryLimiter()
    instants = [START_S + step_s * number for number in range(CALLS)]

    def admit_all():
        for now_s in instants:
            limiter.admit(rules, keys, now_s)
        instants[:] = [now_s + step_s * CALLS for now_s in instants]

    def only_loop():
        for _ in instants:
            pass

    return (
        (min(repeat(admit_all, number=1, repeat=15)) - min(repeat(only_loop, number=1, repeat=5)))
        / CALLS
        * 1e6
    )


@pytest.mark.parametrize("requests", [100, 100_000, 1_000_000])
def test_cost_of_admitting(requests):
    one = rule(requests)
    print(f"\none rule, {requests} per minute {admitting_us((one,), (b'acme',), 60 / requests):6.2f} µs")


def test_cost_of_admitting_under_two_rules():
    two = (rule(100_000), rule(100_000, "shared"))
    print(f"\ntwo rules {admitting_us(two, (b'acme', b''), 0.001):6.2f} µs")


def test_cost_of_refusing():
    limiter, rules, keys = MemoryLimiter(), (rule(1),), (b"acme",)
    limiter.admit(rules, keys, START_S)
    print(f"\nrefused   {cost_us(lambda: limiter.admit(rules, keys, START_S)):6.2f} µs")


def test_cost_of_keys():
    key, pepper = new_key(), b"pepper"

    def stored(line: str) -> KeyEntry:
        scheme, _, digest = line.partition(":")
        return KeyEntry("acme", KeyScheme(scheme), bytes.fromhex(digest))

    plain, keyed, presented = stored(hash_line(key, None)), stored(hash_line(key, pepper)), key.encode()
    print(f"\nbare sha256 {cost_us(lambda: sha256(presented).digest()):6.2f} µs")
    for name, entries in {
        "sha256": (plain,),
        "hmac-sha256": (keyed,),
        "both": (stored(hash_line("x", None)), keyed),
    }.items():
        keyring = Keyring.build(entries, pepper)
        print(f"{name:11} {cost_us(partial(keyring.check, presented, 0.0)):6.2f} µs")


@pytest.mark.parametrize("clients", [30_000, 90_000, 200_000])
def test_bytes_of_a_client(clients):
    one = (rule(100),)
    tracemalloc.start()
    try:
        before_bytes, _ = tracemalloc.get_traced_memory()
        limiter = MemoryLimiter()
        for number in range(clients):
            limiter.admit(one, (address(number),), START_S)
        after_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    print(f"\n{clients} clients: {(after_bytes - before_bytes) / clients:4.0f} bytes each")


def test_cost_of_a_flood_of_new_clients():
    clients = 1_000_000
    limiter, one = MemoryLimiter(clients), (rule(100),)
    for label, first in (("up to the bound", 0), ("at the bound", clients)):
        keys = [(address(number),) for number in range(first, first + clients)]
        worst_s, start_s = 0.0, perf_counter()
        for key in keys:
            before_s = perf_counter()
            limiter.admit(one, key, START_S)
            worst_s = max(worst_s, perf_counter() - before_s)
        mean_us = (perf_counter() - start_s) / clients * 1e6
        print(f"\nnew client, {label}: {mean_us:5.1f} µs, the slowest {worst_s * 1e3:5.1f} ms")
