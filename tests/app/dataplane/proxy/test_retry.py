import pytest

from app.dataplane.proxy.retry import (
    CONNECT_ERROR,
    IDEMPOTENT,
    RESET,
    TIMEOUT,
    RetryBudget,
    backoff_s,
    may_resend,
    may_retry,
)
from app.policy.model import Retry, RetryOn
from app.policy.model import RetryBudget as BudgetSettings

ALL = Retry(attempts=2, on=RetryOn(frozenset({CONNECT_ERROR, RESET, TIMEOUT}), frozenset({502, 503})))


def asked(
    retry: Retry | None = ALL,
    attempt: int = 1,
    outcome: str | int = 503,
    method: bytes = b"GET",
    body_sent: bool = False,
    replayable: bool = True,
    started: bool = False,
) -> bool:
    return may_retry(retry, attempt, outcome, method in IDEMPOTENT, body_sent, replayable, started)


def test_idempotent_methods_are_those_of_rfc_9110():
    assert sorted(IDEMPOTENT) == [b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PUT", b"TRACE"]


def test_without_a_stanza_nothing_is_retried():
    assert not asked(retry=None)


@pytest.mark.parametrize(("attempt", "expected"), [(1, True), (2, True), (3, False)])
def test_attempts_are_further_tries_after_the_first(attempt, expected):
    assert asked(attempt=attempt) is expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (502, True),
        (504, False),
        (200, False),
        (CONNECT_ERROR, True),
        (RESET, True),
        (TIMEOUT, True),
        ("Protocol", False),
    ],
)
def test_only_what_the_stanza_names_is_retried(outcome, expected):
    assert asked(outcome=outcome) is expected


def test_a_failure_the_stanza_does_not_name_is_not_retried():
    assert not asked(retry=Retry(attempts=1), outcome=RESET)


def test_nothing_is_retried_once_the_response_has_begun():
    assert not asked(started=True)


@pytest.mark.parametrize(
    ("outcome", "expected"), [(503, False), (RESET, False), (TIMEOUT, False), (CONNECT_ERROR, True)]
)
def test_a_post_is_retried_only_if_no_byte_of_it_left(outcome, expected):
    assert asked(method=b"POST", outcome=outcome) is expected


@pytest.mark.parametrize(
    ("sent", "replayable", "expected"), [(True, True, True), (True, False, False), (False, False, True)]
)
def test_a_body_that_is_gone_cannot_be_sent_again(sent, replayable, expected):
    assert asked(method=b"PUT", body_sent=sent, replayable=replayable) is expected


def resend(
    method: bytes = b"GET",
    reused: bool = True,
    response_begun: bool = False,
    resent: bool = False,
    body_sent: bool = False,
    replayable: bool = True,
) -> bool:
    return may_resend(method, reused, response_begun, resent, body_sent, replayable)


def test_an_idempotent_request_lost_on_a_reused_connection_is_sent_once_more():
    assert resend()


@pytest.mark.parametrize(
    "change",
    [
        {"method": b"POST"},
        {"method": b"PATCH"},
        {"reused": False},
        {"response_begun": True},
        {"resent": True},
        {"body_sent": True, "replayable": False},
    ],
)
def test_no_other_request_is_sent_twice(change):
    assert not resend(**change)


def test_a_body_still_at_hand_is_sent_once_more():
    assert resend(method=b"PUT", body_sent=True)


@pytest.mark.parametrize(
    ("attempt", "longest_s"), [(1, 0.025), (2, 0.05), (3, 0.1), (4, 0.2), (5, 0.25), (5000, 0.25)]
)
def test_backoff_doubles_up_to_its_maximum(attempt, longest_s):
    assert backoff_s(ALL, attempt, 1.0) == pytest.approx(longest_s)
    assert backoff_s(ALL, attempt, 0.0) == 0.0


def count(budget: RetryBudget, settings: BudgetSettings, requests: int, now_s: float) -> None:
    for _ in range(requests):
        budget.count_request(settings, now_s)


def taken(budget: RetryBudget, settings: BudgetSettings, now_s: float, tries: int = 1000) -> int:
    return sum(budget.take(settings, now_s) for _ in range(tries))


PERCENT_ONLY = BudgetSettings(percent=20, interval_s=10.0, min_retries_per_s=0)


def test_the_budget_is_a_share_of_the_requests():
    budget = RetryBudget()
    count(budget, PERCENT_ONLY, 100, 5.0)
    assert taken(budget, PERCENT_ONLY, 5.0) == 20


def test_a_quiet_route_may_retry_up_to_the_floor():
    assert taken(RetryBudget(), BudgetSettings(percent=20, interval_s=10.0, min_retries_per_s=2), 5.0) == 20


def test_workers_share_the_floor():
    settings = BudgetSettings(percent=20, interval_s=10.0, min_retries_per_s=3)
    assert [taken(RetryBudget(3), settings, 5.0) for _ in range(3)] == [10, 10, 10]


@pytest.mark.parametrize("requests", [(100, 0), (60, 40), (50, 50), (300, 10), (0, 0)])
def test_workers_allow_together_no_more_than_share_and_floor_in_sum(requests):
    settings = BudgetSettings(percent=20, interval_s=10.0, min_retries_per_s=2)
    retries = 0
    for each in requests:
        budget = RetryBudget(2)
        count(budget, settings, each, 5.0)
        retries += taken(budget, settings, 5.0)
    share, floor = sum(requests) / 5, 20
    assert max(share, floor) <= retries <= share + floor


def test_no_percent_and_no_floor_allow_nothing():
    budget = RetryBudget()
    settings = BudgetSettings(percent=0, min_retries_per_s=0)
    count(budget, settings, 100, 0.0)
    assert taken(budget, settings, 0.0) == 0


def test_requests_and_retries_are_forgotten_after_the_interval():
    budget = RetryBudget()
    count(budget, PERCENT_ONLY, 100, 0.0)
    assert taken(budget, PERCENT_ONLY, 0.0) == 20
    count(budget, PERCENT_ONLY, 50, 8.0)
    assert taken(budget, PERCENT_ONLY, 8.0) == 10
    assert taken(budget, PERCENT_ONLY, 10.0) == 0
    count(budget, PERCENT_ONLY, 50, 10.0)
    assert taken(budget, PERCENT_ONLY, 10.0) == 10
    assert taken(budget, PERCENT_ONLY, 1e6) == 0


@pytest.mark.parametrize("later_s", [20.0 + second for second in range(10)])
def test_a_long_silence_forgets_every_part_of_the_interval(later_s):
    budget = RetryBudget()
    for second in range(10):
        count(budget, PERCENT_ONLY, 10, float(second))
    assert taken(budget, PERCENT_ONLY, later_s) == 0


def test_a_new_percentage_applies_at_once():
    budget = RetryBudget()
    count(budget, PERCENT_ONLY, 100, 0.0)
    taken(budget, PERCENT_ONLY, 0.0)
    assert taken(budget, BudgetSettings(percent=30, interval_s=10.0, min_retries_per_s=0), 0.0) == 10


def test_a_longer_interval_keeps_the_counts():
    budget = RetryBudget()
    count(budget, PERCENT_ONLY, 100, 50.0)
    longer = BudgetSettings(percent=20, interval_s=60.0, min_retries_per_s=0)
    assert taken(budget, longer, 51.0) == 20


def test_a_shorter_interval_keeps_the_counts_in_proportion():
    budget = RetryBudget()
    count(budget, PERCENT_ONLY, 100, 50.0)
    assert taken(budget, BudgetSettings(percent=20, interval_s=5.0, min_retries_per_s=0), 50.0) == 10


def test_a_clock_reading_of_before_changes_nothing():
    budget = RetryBudget()
    count(budget, PERCENT_ONLY, 100, 50.0)
    assert taken(budget, PERCENT_ONLY, 42.0) == 20
