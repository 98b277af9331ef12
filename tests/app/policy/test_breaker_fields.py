import pytest

from tests.app.policy.samples import assert_one_fault, breaker, spec

BAD = [
    (spec(circuitBreaker={}), "spec.circuitBreaker: never opens", "must have one of consecutiveFailures"),
    (spec(circuitBreaker={"openDuration": "1s"}), "spec.circuitBreaker: never opens", "must have one of"),
    (breaker(consecutiveFailures=0), "circuitBreaker.consecutiveFailures: is 0", "1 to 10,000"),
    (breaker(consecutiveFailures=10_001), "circuitBreaker.consecutiveFailures: is 10001", "1 to 10,000"),
    (breaker(consecutiveFailures=True), "circuitBreaker.consecutiveFailures: is true/false", "whole number"),
    (breaker(consecutiveFailures=3.0), "consecutiveFailures: is a number with a fraction", "whole number"),
    (breaker(consecutiveFailures="3"), "consecutiveFailures: is a text", "whole number"),
    (breaker(failureRate={}), "circuitBreaker.failureRate.percent: is required", "from 1 to 100"),
    (breaker(failureRate={"percent": 0}), "failureRate.percent: is 0", "from 1 to 100"),
    (breaker(failureRate={"percent": 101}), "failureRate.percent: is 101", "from 1 to 100"),
    (
        breaker(failureRate={"percent": 5, "window": "999ms"}),
        "failureRate.window: is 999ms",
        "from 1s to 10m",
    ),
    (breaker(failureRate={"percent": 5, "window": "601s"}), "failureRate.window: is 601s", "from 1s to 10m"),
    (breaker(failureRate={"percent": 5, "minimumRequests": 0}), "minimumRequests: is 0", "1 to 1,000,000"),
    (breaker(failureRate=50), "circuitBreaker.failureRate: is a number, not a mapping", "give percent"),
    (breaker(slowCalls={"percent": 5}), "slowCalls.threshold: is required", "250ms"),
    (breaker(slowCalls={"threshold": "1s"}), "slowCalls.percent: is required", "1 to 100"),
    (breaker(slowCalls={"percent": 5, "threshold": "0s"}), "slowCalls.threshold: is 0s", "from 1ms to 10m"),
    (breaker(slowCalls=[]), "circuitBreaker.slowCalls: is a list", "give percent"),
    (breaker(openDuration="99ms"), "circuitBreaker.openDuration: is 99ms", "from 100ms to 1h"),
    (breaker(openDuration="3601s"), "circuitBreaker.openDuration: is 3601s", "from 100ms to 1h"),
    (breaker(openDuration="1.5s"), "openDuration: '1.5s' is not a duration", "write 1500ms"),
    (breaker(openDuration=10), "openDuration: is a number, not a duration", "write 10s"),
    (breaker(openDuration=1.5), "openDuration: is a number with a fraction", "such as 250ms"),
    (breaker(openDuration=None), "openDuration: is empty", "such as 250ms"),
    (breaker(halfOpenRequests=0), "halfOpenRequests: is 0", "1 to 1,000"),
    (breaker(halfOpenRequests=1001), "halfOpenRequests: is 1001", "1 to 1,000"),
    (breaker(failureOn=[399]), "failureOn[0]: is 399", "must be a status from 400 to 599"),
    (breaker(failureOn=["600"]), "failureOn[0]: is '600'", "must be a status from 400 to 599"),
    (breaker(failureOn=["3xx"]), "failureOn[0]: is '3xx'", "4xx or 5xx"),
    (breaker(failureOn=[True]), "failureOn[0]: is true/false", "4xx or 5xx"),
    (breaker(failureOn=["5xx"] * 17), "failureOn: has 17 items", "0 to 16"),
    (breaker(failureOn="5xx"), "failureOn: is a text, not a list", "[..]"),
    (breaker(override={"state": "Open"}), "override.until: is required", "must have an end"),
    (
        breaker(override={"state": "Opened", "until": "2027-01-01T00:00:00Z"}),
        "override.state: is 'Opened'",
        "did you mean Open?",
    ),
    (breaker(override={"until": "soon"}), "override.until: 'soon' is not an RFC 3339", "2027-01-31T12"),
    (breaker(override={"until": 5}), "override.until: is a number", "quotes"),
    (breaker(override="Open"), "circuitBreaker.override: is a text", "give state"),
]


@pytest.mark.parametrize(("value", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_breaker_gives_one_fault_with_place_and_cure(value, place, cure):
    assert_one_fault(value, place, cure)
