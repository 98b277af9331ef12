"""GCRA against two oracles (throttled-py, a plain token bucket), and what holds for any numbers."""

from datetime import timedelta
from fractions import Fraction
from unittest.mock import patch

import throttled
from hypothesis import given, settings
from hypothesis import strategies as st

from app.limits import bucket_store as bucket_store_module
from app.limits.gcra import TICKS_PER_S, Numbers, advance, carry, is_full, quota, retry_after_s
from app.limits.limiter import Admitted, Limited
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, compile_rules
from app.policy.model import LimitKey, LimitRule, RateLimit

SECOND = int(TICKS_PER_S)

numbers_of = st.builds(
    Numbers.of,
    requests=st.integers(1, 1_000_000),
    period_s=st.integers(1000, 86_400_000).map(lambda period_ms: period_ms / 1000),
    burst=st.integers(1, 1_000_000),
)
small_numbers = st.builds(
    Numbers.of, requests=st.integers(1, 9), period_s=st.integers(1, 90).map(float), burst=st.integers(1, 9)
)
instants = st.integers(1, 400 * 86_400 * SECOND)
gaps = st.lists(st.integers(0, 20 * SECOND) | st.integers(0, 40).map(lambda s: s * SECOND), max_size=60)


def used_bucket(numbers: Numbers, now_ticks: int, share: float) -> int:
    """A bucket with a share of its capacity used, as an admission would leave it."""
    return now_ticks * numbers.requests + max(1, int(numbers.capacity * share))


@given(numbers=small_numbers, start=instants, gaps=gaps)
def test_it_admits_what_a_token_bucket_admits(numbers, start, gaps):
    burst = Fraction(numbers.capacity, numbers.cost)
    tokens, tat, now = burst, 0, start
    for gap in gaps:
        now += gap
        tokens = min(burst, tokens + gap * Fraction(numbers.requests, numbers.cost))
        taken = advance(tat, now, numbers)
        assert (taken > 0) == (tokens >= 1)
        if taken > 0:
            tokens -= 1
            tat = taken
        assert quota(tat, now, numbers)[0] == tokens // 1


@settings(max_examples=50)
@given(
    requests=st.sampled_from([1, 2, 4, 8, 16]),
    period_s=st.sampled_from([1, 2, 4, 8, 16, 32]),
    burst=st.integers(1, 12),
    gaps=st.lists(st.integers(0, 64), max_size=40),
)
def test_it_admits_what_throttled_py_admits(requests, period_s, burst, gaps):
    # Powers of two, because the oracle counts in floats, which are exact only there.
    numbers = Numbers.of(requests, float(period_s), burst)
    per_period = throttled.per_duration(timedelta(seconds=period_s), requests, burst)
    now_s, tat = 4096.0, 0
    with patch.object(throttled.utils, "now_mono_f", lambda: now_s):
        oracle = throttled.Throttled(using="gcra", quota=per_period, store=throttled.MemoryStore())
        for gap in gaps:
            now_s += gap / 16
            said = oracle.limit("acme")
            now_ticks = int(now_s * TICKS_PER_S)
            taken = advance(tat, now_ticks, numbers)
            assert (taken < 0) == said.limited
            tat = max(tat, taken)
            assert quota(tat, now_ticks, numbers)[0] == said.state.remaining


@given(numbers=numbers_of, now=instants, share=st.floats(0.0, 1.0))
def test_a_client_that_waits_as_told_passes_and_a_second_earlier_does_not(numbers, now, share):
    tat = used_bucket(numbers, now, share)
    taken = advance(tat, now, numbers)
    if taken < 0:
        wait_s = retry_after_s(-taken, numbers)
        assert wait_s >= 1
        assert advance(tat, now + wait_s * SECOND, numbers) > 0
        assert wait_s == 1 or advance(tat, now + (wait_s - 1) * SECOND, numbers) < 0


@given(numbers=numbers_of, now=instants, share=st.floats(0.0, 1.0))
def test_a_bucket_is_full_after_its_reset_and_not_a_second_earlier(numbers, now, share):
    tat = used_bucket(numbers, now, share)
    _, reset_s = quota(tat, now, numbers)
    assert is_full(tat, now + reset_s * SECOND, numbers)
    assert not is_full(tat, now + (reset_s - 1) * SECOND, numbers)


@given(numbers=numbers_of, now=instants, share=st.floats(0.0, 1.0))
def test_what_is_left_passes_at_once_and_not_one_more(numbers, now, share):
    tat = used_bucket(numbers, now, share)
    left, _ = quota(tat, now, numbers)
    almost = tat + max(0, left - 1) * numbers.cost
    assert (advance(almost, now, numbers) > 0) == (left > 0)
    assert advance(tat + left * numbers.cost, now, numbers) < 0


@given(numbers=numbers_of, now=instants)
def test_no_bucket_holds_usage_after_its_drain_time(numbers, now):
    assert is_full(used_bucket(numbers, now, 1.0), now + numbers.drain_ticks, numbers)


@given(old=numbers_of, new=numbers_of, now=instants, share=st.floats(0.0, 1.0))
def test_an_edit_keeps_the_requests_used_up_to_one_bucket(old, new, now, share):
    tat = used_bucket(old, now, share)
    used = Fraction(tat - now * old.requests, old.cost)
    kept = Fraction(carry(tat, old, new, now) - now * new.requests, new.cost)
    burst = Fraction(new.capacity, new.cost)
    assert min(used, burst) <= kept <= min(used + Fraction(1, new.cost), burst)


@given(old=numbers_of, new=numbers_of, now=instants, share=st.floats(0.0, 1.0))
def test_an_edit_locks_nobody_out_longer_than_the_new_period(old, new, now, share):
    tat = carry(used_bucket(old, now, share), old, new, now)
    assert advance(tat, now + new.cost, new) > 0


@given(numbers=numbers_of, now=instants, share=st.floats(0.0, 1.0), later=st.integers(0, 90 * SECOND))
def test_an_edit_to_the_same_numbers_changes_nothing(numbers, now, share, later):
    tat = used_bucket(numbers, now, share)
    carried = carry(tat, numbers, numbers, now + later)
    assert carried == (0 if is_full(tat, now + later, numbers) else tat)


def rule(requests, period_s, burst, name="per-client") -> Rule:
    return compile_rules(
        "defaults", RateLimit((LimitRule(name, LimitKey.CLIENT, requests, period_s, burst),))
    )[0]


small_rules = st.tuples(st.integers(0, 9), st.integers(1, 90).map(float), st.integers(1, 9))
requests_in_time = st.lists(st.tuples(st.integers(0, 100), st.sampled_from([b"a", b"b", b"c"])), max_size=60)
WIDE = rule(1_000_000, 1.0, 1_000_000, name="wide")


@given(numbers=small_rules, requests=requests_in_time)
def test_one_rule_is_judged_as_it_is_beside_another_that_never_refuses(numbers, requests):
    one = rule(*numbers)
    alone, beside = MemoryLimiter(), MemoryLimiter()
    now_s = 5000.0
    for gap, key in requests:
        now_s += gap / 8
        verdict, other = alone.admit([one], [key], now_s), beside.admit([one, WIDE], [key, b""], now_s)
        assert other.header.startswith(verdict.header + b", ")
        if isinstance(verdict, Limited):
            assert isinstance(other, Limited)
            assert verdict.retry_after_s == other.retry_after_s
        else:
            assert isinstance(other, Admitted)


class EagerModel:
    """The plain version: one table, every bucket rewritten at every edit, nothing ever forgotten."""

    def __init__(self, numbers: Numbers) -> None:
        self.tats: dict[bytes, int] = {}
        self.numbers = numbers

    def edit(self, numbers: Numbers, now_ticks: int) -> None:
        if self.numbers != numbers:
            self.tats = {key: carry(tat, self.numbers, numbers, now_ticks) for key, tat in self.tats.items()}
        self.numbers = numbers

    def admits(self, key: bytes, now_ticks: int) -> bool:
        taken = advance(self.tats.get(key, 0), now_ticks, self.numbers)
        if taken > 0:
            self.tats[key] = taken
        return taken > 0


edits = st.tuples(st.just("edit"), small_rules)
visits = st.tuples(st.just("visit"), st.integers(0, 11))
pauses = st.tuples(st.just("pause"), st.integers(0, 400))
others = st.tuples(st.sampled_from(["expire", "vanish"]), st.none())


@settings(max_examples=200)
@given(steps=st.lists(visits | visits | visits | pauses | edits | others, max_size=80))
def test_edits_expiry_and_shards_answer_as_one_table_rewritten_at_every_edit(steps):
    one, now_s = rule(3, 10.0, 3), 5000.0
    limiter, model = MemoryLimiter(), EagerModel(one.numbers)
    with (
        patch.object(bucket_store_module, "SHARD_FROM_CLIENTS", 4),
        patch.object(bucket_store_module, "SHARDS", 4),
    ):
        for step, what in steps:
            now_ticks = int(now_s * TICKS_PER_S)
            if step == "edit":
                one = rule(*what)
                limiter.keep_only([one], now_s)
                model.edit(one.numbers, now_ticks)
            elif step == "visit":
                verdict = limiter.admit([one], [b"client %d" % what], now_s)
                assert isinstance(verdict, Admitted) == model.admits(b"client %d" % what, now_ticks)
            elif step == "pause":
                now_s += what / 8
            elif step == "expire":
                limiter.expire(now_s)
            else:
                limiter.keep_only([], now_s)
                limiter.keep_only([one], now_s)
    assert limiter.clients <= len(model.tats)
