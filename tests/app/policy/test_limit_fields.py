import pytest

from tests.app.policy.samples import RULE, assert_one_fault, rule, spec

BAD = [
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
    (
        spec(rateLimit={"rules": [{"name": "r", "requests": 1, "period": "1s"}]}),
        "[0].key: is required",
        "Client",
    ),
    (rule(name=["a"]), "rules[0].name: is a list, not a text", "write a text"),
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
    (rule(requests=-1), "rules[0].requests: is -1", "0 to 1,000,000,000"),
    (rule(requests=1_000_000_001), "rules[0].requests: is 1000000001", "0 to 1,000,000,000"),
    (rule(period="500ms"), "rules[0].period: is 500ms", "from 1s to 24h"),
    (rule(period="25h"), "rules[0].period: is 25h", "from 1s to 24h"),
    (rule(period="1d"), "rules[0].period: '1d' is not a duration", "write 24h"),
    (rule(burst=0), "rules[0].burst: is 0", "1 to 1,000,000,000"),
    (rule(scope="local"), "rules[0].scope: is 'local'", "did you mean Local?"),
    (rule(limit=1), "rules[0].limit: is not a known key", "known here: name"),
]


@pytest.mark.parametrize(("value", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_limit_gives_one_fault_with_place_and_cure(value, place, cure):
    assert_one_fault(value, place, cure)
