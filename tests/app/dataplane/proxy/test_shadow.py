"""A shadow judges by its own settings and counts; it returns nothing that could refuse."""

from typing import Any

import pytest

from app.breaker.follower import Followers, Reports
from app.breaker.registry import Breakers
from app.breaker.standing import ReportKind, Standing, Verdict
from app.breaker.values import BreakerState, Outcome
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
    return tuple(beside.breaker.view(0.0, 0.0).window)


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
    assert window(beside) == counted


def test_without_slow_calls_nothing_is_slow():
    beside, _ = shadow(CircuitBreaker(consecutive_failures=3))
    call = beside.admit(0.0)
    call.on_head(200, 99.0)
    call.end(Outcome.SLOW, False, 0.0)
    assert window(beside) == (1, 0, 0)


def test_what_it_would_refuse_is_counted_and_its_result_is_not():
    beside, counts = shadow()
    beside.admit(0.0).end(Outcome.FAILURE, True, 0.0)
    call = beside.admit(1.0)
    call.end(Outcome.SUCCESS, False, 1.0)
    assert counts.shadow_rejections == {("p", "Gateway", "breaker_open"): 1}
    assert window(beside) == (1, 1, 0)


class InWorker:
    """A shadow in a worker: whether a request would have passed is known once the breaker's owner says it."""

    def __init__(self):
        self.counts, self.reports = Counts("1"), Reports(lambda: None, lambda: None)
        self._followers = Followers(self.reports)
        self.beside = ShadowBreaker(self._followers.get("p one", SETTINGS), "p", "Gateway", self.counts)
        self._followers.follow("p one", Standing(BreakerState.HALF_OPEN, 3), 0.0)

    def decide(self, *verdicts):
        self._followers.take(verdicts, 0.2)

    def reported(self):
        return [(each.kind, each.probe) for each in self.reports.take()[0]]


def test_a_verdict_that_comes_while_the_request_is_under_way_is_used_at_its_end():
    worker = InWorker()
    call = worker.beside.admit(0.0)
    worker.decide(Verdict(1, 3, True))
    assert worker.reported() == []
    call.on_head(404, 0.2)
    call.end(Outcome.SUCCESS, False, 0.2)
    assert worker.reported() == [(ReportKind.FAILURE, 1)]


def test_the_result_of_a_request_that_ended_before_its_verdict_counts_once_that_is_there():
    worker = InWorker()
    call = worker.beside.admit(0.0)
    call.on_head(404, 0.1)
    call.end(Outcome.SUCCESS, False, 0.1)
    assert worker.reported() == []
    worker.decide(Verdict(1, 3, True))
    assert worker.reported() == [(ReportKind.FAILURE, 1)]


def test_a_request_that_ended_before_it_would_have_been_rejected_counts_as_rejected():
    worker = InWorker()
    worker.beside.admit(0.0).end(Outcome.SUCCESS, False, 0.1)
    worker.decide(Verdict(1, reason="breaker_probing", retry_after_s=1))
    assert worker.counts.shadow_rejections == {("p", "Gateway", "breaker_probing"): 1}
    assert worker.reported() == []


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
