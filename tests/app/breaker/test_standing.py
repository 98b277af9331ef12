from dataclasses import replace

import pytest

from app.breaker.registry import Breakers
from app.breaker.standing import AT_REST, fewest_failures, standing_of
from app.policy.model import CircuitBreaker, FailureRate, SlowCalls

ROW = CircuitBreaker(consecutive_failures=5)
RATE = CircuitBreaker(failure_rate=FailureRate(50, window_s=20.0))


def fail(breaker, now_s):
    breaker.fail(breaker.admit(now_s), now_s)


@pytest.mark.parametrize(
    ("settings", "is_prompt"),
    [
        (ROW, True),
        (RATE, True),
        (CircuitBreaker(), False),
    ],
    ids=["row", "rate", "nothing is judged"],
)
def test_reports_are_prompt_once_a_result_may_change_something(settings, is_prompt):
    breaker = Breakers().get("orders", settings)
    assert standing_of(breaker, 0.0, 0) == AT_REST
    fail(breaker, 0.0)
    assert standing_of(breaker, 0.0, 0).is_prompt == is_prompt


def test_a_window_is_quiet_again_when_its_failures_have_left_it():
    breaker = Breakers().get("orders", RATE)
    fail(breaker, 0.0)
    assert standing_of(breaker, 19.0, 0).is_prompt
    assert not standing_of(breaker, 21.0, 0).is_prompt


def test_the_buckets_of_a_narrow_window_are_narrower_than_a_second():
    breaker = Breakers().get("orders", replace(RATE, failure_rate=FailureRate(50, window_s=1.0)))
    assert standing_of(breaker, 0.0, 0).is_prompt


@pytest.mark.parametrize(
    ("settings", "fewest"),
    [
        (ROW, 5),
        (RATE, 10),
        (replace(ROW, failure_rate=FailureRate(10, minimum_requests=25)), 3),
        (replace(RATE, slow_calls=SlowCalls(20, 1.0)), 4),
        (CircuitBreaker(failure_rate=FailureRate(1, minimum_requests=1)), 1),
    ],
)
def test_the_fewest_failures_that_open_it_from_rest(settings, fewest):
    breaker = Breakers().get("orders", settings)
    assert fewest_failures(breaker) == fewest
    for _ in range(fewest):
        assert breaker.state_at(0.0) == "closed"
        fail(breaker, 0.0)


def test_what_nothing_opens_is_opened_by_no_number():
    assert fewest_failures(Breakers().get("orders", CircuitBreaker())) > 1_000_000
