"""What every limiter promises (app/limits/limiter.py): counting here, and by leases of a shared store."""

from collections.abc import Iterable, Sequence

import pytest

from app.limits.limiter import Admitted, Limited, Limiter, Verdict, Waiting
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, compile_rules
from app.limits.shared import SharedLimiter
from app.policy.model import LimitKey, LimitRule, RateLimit
from tests.fakes.lease_store import SimulatedStore

START_S = 86_400.25


class Shared:
    """Over a store that answers at once, so that nobody waits for long."""

    def __init__(self) -> None:
        self.shared = SharedLimiter(lambda: None)
        self.store = SimulatedStore()
        self.shared.set_up(1)

    def admit(self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float) -> Verdict | Waiting:
        self.shared.tick(now_s)
        outcome = self.shared.admit(rules, keys, now_s)
        if isinstance(outcome, Waiting):
            verdicts: list[Verdict] = []
            outcome.on_verdict = lambda verdict, _: verdicts.append(verdict)
            while not verdicts:
                self.deliver(now_s)
            (outcome,) = verdicts
        self.deliver(now_s)
        return outcome

    def keep_only(self, rules: Iterable[Rule], now_s: float) -> None:
        self.shared.keep_only(rules, now_s)
        self.deliver(now_s)

    def expire(self, now_s: float) -> None:
        self.shared.expire(now_s)

    @property
    def clients(self) -> int:
        return self.shared.clients

    def deliver(self, now_s: float) -> None:
        while calls := self.shared.next_calls(100, now_s):
            self.shared.on_reply(calls, self.store.reply([call.sent for call in calls], now_s), now_s)


@pytest.fixture(params=[MemoryLimiter, Shared])
def limiter(request: pytest.FixtureRequest) -> Limiter:
    made: Limiter = request.param()
    return made


def rule(
    requests: int,
    period_s: float = 60.0,
    burst: int | None = None,
    name: str = "per-client",
    policy: str = "defaults",
) -> Rule:
    written = LimitRule(name, LimitKey.CLIENT, requests, period_s, requests if burst is None else burst)
    return compile_rules(policy, RateLimit((written,)))[0]


def spend(limiter: Limiter, requests: int, one: Rule, now_s: float = START_S, key: bytes = b"acme") -> None:
    for _ in range(requests):
        assert isinstance(limiter.admit([one], [key], now_s), Admitted)


def passes(limiter: Limiter, one: Rule, now_s: float, key: bytes = b"acme") -> bool:
    return isinstance(limiter.admit([one], [key], now_s), Admitted)


def refused(limiter: Limiter, rules: list[Rule], keys: list[bytes], now_s: float = START_S) -> Limited:
    verdict = limiter.admit(rules, keys, now_s)
    assert isinstance(verdict, Limited)
    return verdict


def left(limiter: Limiter, one: Rule, now_s: float, key: bytes = b"acme") -> int:
    """Requests admitted at one instant, until the first refusal."""
    count = 0
    while passes(limiter, one, now_s, key):
        count += 1
    return count


def test_the_burst_passes_at_once_and_nothing_more(limiter):
    assert left(limiter, rule(100), START_S) == 100


def test_each_key_has_its_own_bucket(limiter):
    one = rule(1)
    spend(limiter, 1, one, key=b"acme")
    assert passes(limiter, one, START_S, key=b"bolt")


def test_each_rule_has_its_own_buckets(limiter):
    spend(limiter, 1, rule(1, name="a"))
    assert passes(limiter, rule(1, name="b"), START_S)
    assert passes(limiter, rule(1, name="a", policy="other"), START_S)


def test_a_bucket_refills_evenly(limiter):
    spend(limiter, 60, rule(60))
    assert left(limiter, rule(60), START_S + 10.0) == 10


def test_the_header_tells_what_is_left_after_this_request(limiter):
    verdicts = [limiter.admit([rule(100)], [b"acme"], START_S) for _ in range(2)]
    assert [verdict.header for verdict in verdicts] == [b'"per-client";r=99;t=1', b'"per-client";r=98;t=2']


def test_the_header_of_a_refusal_tells_zero_and_when_the_quota_is_full(limiter):
    spend(limiter, 100, rule(100))
    assert refused(limiter, [rule(100)], [b"acme"]).header == b'"per-client";r=0;t=60'


def test_the_header_lists_every_rule_in_order(limiter):
    rules = [rule(100), rule(10, name="shared")]
    assert limiter.admit(rules, [b"acme", b""], START_S).header == b'"per-client";r=99;t=1, "shared";r=9;t=6'


def test_without_rules_everything_passes_with_an_empty_header(limiter):
    verdict = limiter.admit([], [], START_S)
    assert isinstance(verdict, Admitted)
    assert verdict.header == b""


@pytest.mark.parametrize(
    ("requests", "period_s", "wait_s"), [(1, 1.0, 1), (1, 60.0, 60), (100, 60.0, 1), (7, 60.0, 9)]
)
def test_a_client_that_waits_as_told_passes(limiter, requests, period_s, wait_s):
    one = rule(requests, period_s)
    spend(limiter, requests, one)
    assert refused(limiter, [one], [b"acme"]).retry_after_s == wait_s
    assert passes(limiter, one, START_S + wait_s)


def test_a_client_that_waits_a_second_less_does_not_pass(limiter):
    one = rule(1, 60.0)
    spend(limiter, 1, one)
    assert not passes(limiter, one, START_S + 59.0)


def test_a_refusal_takes_nothing(limiter):
    one = rule(1, 60.0)
    spend(limiter, 1, one)
    for second in range(60):
        assert not passes(limiter, one, START_S + second)
    assert passes(limiter, one, START_S + 60.0)


def test_if_one_rule_refuses_no_rule_is_charged(limiter):
    wide, narrow = rule(100, name="wide"), rule(1, name="narrow")
    spend(limiter, 1, narrow)
    for _ in range(50):
        assert refused(limiter, [wide, narrow], [b"acme", b"acme"]).rule is narrow
    assert left(limiter, wide, START_S) == 100


def test_a_request_under_several_rules_is_charged_to_each(limiter):
    wide, narrow = rule(100, name="wide"), rule(10, name="narrow")
    assert isinstance(limiter.admit([wide, narrow], [b"acme", b""], START_S), Admitted)
    assert left(limiter, wide, START_S) == 99
    assert left(limiter, narrow, START_S, key=b"") == 9


def test_of_several_refusing_rules_the_longest_wait_is_told(limiter):
    short, long = rule(1, 2.0, name="short"), rule(1, 60.0, name="long")
    spend(limiter, 1, short)
    spend(limiter, 1, long)
    verdict = refused(limiter, [long, short, rule(5, name="free")], [b"acme"] * 3)
    assert (verdict.rule, verdict.retry_after_s) == (long, 60)
    assert verdict.header == b'"long";r=0;t=60, "short";r=0;t=2, "free";r=5;t=0'
    assert refused(limiter, [short, long], [b"acme"] * 2).rule is long


def test_zero_requests_refuse_all_with_the_period_as_the_wait(limiter):
    verdict = refused(limiter, [rule(0, 60.0)], [b"acme"])
    assert verdict.retry_after_s == 60
    assert verdict.header == b'"per-client";r=0'


def test_zero_requests_refuse_all_beside_another_rule(limiter):
    verdict = refused(limiter, [rule(0, 60.0), rule(9, name="b")], [b"acme", b"acme"])
    assert verdict.header == b'"per-client";r=0, "b";r=9;t=0'


def test_a_refused_stranger_leaves_no_bucket(limiter):
    refused(limiter, [rule(0)], [b"acme"])
    assert limiter.clients == 0


def test_a_raised_limit_gives_only_the_difference(limiter):
    spend(limiter, 100, rule(100))
    assert left(limiter, rule(150), START_S) == 50


def test_a_lowered_limit_gives_no_fresh_budget(limiter):
    spend(limiter, 50, rule(100))
    assert left(limiter, rule(60), START_S) == 10


def test_a_limit_lowered_below_the_usage_locks_out_no_longer_than_the_new_period(limiter):
    spend(limiter, 100, rule(100, 3600.0))
    lowered = rule(1, 60.0)
    assert refused(limiter, [lowered], [b"acme"]).retry_after_s == 60
    assert passes(limiter, lowered, START_S + 60.0)


def test_usage_after_an_edit_refills_under_the_new_numbers_from_the_edit_on(limiter):
    spend(limiter, 1, rule(1, 86_400.0))
    limiter.keep_only([rule(1, 60.0)], START_S + 1.0)
    assert not passes(limiter, rule(1, 60.0), START_S + 30.0)
    assert passes(limiter, rule(1, 60.0), START_S + 61.0)


def test_a_new_period_keeps_the_share_that_was_used(limiter):
    spend(limiter, 50, rule(100, 60.0))
    assert left(limiter, rule(100, 3600.0), START_S) == 50


def test_an_edit_there_and_back_keeps_usage(limiter):
    spend(limiter, 60, rule(100))
    assert left(limiter, rule(200), START_S) == 140
    assert left(limiter, rule(100), START_S) == 0


def test_a_burst_alone_may_be_edited(limiter):
    spend(limiter, 10, rule(100, burst=10))
    assert left(limiter, rule(100, burst=30), START_S) == 20


def test_a_limit_shut_and_opened_again_keeps_usage(limiter):
    spend(limiter, 60, rule(100))
    refused(limiter, [rule(0)], [b"acme"])
    assert left(limiter, rule(100), START_S) == 40


def test_the_same_numbers_compiled_anew_are_no_edit(limiter):
    for count in range(99, 0, -1):
        assert limiter.admit([rule(100)], [b"acme"], START_S).header.startswith(b'"per-client";r=%d;' % count)


def test_a_rule_that_vanished_and_returns_within_its_period_finds_its_counters(limiter):
    spend(limiter, 60, rule(60))
    limiter.keep_only([], START_S)
    limiter.expire(START_S + 59.0)
    limiter.keep_only([rule(60)], START_S + 59.0)
    assert left(limiter, rule(60), START_S + 59.0) == 59


def test_a_rule_that_returned_in_time_is_no_longer_leaving(limiter):
    spend(limiter, 60, rule(60))
    limiter.keep_only([], START_S)
    limiter.keep_only([rule(60)], START_S + 1.0)
    spend(limiter, 30, rule(60), START_S + 40.0)
    limiter.expire(START_S + 61.0)
    assert left(limiter, rule(60), START_S + 61.0) == 31


def test_expiry_changes_no_answer(limiter):
    spend(limiter, 60, rule(60))
    limiter.expire(START_S + 30.0)
    assert left(limiter, rule(60), START_S + 30.0) == 30


def test_an_edit_keeps_usage_also_beside_another_rule(limiter):
    spend(limiter, 60, rule(100))
    spend(limiter, 1, rule(9, name="other"))
    verdict = limiter.admit([rule(150), rule(9, name="other")], [b"acme", b"acme"], START_S)
    assert verdict.header == b'"per-client";r=89;t=25, "other";r=7;t=14'
