import pytest

from app.config.environment import EnvironmentRules
from app.config.model import Auth, Config, Endpoint, KeyEntry, KeyScheme
from app.config.parsing.config_file import parse_config
from app.config.table import compile_table
from app.foundation.errors import ConfigFaults
from app.policy.effective import Origin, Source
from app.policy.model import CircuitBreaker, Timeout

OPEN = EnvironmentRules(auth="none")
KEYED = EnvironmentRules(api_key="k")
BUILT_IN = Origin(Source.BUILT_IN, "built-in", "Gateway")
SHA = KeyEntry("acme", KeyScheme.SHA256, b"d" * 32)
PEPPERED = KeyEntry("acme", KeyScheme.HMAC_SHA256, b"d" * 32)

FILE = """
upstreams: {o: {endpoints: [http://o]}}
routes:
  - {name: a, match: {path: {prefix: /a}}, upstream: [{name: o}, {name: cache}]}
  - {name: b, match: {path: {prefix: /b}}, upstream: o, auth: none}
  - {name: moved, match: {path: {prefix: /c}}, redirect: {path: /d}}
"""
LIMIT = "rateLimit: {rules: [{name: r, key: Client, requests: 5, period: 1s}]}"


def compiled(text="", environment=KEYED, keys=()):
    return compile_table(parse_config(text.encode(), "f"), environment, 7, keys)


def faults_of(text, environment, keys=()):
    with pytest.raises(ConfigFaults) as caught:
        compiled(text, environment, keys)
    return [str(fault) for fault in caught.value.faults]


def policies(*specs):
    lines = [f"  - {{name: p{index}, spec: {{{spec}}}}}" for index, spec in enumerate(specs)]
    return FILE + "policies:\n" + "\n".join(lines)


def test_without_a_file_there_is_one_route_to_the_cache_service():
    table = compiled(environment=EnvironmentRules(api_key="k", cache_service_url="http://c:9"))
    (settings,) = table.routes
    route = settings.route
    assert (route.name, route.match.path, route.auth, table.sequence) == ("default", "/", Auth.KEY, 7)
    assert [upstream.name for upstream in route.upstreams] == ["cache"]
    assert [upstream.endpoints for upstream in table.upstreams.values()] == [(Endpoint("c", 9),)]
    assert route.not_forwarded == {"/metrics", "/stats", "/livez", "/readyz", "/openapi.json", "/docs"}


def test_the_built_in_route_has_the_settings_of_the_contract():
    table = compiled()
    (settings,) = table.routes
    assert settings.rate_limit.value is not None
    assert settings.rate_limit.value.rules[0].requests == 100
    assert settings.rate_limit.origin == Origin(Source.ENVIRONMENT, "RATE_LIMIT", "Gateway")
    assert (settings.timeout.value, settings.timeout.origin) == (Timeout(), BUILT_IN)
    assert (settings.retry.value, settings.retry.origin) == (None, BUILT_IN)
    assert settings.breakers == ("cache",)
    breaker = table.breakers["cache"]
    assert (breaker.value, breaker.origin) == (CircuitBreaker(consecutive_failures=3), BUILT_IN)
    assert (breaker.value.open_duration_s, breaker.value.half_open_requests) == (10.0, 1)


def test_a_file_with_upstreams_and_policies_but_no_routes_keeps_the_built_in_route():
    text = """
upstreams: {o: {endpoints: [http://o]}}
policies: [{name: p, spec: {targetRefs: [{kind: Route, name: default}], timeout: {request: 3s}}}]
"""
    table = compiled(text)
    assert [settings.route.name for settings in table.routes] == ["default"]
    assert table.routes[0].timeout.value.request_s == 3.0
    assert set(table.upstreams) == {"o", "cache"}


def test_routes_of_a_file_replace_the_built_in_one():
    table = compiled(FILE)
    assert [settings.route.name for settings in table.routes] == ["a", "b", "moved"]
    assert table.routes[0].breakers == ("o", "cache")
    assert table.routes[2].breakers == ()
    assert set(table.breakers) == {"o", "cache"}
    assert not any(settings.route.not_forwarded for settings in table.routes)


def test_an_upstream_cache_of_the_file_replaces_that_of_the_environment():
    table = compiled("upstreams: {cache: {endpoints: [http://mine]}}")
    assert table.upstreams[table.routes[0].route.upstreams[0].name].endpoints == (Endpoint("mine", 80),)


def test_auth_none_opens_the_built_in_route_only():
    assert compiled(environment=OPEN).routes[0].route.auth is Auth.NONE
    assert compiled(FILE, EnvironmentRules(auth="none", api_key="k")).routes[0].route.auth is Auth.KEY


def test_rate_limit_applies_where_the_file_says_nothing():
    table = compiled(policies(f"targetRefs: [{{kind: Route, name: a}}], {LIMIT}"))
    a, b, _ = table.routes
    assert a.rate_limit.origin == Origin(Source.FILE, "p0", "Route/a")
    assert [origin.policy for _, origin in a.rate_limit.losers] == ["RATE_LIMIT"]
    assert b.rate_limit.origin.policy == "RATE_LIMIT"


def test_a_gateway_limit_of_the_file_outranks_rate_limit():
    table = compiled(policies(f"targetRefs: [{{kind: Gateway}}], {LIMIT}"))
    assert {settings.rate_limit.origin.policy for settings in table.routes} == {"p0"}


def test_rate_limit_off_leaves_no_limit():
    effective = compiled(environment=EnvironmentRules(api_key="k", rate_limit="off")).routes[0].rate_limit
    assert effective.value is None
    assert effective.origin.policy == "RATE_LIMIT"


def test_a_breaker_on_a_route_is_its_own_per_upstream():
    table = compiled(
        policies(
            "targetRefs: [{kind: Route, name: a}], circuitBreaker: {consecutiveFailures: 9}",
            "targetRefs: [{kind: Upstream, name: o}], circuitBreaker: {consecutiveFailures: 5}",
        )
    )
    assert table.routes[0].breakers == ("o@a", "cache@a")
    assert table.routes[1].breakers == ("o",)
    assert {name: breaker.value.consecutive_failures for name, breaker in table.breakers.items()} == {
        "o@a": 9,
        "cache@a": 9,
        "o": 5,
    }
    assert [origin.policy for _, origin in table.breakers["o@a"].losers] == ["p1", "built-in"]


def test_routes_that_no_policy_names_share_their_settings():
    a, b, _ = compiled(FILE).routes
    assert a.timeout is b.timeout


def test_api_key_adds_the_client_default_to_those_of_the_file():
    table = compiled(FILE, KEYED, (SHA,))
    assert [key.name for key in table.keys] == ["acme", "default"]


def test_a_route_that_wants_a_key_while_there_is_none_names_the_ways_out():
    (fault,) = faults_of("", EnvironmentRules())
    assert fault.startswith("API_KEY: is unset and no other key is configured, but route default wants a key")
    assert all(way in fault for way in ("set API_KEY", "keysFile", "tidegate keys new", "AUTH=none"))


def test_the_fault_counts_the_routes_of_a_file_that_want_a_key():
    (fault,) = faults_of(FILE, EnvironmentRules(auth="none"))
    assert "route a (and 1 more) wants a key" in fault
    assert "auth: none on the route" in fault


def test_a_file_of_open_routes_needs_no_key():
    assert compiled("routes: [{name: a, upstream: cache, auth: none}]", EnvironmentRules()).keys == ()


def test_hmac_hashes_without_the_pepper_are_a_fault():
    (fault,) = faults_of("", EnvironmentRules(), (PEPPERED,))
    assert fault.startswith("KEY_PEPPER: is unset, but key acme is stored as hmac-sha256; set KEY_PEPPER")
    assert compiled("", EnvironmentRules(pepper=b"p"), (PEPPERED,)).keys == (PEPPERED,)


def test_all_faults_of_the_environment_are_reported_together():
    environment = EnvironmentRules(cache_service_url="h", api_key="a b", auth="maybe", rate_limit="0-M")
    faults = [fault.partition(":")[0] for fault in faults_of("", environment)]
    assert faults == ["RATE_LIMIT", "CACHE_SERVICE_URL", "AUTH", "API_KEY"]


def test_of_ten_thousand_routes_only_those_with_a_policy_have_settings_of_their_own():
    route = "- {name: rN, match: {path: {prefix: /N}}, upstream: cache, auth: none}"
    policy = "- {name: pN, spec: {targetRefs: [{kind: Route, name: rN}], timeout: {}}}"
    routes = "\n".join(route.replace("N", str(i)) for i in range(10_000))
    specs = "\n".join(policy.replace("N", str(i)) for i in range(500))
    config = parse_config(f"routes:\n{routes}\npolicies:\n{specs}".encode(), "f")
    table = compile_table(config, EnvironmentRules(), 1)
    assert len(table.routes) == 10_000
    assert len({id(settings.timeout) for settings in table.routes}) == 501


def test_an_empty_configuration_compiles():
    assert compile_table(Config(), OPEN, 1).sequence == 1
