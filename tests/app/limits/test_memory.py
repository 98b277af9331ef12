import tracemalloc

import pytest

from app.limits.limiter import Admitted
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, bucket_key, compile_rules
from app.policy.model import LimitKey, LimitRule, RateLimit

START_S = 86_400.25


def rule(requests: int = 60, period_s: float = 60.0, name: str = "per-client") -> Rule:
    return compile_rules(
        "defaults", RateLimit((LimitRule(name, LimitKey.CLIENT, requests, period_s, requests),))
    )[0]


def come(limiter: MemoryLimiter, *keys: bytes, one: Rule, now_s: float = START_S) -> list[bytes]:
    return [limiter.admit([one], [key], now_s).header for key in keys]


def holds(limiter: MemoryLimiter, key: bytes, one: Rule, now_s: float = START_S) -> bool:
    """Whether the client was remembered: its next request is not counted as its first."""
    return come(limiter, key, one=one, now_s=now_s) != come(MemoryLimiter(), key, one=one, now_s=now_s)


def address(number: int) -> bytes:
    return bucket_key(b"10.%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255))


def test_there_are_never_more_clients_than_the_bound():
    limiter = MemoryLimiter(max_clients=10)
    come(limiter, *map(address, range(1000)), one=rule())
    assert limiter.clients == 10


def test_at_the_bound_the_oldest_goes():
    limiter, one = MemoryLimiter(max_clients=3), rule()
    come(limiter, b"a", b"b", b"c", b"d", one=one)
    assert [holds(limiter, key, one) for key in (b"d", b"c", b"b")] == [True, True, True]
    assert not holds(limiter, b"a", one)


def test_a_client_that_came_again_is_not_the_oldest():
    limiter, one = MemoryLimiter(max_clients=3), rule()
    come(limiter, b"a", b"b", b"c", b"a", b"d", one=one)
    assert holds(limiter, b"a", one)
    assert not holds(limiter, b"b", one)


def test_a_client_that_came_again_under_two_rules_is_not_the_oldest():
    limiter, rules = MemoryLimiter(max_clients=3), [rule(), rule(name="other")]
    come(limiter, b"a", b"b", one=rules[0])
    limiter.admit(rules, [b"a", b"x"], START_S)
    come(limiter, b"c", one=rules[0])
    assert not holds(limiter, b"b", rules[0])


def test_a_full_bucket_goes_before_one_that_holds_usage():
    limiter, one = MemoryLimiter(max_clients=2), rule()
    come(limiter, b"idle", one=one)
    come(limiter, *[b"busy"] * 30, one=one)
    come(limiter, b"new", one=one, now_s=START_S + 2.0)
    assert limiter.clients == 2
    assert holds(limiter, b"busy", one, START_S + 2.0)


def test_a_flood_of_keys_on_one_rule_does_not_push_out_the_clients_of_another():
    limiter, quiet, flooded = MemoryLimiter(max_clients=100), rule(name="quiet"), rule(name="flooded")
    come(limiter, b"a", b"b", b"c", one=quiet)
    come(limiter, *map(address, range(5000)), one=flooded)
    assert [holds(limiter, key, quiet) for key in (b"a", b"b", b"c")] == [True, True, True]
    assert limiter.clients == 100


def test_a_rule_that_grows_past_the_fullest_gives_up_its_own():
    limiter, first, second = MemoryLimiter(max_clients=100), rule(name="first"), rule(name="second")
    come(limiter, *map(address, range(100)), one=first)
    come(limiter, *map(address, range(300)), one=second)
    assert holds(limiter, address(99), first)


def test_one_client_at_most_is_enough_for_several_rules():
    limiter, rules = MemoryLimiter(max_clients=1), [rule(name="a"), rule(name="b")]
    for _ in range(3):
        assert isinstance(limiter.admit(rules, [b"x", b"x"], START_S), Admitted)
    assert limiter.clients == 1


def test_new_clients_push_out_buckets_that_are_full_again():
    limiter, one = MemoryLimiter(), rule()
    for second in range(500):
        come(limiter, address(second), one=one, now_s=START_S + 2.0 * second)
    assert limiter.clients == 1


def test_expiry_is_done_in_bounded_pieces():
    limiter, one = MemoryLimiter(), rule()
    come(limiter, *map(address, range(5000)), one=one)
    limiter.expire(START_S + 100.0)
    assert 0 < limiter.clients < 5000
    limiter.expire(START_S + 101.0)
    limiter.expire(START_S + 102.0)
    assert limiter.clients == 0


def test_a_vanished_rule_is_forgotten_in_bounded_pieces():
    limiter, one = MemoryLimiter(), rule()
    come(limiter, *map(address, range(5000)), one=one)
    limiter.keep_only([], START_S)
    for second in range(3):
        limiter.expire(START_S + 60.0 + second)
    assert limiter.clients == 0
    assert holds(limiter, b"a", one, START_S + 70.0) is False


def test_more_edits_than_are_told_apart_forget_only_the_oldest_usage():
    limiter = MemoryLimiter()
    come(limiter, b"early", one=rule(1000, 3600.0))
    for requests in range(1001, 1070):
        come(limiter, b"late", one=rule(requests, 3600.0))
    last = rule(1070, 3600.0)
    assert limiter.clients == 1
    assert holds(limiter, b"late", last)
    assert not holds(limiter, b"early", last)


def test_many_clients_are_remembered_and_bounded_like_few():
    limiter, one = MemoryLimiter(max_clients=50_000), rule(1000, 60.0)
    keys = [address(number) for number in range(60_000)]
    come(limiter, *keys, one=one)
    assert limiter.clients == 50_000
    assert {header for key in keys[-30_000:] for header in come(limiter, key, one=one)} == {
        b'"per-client";r=998;t=1'
    }


def test_many_clients_keep_their_usage_through_an_edit():
    limiter = MemoryLimiter()
    keys = [address(number) for number in range(40_000)]
    come(limiter, *keys, one=rule(1000))
    come(limiter, *keys[:20_000], one=rule(2000))
    assert limiter.clients == 40_000
    assert {header for key in keys for header in come(limiter, key, one=rule(2000))} == {
        b'"per-client";r=1997;t=1',
        b'"per-client";r=1998;t=1',
    }


@pytest.mark.parametrize("clients", [11_000, 22_000, 33_000])
def test_a_client_takes_at_most_200_bytes(clients):
    one = rule(100)
    tracemalloc.start()
    try:
        before_bytes, _ = tracemalloc.get_traced_memory()
        limiter = MemoryLimiter()
        for number in range(clients):
            limiter.admit([one], [address(number)], START_S)
        after_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert limiter.clients == clients
    assert (after_bytes - before_bytes) / clients <= 200


def test_buckets_without_usage_go():
    limiter, one = MemoryLimiter(), rule()
    come(limiter, b"acme", *[b"bolt"] * 30, one=one)
    limiter.expire(START_S + 2.0)
    assert limiter.clients == 1


def test_counters_of_a_rule_that_vanished_go_after_its_period():
    limiter, kept = MemoryLimiter(), rule(60, 3600.0, "kept")
    come(limiter, *[b"acme"] * 60, one=rule())
    come(limiter, b"acme", b"acme", one=kept)
    limiter.keep_only([kept], START_S)
    limiter.keep_only([kept], START_S + 30.0)
    limiter.expire(START_S + 59.0)
    assert limiter.clients == 2
    limiter.expire(START_S + 60.0)
    assert limiter.clients == 1


def test_a_dropped_rule_is_forgotten_at_once():
    limiter, one, other = MemoryLimiter(), rule(), rule(name="other")
    come(limiter, b"a", b"b", one=one)
    come(limiter, b"a", one=other)
    limiter.drop([one.identity, "never/seen"])
    assert limiter.clients == 1
    assert not holds(limiter, b"a", one)
    assert holds(limiter, b"a", other)


def test_looking_at_a_bucket_takes_nothing():
    limiter, one = MemoryLimiter(), rule(2)
    come(limiter, b"acme", one=one)
    for _ in range(5):
        assert limiter.quota_item(one, b"acme", START_S) == b'"per-client";r=1;t=30'
        assert limiter.wait_s(one, b"acme", START_S) == 0
        assert limiter.used(one, b"acme", START_S) == 1
    come(limiter, b"acme", one=one)
    assert limiter.wait_s(one, b"acme", START_S) == 30


def test_what_is_used_is_rounded_up_and_never_negative():
    limiter, one = MemoryLimiter(), rule(60)
    come(limiter, b"acme", b"acme", one=one)
    assert [limiter.used(one, b"acme", START_S + s) for s in (0.0, 0.5, 1.0, 2.0, 9.0)] == [2, 2, 1, 0, 0]


def test_what_another_count_says_is_taken_for_ours_but_at_most_a_whole_bucket():
    limiter, one = MemoryLimiter(), rule(60)
    limiter.remember(one, b"acme", 20 * one.numbers.cost, START_S)
    limiter.remember(one, b"bolt", 999 * one.numbers.cost, START_S)
    limiter.remember(one, b"none", 0, START_S)
    assert [limiter.used(one, key, START_S) for key in (b"acme", b"bolt", b"none")] == [20, 60, 0]
    assert limiter.clients == 2


class TestUsage:
    def test_it_tells_how_many_and_how_full_the_fullest_is(self):
        limiter, one = MemoryLimiter(), rule(requests=60)
        come(limiter, b"a", *[b"b"] * 30, b"c", one=one)
        assert limiter.usage(one.identity, START_S) == (3, 0.5)
        assert limiter.usage(one.identity, START_S + 15.0) == (3, 0.25)
        assert limiter.usage(one.identity, START_S + 600.0) == (3, 0.0)

    def test_a_rule_that_nobody_used_has_none(self):
        assert MemoryLimiter().usage("defaults/per-client", START_S) == (0, 0.0)

    def test_a_rule_of_no_requests_has_none(self):
        limiter, one = MemoryLimiter(), rule(requests=0)
        come(limiter, b"a", one=one)
        assert limiter.usage(one.identity, START_S) == (0, 0.0)

    def test_it_looks_at_a_few_only(self):
        limiter, one = MemoryLimiter(), rule(requests=60)
        come(limiter, *[b"full"] * 60, *map(address, range(40_000)), one=one)
        clients, fullest = limiter.usage(one.identity, START_S)
        assert clients == 40_001
        assert fullest < 0.1
