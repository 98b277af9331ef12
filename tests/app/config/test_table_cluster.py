"""The table under policies of the cluster: overrides, shadows, and who won."""

from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.resources import Resources
from app.config.table import compile_table
from app.policy.effective import Source
from app.policy.model import OverrideState, Policy
from app.policy.parse import parse_spec

FILE = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}, two: {endpoints: ["http://127.0.0.1:8"]}}
routes:
  - {name: a, match: {path: {prefix: /a}}, upstream: one, auth: none}
  - {name: b, match: {path: {prefix: /b}}, upstream: [{name: one}, {name: two}], auth: none}
"""
GATEWAY = {"kind": "Gateway"}
ROUTE_A = {"kind": "Route", "name": "a"}
ONE = {"kind": "Upstream", "name": "one"}
NOON_S = 1_800_000_000.0  # 2027-01-15T08:00:00Z
BEFORE, AFTER = "2027-01-15T07:00:00Z", "2027-01-15T09:00:00Z"


def policy(name, target, mode="Enforce", **stanzas):
    return Policy(name, parse_spec({"targetRefs": [target], "mode": mode, **stanzas}))


def override(state, until=AFTER):
    return {"circuitBreaker": {"override": {"state": state, "until": until}}}


def breaker(failures):
    return {"circuitBreaker": {"consecutiveFailures": failures}}


def limit(requests):
    rule = {"name": "all", "key": "Global", "requests": requests, "period": "1m"}
    return {"rateLimit": {"rules": [rule]}}


def compiled(*policies, text=FILE):
    resources = Resources(tuple(policies))
    return compile_table(parse_config(text.encode(), "gw"), EnvironmentRules(), 1, (), resources, NOON_S)


def test_a_resource_beats_the_file_on_its_level_and_the_file_shows_as_loser():
    text = FILE + "policies: [{name: f, spec: {targetRefs: [{kind: Gateway}], timeout: {request: 9s}}}]\n"
    table = compiled(policy("shop/p", GATEWAY, timeout={"request": "5s"}), text=text)
    timeout = table.routes[0].timeout
    assert (timeout.value.request_s, timeout.origin.source) == (5.0, Source.RESOURCE)
    assert [origin.policy for _, origin in timeout.losers] == ["f", "built-in"]


def test_an_override_is_found_for_each_breaker_it_covers_and_replaces_no_settings():
    table = compiled(policy("s", GATEWAY, **breaker(7)), policy("o", ONE, **override("Open")))
    assert {name: found.value.state for name, found in table.overrides.items()} == {"one": OverrideState.OPEN}
    assert {setting.value.consecutive_failures for setting in table.breakers.values()} == {7}
    assert table.good_until_wall_s == NOON_S + 3600


def test_an_override_that_is_over_or_auto_is_none():
    for state, until in (("Open", BEFORE), ("Auto", AFTER)):
        table = compiled(policy("o", GATEWAY, **override(state, until)))
        assert (table.overrides, table.good_until_wall_s) == ({}, None)


def test_an_override_on_a_route_has_a_breaker_of_its_own_with_the_settings_below():
    table = compiled(policy("s", GATEWAY, **breaker(7)), policy("o", ROUTE_A, **override("Closed")))
    assert [each.breakers for each in table.routes] == [("one@a",), ("one", "two")]
    assert list(table.overrides) == ["one@a"]
    assert table.breakers["one@a"].value.consecutive_failures == 7


def test_the_most_specific_override_wins_and_the_next_end_is_the_earliest_of_those_in_force():
    soon = "2027-01-15T08:00:10Z"
    table = compiled(
        policy("wide", GATEWAY, **override("Open")), policy("narrow", ONE, **override("Closed", soon))
    )
    assert {name: found.origin.policy for name, found in table.overrides.items()} == {
        "one": "narrow",
        "two": "wide",
    }
    assert [origin.policy for _, origin in table.overrides["one"].losers] == ["wide"]
    assert table.good_until_wall_s == NOON_S + 10


def test_without_shadows_nothing_stands_beside():
    table = compiled(policy("s", GATEWAY, **breaker(7)))
    assert table.shadow_breakers == {}
    assert [each.shadow_breakers for each in table.routes] == [(None,), (None, None)]
    assert table.routes[0].shadow_limit is None


def test_a_shadow_on_the_gateway_stands_beside_every_breaker_and_is_never_enforced():
    table = compiled(policy("t", GATEWAY, "Shadow", **breaker(1), **limit(1)))
    assert [each.shadow_breakers for each in table.routes] == [("one",), ("one", "two")]
    assert {found.origin.policy for found in table.shadow_breakers.values()} == {"t"}
    assert {found.origin.policy for found in table.breakers.values()} == {"built-in"}
    assert [each.shadow_limit and each.shadow_limit.origin.policy for each in table.routes] == ["t", "t"]
    assert table.routes[0].rate_limit.origin.policy == "RATE_LIMIT"


def test_a_shadow_on_a_route_is_its_own_and_beats_the_wider_one():
    table = compiled(
        policy("wide", GATEWAY, "Shadow", **breaker(1)), policy("narrow", ROUTE_A, "Shadow", **breaker(2))
    )
    assert [each.shadow_breakers for each in table.routes] == [("one@a",), ("one", "two")]
    assert table.shadow_breakers["one@a"].value.consecutive_failures == 2
    assert table.shadow_breakers["one"].value.consecutive_failures == 1


def test_a_shadow_on_one_upstream_leaves_the_other_without():
    table = compiled(policy("t", ONE, "Shadow", **breaker(1)))
    assert [each.shadow_breakers for each in table.routes] == [("one",), ("one", None)]
