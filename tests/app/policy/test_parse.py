import pytest

from app.foundation.errors import ConfigFaults
from app.policy.model import CircuitBreaker, Mode, RetryBudget, Spec, TargetKind, TargetRef, Timeout
from app.policy.parse import parse_spec
from tests.app.policy.samples import (
    BREAKER,
    GATEWAY,
    RULE,
    assert_one_fault,
    breaker,
    faults_of,
    retry,
    rule,
    spec,
)

UPSTREAM_TARGET = {"targetRefs": [{"kind": "Upstream", "name": "o"}]}

BAD = [
    (None, "spec: is empty, not a mapping", "give targetRefs"),
    ([], "spec: is a list, not a mapping", "give targetRefs"),
    (BREAKER, "spec.targetRefs: is required", "give a list"),
    (GATEWAY, "spec: has no stanza", "must have circuitBreaker, rateLimit, timeout or retry"),
    (spec(rateLimits={}, **BREAKER), "spec.rateLimits: is not a known key", "did you mean rateLimit?"),
    (spec(zebra=1, **BREAKER), "spec.zebra: is not a known key", "known here: targetRefs, mode"),
    (spec(circuitBreaker=None), "spec.circuitBreaker: is empty", "give consecutiveFailures"),
    ({"targetRefs": [], **BREAKER}, "spec.targetRefs: has 0 items", "1 to 16"),
    ({"targetRefs": {}, **BREAKER}, "spec.targetRefs: is a mapping, not a list", "[..]"),
    ({"targetRefs": "Gateway", **BREAKER}, "spec.targetRefs: is a text, not a list", "[..]"),
    (
        {"targetRefs": [{"kind": "Route", "name": f"r{i}"} for i in range(17)], **BREAKER},
        "spec.targetRefs: has 17 items",
        "1 to 16",
    ),
    ({"targetRefs": ["Gateway"], **BREAKER}, "spec.targetRefs[0]: is a text, not a mapping", "give group"),
    ({"targetRefs": [{}], **BREAKER}, "spec.targetRefs[0].kind: is required", "Gateway, Route, Upstream"),
    ({"targetRefs": [{"kind": "Pod"}], **BREAKER}, "targetRefs[0].kind: is 'Pod'", "must be Gateway"),
    ({"targetRefs": [{"kind": "route"}], **BREAKER}, "targetRefs[0].kind: is 'route'", "did you mean Route?"),
    ({"targetRefs": [{"kind": 3}], **BREAKER}, "targetRefs[0].kind: is 3", "must be Gateway"),
    ({"targetRefs": [{"kind": "Route"}], **BREAKER}, "targetRefs[0].name: is required", "must have the name"),
    (
        {"targetRefs": [{"kind": "Upstream"}], **BREAKER},
        "targetRefs[0].name: is required",
        "must have the name",
    ),
    ({"targetRefs": [{"kind": "Route", "name": "A"}], **BREAKER}, "[0].name: 'A' is not a DNS", "such as a"),
    ({"targetRefs": [{"kind": "Route", "name": 7}], **BREAKER}, "[0].name: is a number", "put it in quotes"),
    (
        {"targetRefs": [{"kind": "Gateway"}] * 2, **BREAKER},
        "targetRefs[1]: repeats Gateway",
        "must appear once",
    ),
    (
        {"targetRefs": [{"kind": "Route", "name": "o"}] * 2, **BREAKER},
        "targetRefs[1]: repeats Route o",
        "must appear once",
    ),
    (
        {"targetRefs": [{"kind": "Gateway", "group": "apps"}], **BREAKER},
        "targetRefs[0].group: is 'apps'",
        "must be tidegate.dev",
    ),
    (
        {"targetRefs": [{"kind": "Gateway", "sectionName": "x"}], **BREAKER},
        "[0].sectionName: stands with kind Gateway",
        "kind must be HTTPRoute",
    ),
    ({**UPSTREAM_TARGET, **BREAKER, "timeout": {}}, "spec.timeout: cannot apply to an Upstream", "must have"),
    (
        {**UPSTREAM_TARGET, **BREAKER, "retry": {"attempts": 1}},
        "spec.retry: cannot apply to an Upstream",
        "must",
    ),
    (
        {**UPSTREAM_TARGET, "rateLimit": {"rules": [RULE]}},
        "spec.rateLimit: cannot apply to an Upstream",
        "must",
    ),
    (spec(mode="Shadow", timeout={}), "spec.timeout: cannot be shadowed", "must be Enforce"),
    (spec(mode="Shadow", retry={"attempts": 1}), "spec.retry: cannot be shadowed", "must be Enforce"),
    (
        spec(mode="Shadow", circuitBreaker={"override": {}}),
        "spec.circuitBreaker.override: cannot be shadowed",
        "must be Enforce",
    ),
    (spec(mode="shadow", **BREAKER), "spec.mode: is 'shadow'", "did you mean Shadow?"),
    (spec(mode=True, **BREAKER), "spec.mode: is true/false", "one of Enforce, Shadow"),
]


@pytest.mark.parametrize(("value", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_spec_gives_one_fault_with_place_and_cure(value, place, cure):
    assert_one_fault(value, place, cure)


def test_all_faults_are_reported_at_once():
    value = spec(
        circuitBreaker={"consecutiveFailures": 0, "openDuration": "1.5s"},
        timeout={"request": 1},
        retry={"attempts": 99},
        bogus=1,
    )
    assert len(faults_of(value)) == 5


def test_the_path_of_the_caller_stands_before_each_fault():
    with pytest.raises(ConfigFaults) as caught:
        parse_spec({**GATEWAY, "retry": {}}, "policies[0].spec")
    assert caught.value.faults[0].path == "policies[0].spec.retry.attempts"


def test_a_spec_with_everything_is_read_whole():
    value = {
        "targetRefs": [
            {"group": "tidegate.dev", "kind": "Gateway"},
            {"kind": "Gateway", "name": "edge"},
            {"kind": "Route", "name": "orders"},
        ],
        "mode": "Enforce",
        "circuitBreaker": {
            "consecutiveFailures": 5,
            "failureRate": {"percent": 50, "window": "30s", "minimumRequests": 7},
            "slowCalls": {"percent": 80, "threshold": "2s"},
            "openDuration": "1m",
            "halfOpenRequests": 2,
            "failureOn": [429, "4xx", "503"],
            "override": {"state": "Open", "until": "1970-01-01T00:00:01Z"},
        },
        "rateLimit": {
            "rules": [
                {**RULE, "tiers": ["gold"], "burst": 20, "scope": "Local"},
                {"name": "tenant", "key": "Header", "header": "X-Tenant", "requests": 0, "period": "1s"},
            ],
            "onStoreFailure": "Closed",
        },
        "timeout": {"request": "10s", "perTry": "3s", "connect": "1s", "idle": "0s"},
        "retry": {
            "attempts": 2,
            "backoff": {"base": "1ms", "max": "1s"},
            "on": ["Reset", "Timeout", 500, "502"],
            "budget": {"percent": 0, "interval": "1m", "minRetriesPerSecond": 0},
        },
    }
    read = parse_spec(value)
    assert read.targets == (
        TargetRef(TargetKind.GATEWAY),
        TargetRef(TargetKind.GATEWAY, "edge"),
        TargetRef(TargetKind.ROUTE, "orders"),
    )
    assert read.circuit_breaker is not None
    assert read.circuit_breaker.failure_on == frozenset(range(400, 500)) | {503}
    assert read.circuit_breaker.override is not None
    assert read.circuit_breaker.override.until_wall_s == 1.0
    assert read.rate_limit is not None
    gold, tenant = read.rate_limit.rules
    assert (gold.burst, gold.tiers, str(gold.scope)) == (20, frozenset({"gold"}), "Local")
    assert (tenant.header, tenant.requests, tenant.burst) == ("X-Tenant", 0, 1)
    assert read.timeout == Timeout(10.0, 3.0, 1.0, 0.0)
    assert read.retry is not None
    assert read.retry.on.failures == frozenset({"Reset", "Timeout"})
    assert read.retry.on.statuses == frozenset({500, 502})
    assert read.retry.budget == RetryBudget(0, 60.0, 0)


GOOD = [
    spec(**BREAKER),
    spec(timeout={}),
    spec(timeout={"request": "0s", "perTry": "10s"}),
    spec(timeout={"perTry": "40s"}),
    spec(timeout={"request": "1s", "perTry": "1s", "connect": "1s"}),
    retry(attempts=0),
    retry(on=[]),
    retry(on=["5xx", "ConnectError"]),
    retry(backoff={}),
    retry(backoff={"max": "5m"}),
    retry(budget={}),
    rule(),
    rule(requests=0),
    rule(tiers=[]),
    rule(key="Global"),
    rule(key="ClientIP"),
    breaker(failureOn=[]),
    breaker(override={"state": "Auto"}),
    spec(circuitBreaker={"override": {}}),
    spec(circuitBreaker={"slowCalls": {"percent": 100, "threshold": "1ms"}}),
    spec(circuitBreaker={"failureRate": {"percent": 1, "window": "10m"}}),
    {**UPSTREAM_TARGET, **BREAKER},
    spec(mode="Shadow", **BREAKER),
    spec(mode="Shadow", rateLimit={"rules": [RULE]}),
    {"targetRefs": [{"kind": "Gateway"}, {"kind": "Gateway", "name": "edge"}], **BREAKER},
]


@pytest.mark.parametrize("value", GOOD, ids=range(len(GOOD)))
def test_a_good_spec_is_read(value):
    assert isinstance(parse_spec(value), Spec)


def test_defaults_are_those_of_the_model():
    read = parse_spec(spec(circuitBreaker={"override": {}}, timeout={}))
    assert read.mode is Mode.ENFORCE
    assert read.timeout == Timeout()
    assert read.circuit_breaker is not None
    assert read.circuit_breaker.consecutive_failures is None
    assert (read.circuit_breaker.open_duration_s, read.circuit_breaker.half_open_requests) == (10.0, 1)
    assert read.circuit_breaker.failure_on == CircuitBreaker().failure_on


def test_burst_is_as_many_as_requests_by_default():
    read = parse_spec(rule(requests=7))
    assert read.rate_limit is not None
    assert read.rate_limit.rules[0].burst == 7
