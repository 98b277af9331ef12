import pytest

from tests.app.policy.samples import assert_one_fault, retry, spec

BAD = [
    (spec(timeout={"request": "61m"}), "timeout.request: is 61m", "from 0s to 1h"),
    (spec(timeout={"idle": "2h"}), "timeout.idle: is 2h", "from 0s to 1h"),
    (spec(timeout={"connect": "0s"}), "timeout.connect: is 0s", "from 1ms to 1m"),
    (spec(timeout={"connect": "61s"}), "timeout.connect: is 61s", "from 1ms to 1m"),
    (
        spec(timeout={"request": "1s", "perTry": "2s"}),
        "timeout.perTry: is longer than request",
        "must be at most",
    ),
    (spec(timeout={"request": "1s", "connect": "2s"}), "timeout.connect: is longer than", "must be at most"),
    (spec(timeout="10s"), "spec.timeout: is a text, not a mapping", "give request"),
    (spec(timeout={"per_try": "1s"}), "timeout.per_try: is not a known key", "did you mean perTry?"),
    (spec(retry={}), "retry.attempts: is required", "0 to 10"),
    (spec(retry=3), "spec.retry: is a number", "give attempts"),
    (retry(attempts=11), "retry.attempts: is 11", "0 to 10"),
    (retry(backoff={"base": "0s"}), "backoff.base: is 0s", "from 1ms to 1m"),
    (retry(backoff={"base": "1s", "max": "301s"}), "backoff.max: is 301s", "from 1ms to 5m"),
    (retry(backoff={"base": "1s"}), "backoff.base: is 1s, longer than max (250ms)", "must be at most max"),
    (retry(on=["Timeouts"]), "retry.on[0]: is 'Timeouts'", "ConnectError, Reset, Timeout"),
    (retry(on=["4xx"]), "retry.on[0]: is '4xx'", "or 5xx"),
    (retry(on=[200]), "retry.on[0]: is 200", "400 to 599"),
    (retry(on=[500] * 17), "retry.on: has 17 items", "0 to 16"),
    (retry(budget={"percent": 101}), "budget.percent: is 101", "0 to 100"),
    (retry(budget={"interval": "500ms"}), "budget.interval: is 500ms", "from 1s to 1h"),
    (retry(budget={"minRetriesPerSecond": 10_001}), "minRetriesPerSecond: is 10001", "0 to 10,000"),
    (retry(budget=20), "retry.budget: is a number", "give percent"),
    (retry(backoff={"min": "26ms"}), "backoff.min: is 26ms, longer than base (25ms)", "must be at most base"),
    (retry(backoff=20), "retry.backoff: is a number", "give base"),
]


@pytest.mark.parametrize(("value", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_timeout_or_retry_gives_one_fault_with_place_and_cure(value, place, cure):
    assert_one_fault(value, place, cure)
