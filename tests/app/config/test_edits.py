"""What an edit changed, from two files or two snapshots compiled as the gateway does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.edits import Change, change_text, differences
from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.resources import NO_RESOURCES
from app.config.sync.snapshot import PolicyEntry, seal
from app.config.sync.snapshot_policies import read_resources
from app.config.table import Table, compile_table

TWO_ROUTES = """
upstreams: {o: {endpoints: [http://o]}, p: {endpoints: [http://p]}}
routes:
  - {name: a, match: {path: {prefix: /a}}, upstream: o, auth: none}
  - {name: b, match: {path: {prefix: /b}}, upstream: p, auth: none}
"""


def policy(target: str, stanza: str, name: str = "p") -> str:
    return f"policies: [{{name: {name}, spec: {{targetRefs: [{{{target}}}], {stanza}}}}}]\n"


def table(text: str, *entries: PolicyEntry, rate_limit: str = "100-M") -> Table:
    resources = NO_RESOURCES
    if entries:
        snapshot = seal("0" * 8, 1, entries, complete=True)
        resources = read_resources(snapshot, namespace="shop", gateway=None, known=NO_RESOURCES)
    rules = EnvironmentRules(rate_limit=rate_limit)
    return compile_table(parse_config(text.encode(), "f"), rules, 1, (), resources, 1_000.0)


def limit(requests: int) -> str:
    return f"rateLimit: {{rules: [{{name: per-client, key: Client, requests: {requests}, period: 1m}}]}}"


def changes(old: str, new: str) -> tuple[Change, ...]:
    return differences(table(TWO_ROUTES + old), table(TWO_ROUTES + new))


def test_a_limit_that_is_cut_names_rule_policy_and_both_values():
    found = changes(policy("kind: Gateway", limit(1800)), policy("kind: Gateway", limit(18)))
    requests = Change("Gateway", "rateLimit", "rules.per-client.requests", 1800, 18, "file", "p")
    assert requests in found
    assert {change.field for change in found} == {"rules.per-client.requests", "rules.per-client.burst"}
    assert change_text(requests) == "Gateway rateLimit.rules.per-client.requests: 1800 → 18 (file p)"


def test_a_policy_on_one_route_concerns_that_route():
    (found,) = changes("", policy("kind: Route, name: a", "timeout: {request: 7s}"))
    assert found == Change("Route/a", "timeout", "request", "30s", "7s", "file", "p")


def test_a_policy_that_goes_leaves_what_it_beat():
    (found,) = changes(policy("kind: Route, name: a", "timeout: {request: 7s}"), "")
    assert found == Change("Route/a", "timeout", "request", "7s", "30s", "built-in", "built-in")
    assert change_text(found) == "Route/a timeout.request: 7s → 30s (built-in)"


def test_a_stanza_that_was_not_set_has_no_old_values():
    found = changes("", policy("kind: Gateway", "retry: {attempts: 2}"))
    assert Change("Gateway", "retry", "attempts", None, 2, "file", "p") in found
    assert "retry.attempts: unset → 2" in change_text(found[0])


def test_what_is_the_same_for_all_routes_is_one_change_of_the_gateway():
    both = policy("kind: Route, name: a}, {kind: Route, name: b", "timeout: {request: 7s}")
    assert [change.target for change in changes("", both)] == ["Gateway"]


def test_a_breaker_of_its_own_is_no_change_where_its_values_are_the_same():
    own = policy("kind: Route, name: a", "circuitBreaker: {consecutiveFailures: 3}")
    assert changes("", own) == ()


@pytest.mark.parametrize(
    ("target", "shown"), [("Upstream, name: o", "Upstream/o"), ("Route, name: a", "Route/a")]
)
def test_a_breaker_is_named_by_what_it_guards(target, shown):
    (found,) = changes("", policy(f"kind: {target}", "circuitBreaker: {consecutiveFailures: 9}"))
    assert (found.target, found.stanza, found.field) == (shown, "circuitBreaker", "consecutiveFailures")
    assert (found.old, found.new) == (3, 9)


def test_an_override_and_a_shadow_are_stanzas_of_their_own():
    override = "circuitBreaker: {override: {state: Open, until: '2100-01-01T00:00:00Z'}}"
    assert {change.stanza for change in changes("", policy("kind: Gateway", override))} == {
        "circuitBreaker.override"
    }
    shadow = policy("kind: Gateway", f"{limit(5)}, circuitBreaker: {{consecutiveFailures: 1}}, mode: Shadow")
    stanzas = {change.stanza for change in changes("", shadow)}
    assert stanzas == {"rateLimit (Shadow)", "circuitBreaker (Shadow)"}
    gone = changes(shadow, "")
    assert {change.new for change in gone} == {None}
    assert {change.policy for change in gone} == {"p"}


def test_a_resource_has_its_generation():
    def with_timeout(generation: int, request: str) -> Table:
        spec = {"targetRefs": [{"kind": "Gateway"}], "timeout": {"request": request}}
        return table(TWO_ROUTES, PolicyEntry("shop", "slow", "uid", generation, spec))

    (found,) = differences(with_timeout(3, "5s"), with_timeout(4, "6s"))
    assert found == Change("Gateway", "timeout", "request", "5s", "6s", "resource", "shop/slow", 4)
    assert change_text(found).endswith("(resource shop/slow, generation 4)")


def test_the_environment_is_a_source():
    before, after = table(TWO_ROUTES, rate_limit="100-M"), table(TWO_ROUTES, rate_limit="7-M")
    (found,) = [change for change in differences(before, after) if change.field.endswith("requests")]
    assert (found.source, found.policy, found.old, found.new) == ("environment", "RATE_LIMIT", 100, 7)


def test_routes_and_upstreams_come_change_and_go():
    other = TWO_ROUTES.replace("http://o]", "http://o:9]").replace("name: b", "name: c").replace("/a", "/x")
    found = differences(table(TWO_ROUTES), table(other))
    assert [(change.target, change.field, change.old, change.new) for change in found] == [
        ("Route/a", "match.path", "prefix:/a", "prefix:/x"),
        ("Route/b", "name", "b", None),
        ("Route/c", "name", None, "c"),
        ("Upstream/o", "endpoints", ["http://o:80"], ["http://o:9"]),
    ]


def test_a_route_with_another_upstream_has_no_breaker_to_compare():
    (found,) = differences(table(TWO_ROUTES), table(TWO_ROUTES.replace("upstream: p", "upstream: o")))
    assert (found.target, found.field, found.new) == ("Route/b", "upstream", ["o:1"])


def test_values_that_may_be_secret_are_never_shown():
    def with_secrets(word: str, digit: str) -> Table:
        edits = f"requestHeaders: {{set: {{Authorization: 'Bearer {word}'}}}}"
        text = TWO_ROUTES.replace("upstream: o", f"{edits}, upstream: o")
        return table(f"{text}keys: [{{name: acme, hash: 'sha256:{digit * 64}'}}]\n")

    found = differences(with_secrets("hidden-one", "a"), with_secrets("hidden-two", "b"))
    assert [(change.target, change.field, change.new) for change in found] == [
        ("Route/a", "requestHeaders", "another value"),
        ("Key/acme", "tiers", "another value"),
    ]
    assert "hidden" not in str(found)


STANZAS = st.sampled_from(
    ["timeout: {request: 7s}", "timeout: {request: 9s}", "retry: {attempts: 2}", limit(5), limit(6),
     "circuitBreaker: {consecutiveFailures: 9}", "circuitBreaker: {failureRate: {percent: 50}}"]
)  # fmt: skip
POLICIES = st.builds(
    policy, st.sampled_from(["kind: Gateway", "kind: Route, name: a", "kind: Upstream, name: o"]), STANZAS
).filter(lambda text: "Upstream" not in text or "circuitBreaker" in text)


@given(POLICIES, POLICIES)
def test_there_and_back_are_the_same_fields_turned_round(one, other):
    there, back = changes(one, other), changes(other, one)
    turned = {(change.stanza, change.field, str(change.new), str(change.old)) for change in back}
    assert {(change.stanza, change.field, str(change.old), str(change.new)) for change in there} == turned
    assert changes(one, one) == ()


SERVICE = {"name": "service/shop/orders/80", "discovered": True}
LISTENER = {"name": "shop/web/http", "port": 20_001}
RULE = {
    "name": "httproute/shop/web/0",
    "listeners": ["shop/web/http"],
    "upstream": "service/shop/orders/80",
    "auth": "none",
}


def of_tables(*matches: dict[str, dict[str, str]], port: int = 20_001) -> Table:
    tables = {
        "listeners": [{**LISTENER, "port": port}],
        "upstreams": [SERVICE],
        "routes": [{**RULE, "matches": list(matches)}] if matches else [],
    }
    resources = read_resources(seal("0" * 8, 1, (), complete=True, tables=tables))
    return compile_table(parse_config(TWO_ROUTES.encode(), "f"), EnvironmentRules(), 1, (), resources)


def test_what_the_clusters_objects_changed_says_so():
    one, other = {"path": {"prefix": "/a"}}, {"path": {"prefix": "/b"}}
    (came,) = differences(of_tables(), of_tables(one, other))
    assert came == Change(
        "Route/httproute/shop/web/0", "route", "name", None, "httproute/shop/web/0", "resource"
    )
    (changed,) = differences(of_tables(one, one), of_tables(one, other))
    assert (changed.field, changed.old, changed.new) == ("matches", ["prefix:/a"], ["prefix:/a", "prefix:/b"])
    (moved,) = differences(of_tables(), of_tables(port=20_002))
    assert moved == Change("Listener/shop/web/http", "listener", "port", 20_001, 20_002, "resource")
