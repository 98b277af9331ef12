from hypothesis import given
from hypothesis import strategies as st

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
from app.policy.model import Backoff, Retry, RetryOn
from app.policy.model import RetryBudget as BudgetSettings

EVERYTHING = Retry(
    attempts=10, on=RetryOn(frozenset({CONNECT_ERROR, RESET, TIMEOUT}), frozenset(range(400, 600)))
)
methods = st.sampled_from([*sorted(IDEMPOTENT), b"POST", b"PATCH", b"X"])
outcomes = st.one_of(st.integers(100, 599), st.sampled_from([CONNECT_ERROR, RESET, TIMEOUT, "Protocol"]))


@given(
    st.none() | st.just(EVERYTHING),
    st.integers(1, 12),
    outcomes,
    methods,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_no_stanza_lets_an_unsafe_request_be_sent_twice(
    retry, attempt, outcome, method, sent, replayable, started
):
    if may_retry(retry, attempt, outcome, method in IDEMPOTENT, sent, replayable, started):
        assert retry is not None
        assert attempt <= retry.attempts
        assert not started
        assert method in IDEMPOTENT or outcome == CONNECT_ERROR
        assert replayable or not sent


@given(methods, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_a_request_is_sent_again_unasked_only_once_and_only_if_idempotent(
    method, reused, answered, resent, sent, replayable
):
    allowed = reused and not answered and not resent and method in IDEMPOTENT and (replayable or not sent)
    assert may_resend(method, reused, answered, resent, sent, replayable) == allowed


@given(
    st.integers(1, 11),
    st.floats(0, 1, exclude_max=True),
    st.floats(0.001, 60),
    st.floats(1, 5),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_backoff_stays_within_its_bounds(attempt, random_unit, base_s, factor, part):
    backoff = Backoff(base_s, base_s * factor, base_s * part)
    retry = Retry(attempts=10, backoff=backoff)
    assert backoff.min_s <= backoff_s(retry, attempt, random_unit) <= backoff.max_s


settings_of = st.builds(
    BudgetSettings, st.integers(0, 100), st.sampled_from([1.0, 10.0, 60.0]), st.integers(0, 3)
)


@given(settings_of, st.lists(st.tuples(st.booleans(), st.floats(0, 15)), max_size=60))
def test_the_budget_decides_as_a_list_of_all_times_would(settings, events):
    budget, now_s = RetryBudget(), 0.0
    requests: list[int] = []
    retries: list[int] = []
    for is_request, pause_s in events:
        now_s += pause_s
        slot = int(now_s * 10 / settings.interval_s)
        requests = [each for each in requests if each > slot - 10]
        retries = [each for each in retries if each > slot - 10]
        if is_request:
            budget.count_request(settings, now_s)
            requests.append(slot)
            continue
        floor = settings.min_retries_per_s * settings.interval_s
        allowed = len(retries) + 1 <= max(len(requests) * settings.percent / 100, floor)
        assert budget.take(settings, now_s) == allowed
        if allowed:
            retries.append(slot)


@given(st.lists(st.tuples(settings_of, st.booleans(), st.floats(0, 15)), max_size=60))
def test_changing_numbers_never_makes_a_count_negative(events):
    budget, now_s = RetryBudget(), 0.0
    for settings, is_request, pause_s in events:
        now_s += pause_s
        if is_request:
            budget.count_request(settings, now_s)
        else:
            budget.take(settings, now_s)
        assert budget._requests_total == sum(budget._requests) >= 0
        assert budget._retries_total == sum(budget._retries) >= 0
