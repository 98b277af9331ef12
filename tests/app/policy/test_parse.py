import pytest

from app.errors import ConfigFaults
from app.policy.model import CircuitBreaker, Mode, RetryBudget, Spec, TargetKind, TargetRef, Timeout
from app.policy.parse import parse_spec

GATEWAY = {"targetRefs": [{"kind": "Gateway"}]}
BREAKER = {"circuitBreaker": {"consecutiveFailures": 3}}
RULE = {"name": "r", "key": "Client", "requests": 10, "period": "1m"}


def spec(**stanzas):
    return {**GATEWAY, **stanzas}


def breaker(**fields):
    return spec(circuitBreaker={"consecutiveFailures": 3, **fields})


def rule(**fields):
    return spec(rateLimit={"rules": [{**RULE, **fields}]})


def retry(**fields):
    return spec(retry={"attempts": 1, **fields})


def faults_of(value):
    with pytest.raises(ConfigFaults) as caught:
        parse_spec(value, "spec")
    return [str(fault) for fault in caught.value.faults]


UPSTREAM_TARGET = {"targetRefs": [{"kind": "Upstream", "name": "o"}]}

BAD = [
    # shape
    (None, "spec: is empty, not a mapping", "give targetRefs"),
    ([], "spec: is a list, not a mapping", "give targetRefs"),
    ({}, "spec.targetRefs: is required", "give a list"),
    (GATEWAY, "spec: has no stanza", "must have circuitBreaker, rateLimit, timeout or retry"),
    (spec(rateLimits={}, **BREAKER), "spec.rateLimits: is not a known key", "did you mean rateLimit?"),
    (spec(zebra=1, **BREAKER), "spec.zebra: is not a known key", "known here: targetRefs, mode"),
    (spec(circuitBreaker=None), "spec.circuitBreaker: is empty", "give consecutiveFailures"),
    # targets
    ({"targetRefs": [], **BREAKER}, "spec.targetRefs: has 0 items", "1 to 16"),
    ({"targetRefs": {}, **BREAKER}, "spec.targetRefs: is a mapping, not a list", "[..]"),
    ({"targetRefs": "Gateway", **BREAKER}, "spec.targetRefs: is a text, not a list", "[..]"),
    ({"targetRefs": [{"kind": "Gateway"}] * 17, **BREAKER}, "spec.targetRefs: has 17 items", "1 to 16"),
    ({"targetRefs": ["Gateway"], **BREAKER}, "spec.targetRefs[0]: is a text, not a mapping", "give group"),
    ({"targetRefs": [{}], **BREAKER}, "spec.targetRefs[0].kind: is required", "Gateway, Route or Upstream"),
    ({"targetRefs": [{"kind": "Service"}], **BREAKER}, "targetRefs[0].kind: is 'Service'", "must be Gateway"),
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
        "[0].sectionName: is not a",
        "known",
    ),
    # rules between fields
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
    # breaker
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
        breaker(override={"state": "Opened", "until": "x"}),
        "override.state: is 'Opened'",
        "did you mean Open?",
    ),
    (breaker(override={"until": "soon"}), "override.until: 'soon' is not an RFC 3339", "2027-01-31T12"),
    (breaker(override={"until": 5}), "override.until: is a number", "quotes"),
    (breaker(override="Open"), "circuitBreaker.override: is a text", "give state"),
    # limits
    (spec(rateLimit={}), "rateLimit.rules: is required", "give a list"),
    (spec(rateLimit={"rules": []}), "rateLimit.rules: has 0 items", "1 to 16"),
    (spec(rateLimit=[RULE]), "spec.rateLimit: is a list, not a mapping", "give rules"),
    (spec(rateLimit={"rules": [5]}), "rateLimit.rules[0]: is a number", "give name"),
    (spec(rateLimit={"rules": [RULE, RULE]}), "rules[1].name: repeats r", "its own name"),
    (
        spec(rateLimit={"rules": [RULE], "onStoreFailure": "Drop"}),
        "onStoreFailure: is 'Drop'",
        "Open, Closed, Local",
    ),
    (rule(name="Per Client"), "rules[0].name: 'Per Client' is not a DNS label", "per-client"),
    (rule(name="a" * 64), "rules[0].name: ", "at most 63"),
    (rule(key="client"), "rules[0].key: is 'client'", "did you mean Client?"),
    (rule(key="Cookie"), "rules[0].key: is 'Cookie'", "one of Client, ClientIP, Header, Global"),
    (rule(key="Header"), "rules[0].header: is required", "must name the header"),
    (rule(header="X-Tenant"), "rules[0].header: has no meaning with key: Client", "must be Header"),
    (rule(key="Header", header="a b"), "rules[0].header: 'a b' is not a header name", "X-Tenant"),
    (rule(key="Header", header="h" * 65), "rules[0].header: ", "at most 64"),
    (rule(tiers=["a"] * 2), "rules[0].tiers[1]: repeats a", "must appear once"),
    (rule(tiers=[1]), "rules[0].tiers[0]: is a number", "quotes"),
    (rule(tiers=["a b"]), "rules[0].tiers[0]: 'a b' is not a tier name", "letters"),
    (rule(tiers=[f"t{i}" for i in range(9)]), "rules[0].tiers: has 9 items", "0 to 8"),
    (rule(requests=-1), "rules[0].requests: is -1", "0 to 1,000,000"),
    (rule(requests=1_000_001), "rules[0].requests: is 1000001", "0 to 1,000,000"),
    (rule(period="500ms"), "rules[0].period: is 500ms", "from 1s to 24h"),
    (rule(period="25h"), "rules[0].period: is 25h", "from 1s to 24h"),
    (rule(period="1d"), "rules[0].period: '1d' is not a duration", "write 24h"),
    (rule(burst=0), "rules[0].burst: is 0", "1 to 1,000,000"),
    (rule(scope="local"), "rules[0].scope: is 'local'", "did you mean Local?"),
    (rule(limit=1), "rules[0].limit: is not a known key", "known here: name"),
    # timeout
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
    # retry
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
    (retry(backoff=20), "retry.backoff: is a number", "give base"),
]


@pytest.mark.parametrize(("value", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_spec_gives_one_fault_with_place_and_cure(value, place, cure):
    faults = faults_of(value)
    matching = [fault for fault in faults if place in fault and cure in fault]
    assert matching, faults


@pytest.mark.parametrize(
    "value", [value for value, place, _ in BAD if "17 items" not in place and value not in ({}, None)]
)
def test_one_mistake_causes_no_further_faults(value):
    # the two samples that hold two mistakes on purpose
    allowed = 2 if "Opened" in str(value) or "'mode': 'Shadow', 'circuit" in str(value) else 1
    assert len(faults_of(value)) <= allowed


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
    assert (gold.burst, gold.tiers, str(gold.scope)) == (20, {"gold"}, "Local")
    assert (tenant.header, tenant.requests, tenant.burst) == ("X-Tenant", 0, 1)
    assert read.timeout == Timeout(10.0, 3.0, 1.0, 0.0)
    assert read.retry is not None
    assert (read.retry.on_failure, read.retry.on_status) == ({"Reset", "Timeout"}, {500, 502})
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
