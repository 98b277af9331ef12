from typing import Any

import pytest

from app.limits.gcra import Numbers
from app.limits.rule import Rule, bucket_key, compile_rules
from app.policy.model import LimitKey, LimitRule, RateLimit, Scope


def rule(
    name: str = "per-client",
    requests: int = 100,
    period_s: float = 60.0,
    burst: int = 100,
    key: LimitKey = LimitKey.CLIENT,
    **more: Any,
) -> LimitRule:
    return LimitRule(name, key, requests, period_s, burst, **more)


def compiled(*rules: LimitRule) -> tuple[Rule, ...]:
    return compile_rules("defaults", RateLimit(rules))


def test_a_rule_is_known_by_policy_and_name_whatever_its_numbers():
    (few,), (many,) = compiled(rule(requests=1)), compiled(rule(requests=9, period_s=1.0))
    assert few.identity == many.identity == "defaults/per-client"


def test_what_the_policy_says_is_kept():
    (one,) = compiled(rule(key=LimitKey.HEADER, header="X-Tenant", burst=7, scope=Scope.LOCAL))
    assert (one.policy, one.name, one.key, one.header, one.scope) == (
        "defaults",
        "per-client",
        LimitKey.HEADER,
        b"x-tenant",
        Scope.LOCAL,
    )
    assert one.numbers == Numbers.of(100, 60.0, 7)


def test_rules_keep_their_order():
    assert [one.name for one in compiled(rule("b"), rule("a"), rule("c"))] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("period_s", "item"), [(60.0, b'"per-client";q=100;w=60'), (1.5, b'"per-client";q=100;w=2')]
)
def test_the_policy_item_tells_requests_and_whole_seconds_rounded_up(period_s, item):
    assert compiled(rule(period_s=period_s))[0].policy_item == item


def test_the_policy_item_tells_the_sustained_rate_not_the_burst():
    assert compiled(rule(burst=7))[0].policy_item == b'"per-client";q=100;w=60'


def test_the_quota_item_tells_whole_requests_left_and_seconds_until_full():
    (one,) = compiled(rule())
    assert one.quota_item(0, 1000) == b'"per-client";r=100;t=0'


def test_a_rule_of_zero_requests_has_nothing_left_and_no_end():
    (one,) = compiled(rule(requests=0))
    assert one.policy_item == b'"per-client";q=0;w=60'
    assert one.quota_item(0, 1000) == b'"per-client";r=0'


def test_a_rule_without_tiers_covers_every_client_when_no_rule_names_one():
    (one,) = compiled(rule())
    assert one.covers("gold")
    assert one.covers(None)


def test_a_rule_with_tiers_covers_only_these():
    (one,) = compiled(rule(tiers=frozenset({"gold", "silver"})))
    assert one.covers("silver")
    assert not one.covers("bronze")
    assert not one.covers(None)


def test_a_rule_without_tiers_covers_the_tiers_that_no_other_rule_names():
    gold, silver, rest = compiled(
        rule("g", tiers=frozenset({"gold"})), rule("s", tiers=frozenset({"silver"})), rule("rest")
    )
    covering = {
        tier: [one.name for one in (gold, silver, rest) if one.covers(tier)]
        for tier in ("gold", "silver", "bronze", None)
    }
    assert covering == {"gold": ["g"], "silver": ["s"], "bronze": ["rest"], None: ["rest"]}


def test_a_missing_header_has_a_bucket_that_no_value_has():
    assert bucket_key(None) not in {bucket_key(b""), bucket_key(b"absent"), bucket_key(b"=")}


@pytest.mark.parametrize("length", [0, 23, 24, 30_000])
def test_a_bucket_key_is_short_whatever_was_sent(length):
    assert len(bucket_key(b"x" * length)) <= 24


def test_long_values_that_differ_have_buckets_that_differ():
    assert bucket_key(b"x" * 1000) != bucket_key(b"x" * 999 + b"y")


def test_no_short_value_can_take_a_long_ones_bucket():
    assert bucket_key(bucket_key(b"x" * 1000)) != bucket_key(b"x" * 1000)
