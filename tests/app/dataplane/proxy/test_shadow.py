"""A shadow judges by its own settings and counts; it returns nothing that could refuse."""

from typing import Any

import pytest

from app.breaker.awaited_permit import AwaitedPermit
from app.breaker.registry import Breakers
from app.breaker.values import Outcome
from app.dataplane.proxy.shadow import ShadowBreaker, ShadowLimit
from app.limits.limiter import Limited, Waiting
from app.limits.memory import MemoryLimiter
from app.limits.rule import compile_rules
from app.policy.model import CircuitBreaker, FailureRate, LimitKey, LimitRule, RateLimit, SlowCalls
from app.telemetry.counts import Counts

SETTINGS = CircuitBreaker(
    failure_rate=FailureRate(percent=100, minimum_requests=1),
    slow_calls=SlowCalls(percent=100, threshold_s=1.0),
    failure_on=frozenset({404}),
)


def shadow(settings=SETTINGS):
    counts = Counts("1")
    return ShadowBreaker(Breakers().get("p one", settings), "p", "Gateway", counts), counts


def window(beside):
    return tuple(beside.view(0.0, 0.0).window)


@pytest.mark.parametrize(
    ("outcome", "refused", "head", "counted"),
    [
        (Outcome.SUCCESS, False, (200, 0.5), (1, 0, 0)),
        (Outcome.FAILURE, False, (500, 0.5), (1, 0, 0)),  # not in its failureOn
        (Outcome.SUCCESS, False, (404, 0.5), (1, 1, 0)),
        (Outcome.SUCCESS, False, (200, 1.5), (1, 0, 1)),
        (Outcome.SLOW, False, (200, 0.5), (1, 0, 0)),
        (Outcome.FAILURE, True, None, (1, 1, 0)),
        (Outcome.FAILURE, True, (200, 0.1), (1, 1, 0)),  # cut off in the middle
        (Outcome.IGNORED, True, None, (0, 0, 0)),
    ],
)
def test_an_answer_is_judged_anew(outcome, refused, head, counted):
    beside, _ = shadow()
    call = beside.admit(0.0)
    if head is not None:
        call.on_head(*head)
    call.end(outcome, refused, 0.0)
    assert window(beside.breaker) == counted


def test_without_slow_calls_nothing_is_slow():
    beside, _ = shadow(CircuitBreaker(consecutive_failures=3))
    call = beside.admit(0.0)
    call.on_head(200, 99.0)
    call.end(Outcome.SLOW, False, 0.0)
    assert window(beside.breaker) == (1, 0, 0)


def test_what_it_would_refuse_is_counted_and_its_result_is_not():
    beside, counts = shadow()
    beside.admit(0.0).end(Outcome.FAILURE, True, 0.0)
    call = beside.admit(1.0)
    call.end(Outcome.SUCCESS, False, 1.0)
    assert counts.shadow_rejections == {("p", "Gateway", "breaker_open"): 1}
    assert window(beside.breaker) == (1, 1, 0)


class Owner:
    """A breaker whose permits come from elsewhere: `awaited` holds what was asked for."""

    def __init__(self):
        self.own = Breakers().get("p one", SETTINGS)
        self.settings = SETTINGS
        self.awaited = []
        self.succeed, self.fail, self.ignore, self.slow = (
            self.own.succeed, self.own.fail, self.own.ignore, self.own.slow,
        )  # fmt: skip

    def admit(self, now_s):
        self.awaited.append(AwaitedPermit(now_s + 1.0))
        return self.awaited[-1]

    def decide(self, now_s):
        self.awaited[-1].on_verdict(self.own.admit(now_s), now_s)


def owned():
    owner: Any = Owner()
    counts = Counts("1")
    return owner, ShadowBreaker(owner, "p", "Gateway", counts), counts


def test_a_verdict_that_comes_while_the_request_is_under_way_is_used_at_its_end():
    owner, beside, _ = owned()
    call = beside.admit(0.0)
    owner.decide(0.1)
    assert window(owner.own) == (0, 0, 0)
    call.on_head(404, 0.2)
    call.end(Outcome.SUCCESS, False, 0.2)
    assert window(owner.own) == (1, 1, 0)


def test_the_result_of_a_request_that_ended_before_its_verdict_counts_once_that_is_there():
    owner, beside, counts = owned()
    call = beside.admit(0.0)
    call.on_head(404, 0.1)
    call.end(Outcome.SUCCESS, False, 0.1)
    assert window(owner.own) == (0, 0, 0)
    owner.decide(0.2)
    assert window(owner.own) == (1, 1, 0)
    late = beside.admit(0.3)
    late.end(Outcome.SUCCESS, False, 0.3)
    owner.decide(0.4)
    assert counts.shadow_rejections == {("p", "Gateway", "breaker_open"): 1}
    assert window(owner.own) == (1, 1, 0)


def test_a_limit_counts_only_what_it_would_refuse():
    counts = Counts("1")
    rules = compile_rules("p", RateLimit((LimitRule("all", LimitKey.GLOBAL, 1, 60.0, 1),)))
    limit = ShadowLimit(rules, "Route/r", MemoryLimiter(10), counts, counts.route("r"))
    limit.look(rules, [b""], 0.0)
    assert counts.shadow_rejections == {}
    limit.look(rules, [b""], 0.0)
    assert counts.shadow_rejections == {("p", "Route/r", "rate_limited"): 1}
    assert counts.route("r").decisions == {("all", "shadowed"): 1}


def test_a_limit_that_is_leased_counts_when_the_verdict_is_there():
    class Leased:
        def admit(self, rules, keys, now_s):
            waiting.append(Waiting(rules, keys, now_s + 1.0))
            return waiting[-1]

    waiting: list[Waiting] = []
    limiter: Any = Leased()
    counts = Counts("1")
    rules = compile_rules("p", RateLimit((LimitRule("all", LimitKey.GLOBAL, 1, 60.0, 1),)))
    limit = ShadowLimit(rules, "Route/r", limiter, counts, counts.route("r"))
    limit.look(rules, [b""], 0.0)
    assert counts.shadow_rejections == {}
    waiting[0].on_verdict(Limited(rules[0], 1, b""), 0.1)
    assert counts.shadow_rejections == {("p", "Route/r", "rate_limited"): 1}
