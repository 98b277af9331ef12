import pytest

from app.config.model import (
    Auth,
    Config,
    Endpoint,
    HealthCheck,
    KeyScheme,
    Match,
    PathKind,
    Redirect,
    Rewrite,
    UpstreamTls,
    WeightedUpstream,
)
from app.config.parsing.config_file import parse_config, target_names
from app.policy.model import TargetKind
from tests.app.config.samples import HASH, assert_one_fault, endpoint, faults_of, policy

GOOD = f"""
upstreams:
  orders:
    endpoints: ["http://10.0.0.5:8080", "HTTPS://Orders.example.com/", "http://[::1]"]
    tls: {{caFile: /etc/ca.pem, serverName: orders.internal}}
    healthCheck: {{path: "/healthz?deep=1", interval: 5, timeout: "250ms", unhealthy: 2, healthy: 3}}
  orders-canary:
    endpoints: [http://my_container:81]
routes:
  - name: orders
    match:
      hosts: [API.example.com, "*.example.org", "[::1]", 127.0.0.1]
      path: {{prefix: /orders}}
      methods: [GET, POST, PURGE]
      headers: {{X-Env: staging, X-Version: {{regex: "v[0-9]+"}}}}
      query: {{debug: "1", q: {{regex: ".+"}}}}
    upstream: [{{name: orders, weight: 9}}, {{name: orders-canary}}]
    rewrite: {{prefix: /, host: "inner:8080"}}
    requestHeaders: {{set: {{X-A: "1"}}, add: {{X-B: "é"}}, remove: [X-C]}}
    responseHeaders: {{remove: [Server]}}
    auth: none
  - name: old
    match: {{path: {{exact: /old}}}}
    redirect: {{scheme: https, host: new.example.com, port: 8443, path: /new, status: 308}}
  - name: pattern
    match: {{path: {{regex: "/v[0-9]+/.*"}}}}
    upstream: cache
    rewrite: {{path: /}}
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}, {{kind: Upstream, name: cache}}]
      circuitBreaker: {{consecutiveFailures: 3}}
  - name: one
    spec:
      targetRefs: [{{kind: Route, name: pattern}}]
      retry: {{attempts: 1, on: [502]}}
keys:
  - {{name: acme, hash: "{HASH}", tier: gold, notAfter: 1970-01-01T00:00:10Z}}
  - {{name: acme, hash: "hmac-sha256:{"0" * 64}"}}
"""


def test_a_file_with_everything_is_read_whole():
    config = parse_config(GOOD.encode(), "gateway.yaml")
    orders, canary = config.upstreams
    assert orders.endpoints == (
        Endpoint("10.0.0.5", 8080),
        Endpoint("Orders.example.com", 443, tls=True),
        Endpoint("::1", 80),
    )
    assert orders.tls == UpstreamTls("/etc/ca.pem", "orders.internal")
    assert orders.health_check == HealthCheck("/healthz?deep=1", 5.0, 0.25, 2, 3)
    assert (canary.health_check, canary.endpoints) == (None, (Endpoint("my_container", 81),))
    assert config.routes is not None
    route, old, pattern = config.routes
    assert route.match.hosts == ("api.example.com", "*.example.org", "[::1]", "127.0.0.1")
    assert route.match.methods == ("GET", "POST", "PURGE")
    assert [(header.name, header.value) for header in route.match.headers] == [
        ("x-env", "staging"),
        ("x-version", None),
    ]
    assert route.match.query[1].pattern is not None
    assert [(ref.name, ref.weight) for ref in route.upstreams] == [("orders", 9), ("orders-canary", 1)]
    assert route.rewrite == Rewrite(prefix="/", host="inner:8080")
    assert route.request_headers.add == (("X-B", "é"),)
    assert route.response_headers.remove == ("Server",)
    assert (route.auth, old.auth) == (Auth.NONE, Auth.KEY)
    assert old.redirect == Redirect(308, "https", "new.example.com", 8443, "/new")
    assert old.upstreams == ()
    assert (pattern.match.path_kind, pattern.match.path) == (PathKind.REGEX, "/v[0-9]+/.*")
    assert [policy.name for policy in config.policies] == ["defaults", "one"]
    assert config.keys[0].digest == b"\xab" * 32
    assert (config.keys[0].tier, config.keys[0].not_after_wall_s) == ("gold", 10.0)
    assert config.keys[1].scheme is KeyScheme.HMAC_SHA256


def test_an_empty_file_says_nothing():
    assert parse_config(b"", "f") == Config()
    assert parse_config(b"# nothing yet\n", "f") == Config()


def test_a_policy_of_a_file_may_name_its_routes_and_upstreams_and_no_other_kind():
    config = parse_config(GOOD.encode(), "gateway.yaml")
    assert "orders" in target_names([config], TargetKind.ROUTE)
    assert target_names([config], TargetKind.UPSTREAM) == {"cache", "orders", "orders-canary"}
    assert target_names([config], TargetKind.SERVICE) == set()


def test_a_file_without_routes_keeps_the_built_in_one():
    text = b"policies: [{name: p, spec: {targetRefs: [{kind: Route, name: default}], timeout: {}}}]"
    assert parse_config(text, "f").routes is None


def test_a_file_may_want_no_route_at_all():
    config = parse_config(b"routes: []", "f")
    assert config.routes == ()
    assert target_names([config], TargetKind.ROUTE) == set()


def test_a_route_without_match_takes_all():
    config = parse_config(b"routes: [{name: a, upstream: cache}]", "f")
    assert config.routes is not None
    assert config.routes[0].match == Match()


def test_a_redirect_is_temporary_unless_it_says_otherwise():
    config = parse_config(b"routes: [{name: a, redirect: {prefix: /new}}]", "f")
    assert config.routes is not None
    assert config.routes[0].redirect == Redirect(302, prefix="/new")


def test_an_alias_shares_a_stanza():
    text = b"""
upstreams: {a: &up {endpoints: [http://h]}, b: *up}
"""
    assert [upstream.name for upstream in parse_config(text, "f").upstreams] == ["a", "b"]


def test_the_keys_file_is_named_not_read():
    assert parse_config(b"keysFile: /etc/tidegate/keys.yaml", "f").keys_file == "/etc/tidegate/keys.yaml"


TWO = "policies: [{{name: a, spec: {0}}}, {{name: b, spec: {1}}}]"
GATEWAY_TIMEOUT = "{targetRefs: [{kind: Gateway}], timeout: {}}"

BAD = [
    ("[]", "gw.yaml: is a list, not a mapping", "give upstreams, routes"),
    ("just text", "gw.yaml: is a text, not a mapping", "give upstreams, routes"),
    ("route: []", "gw.yaml:1: route: is not a known key", "did you mean routes?"),
    ("keysFile: a\nkeysFile: b", "gw.yaml:2: keysFile: is given twice", "keep one of the two"),
    ("\n\nfoo: 1", "gw.yaml:3: foo: is not a known key", "known here: upstreams, routes, policies"),
    ("routes: null", "routes: is empty, not a list", "[..]"),
    (
        "routes: []\n" + policy("targetRefs: [{kind: Route, name: default}], timeout: {}"),
        "policies[0].spec.targetRefs[0].name: names the unknown route default",
        "add the route",
    ),
    ("routes: {a: 1}", "routes: is a mapping, not a list", "lines that open with -"),
    ("policies: 5", "policies: is a number, not a list", "[..]"),
    ("keys: x", "keys: is a text, not a list", "[..]"),
    ("policies: [5]", "policies[0]: is a number, not a mapping", "give name, spec"),
    ("policies: [{name: p}]", "policies[0].spec: is required", "targetRefs and at least one stanza"),
    (
        "policies: [{name: p, spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: a}], "
        "timeout: {}}}]",
        "policies[0].spec.targetRefs[0].kind: is HTTPRoute, an object of a cluster",
        "name a Route, an Upstream or the Gateway here",
    ),
    (
        "policies: [{spec: {targetRefs: [{kind: Gateway}], timeout: {}}}]",
        "policies[0].name: is required",
        "DNS",
    ),
    (
        policy("targetRefs: [{kind: Gateway}], timeout: {}", "P"),
        "policies[0].name: 'P' is not a DNS",
        "such as p",
    ),
    (
        policy("targetRefs: [{kind: Gateway}], circuitBreaker: {consecutiveFailures: 1, openDuration: 1.5s}"),
        "gw.yaml:1: policies[0].spec.circuitBreaker.openDuration: '1.5s' is not a duration",
        "write 1500ms",
    ),
    (
        policy("targetRefs: [{kind: Route, name: nope}], timeout: {}"),
        "targetRefs[0].name: names the unknown route nope",
        "default",
    ),
    (
        policy("targetRefs: [{kind: Upstream, name: cach}], circuitBreaker: {consecutiveFailures: 1}"),
        "targetRefs[0].name: names the unknown upstream cach",
        "did you mean cache?",
    ),
    (
        TWO.format(GATEWAY_TIMEOUT, GATEWAY_TIMEOUT).replace("name: b", "name: a"),
        "policies[1].name: repeats a",
        "own name",
    ),
    (
        TWO.format(GATEWAY_TIMEOUT, GATEWAY_TIMEOUT),
        "policies[1].spec.timeout: of policy b conflicts with policy a: both set it for Gateway",
        "keep one of the two",
    ),
]


@pytest.mark.parametrize(("text", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_file_gives_one_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)


def test_no_fault_shows_a_secret():
    texts = [endpoint("http://u:secret@h"), "keys: [{name: acme, hash: my-secret-key}]"]
    assert not any("secret" in fault for text in texts for fault in faults_of(text))


def test_all_faults_are_reported_together_in_the_order_of_the_lines():
    text = """
keys: [{name: acme, hash: x}]
upstreams: {o: {endpoints: [h]}}
routes:
  - {name: a, upstream: nope}
  - {name: b, upstream: o, auth: maybe, match: {methods: [get]}}
policies:
  - name: p
    spec: {targetRefs: [{kind: Gateway}], timeout: {request: 5}}
"""
    places = [fault.split(": ")[0:2] for fault in faults_of(text)]
    assert places == [
        ["gw.yaml:2", "keys[0].hash"],
        ["gw.yaml:3", "upstreams.o.endpoints[0]"],
        ["gw.yaml:5", "routes[0].upstream"],
        ["gw.yaml:6", "routes[1].match.methods[0]"],
        ["gw.yaml:6", "routes[1].auth"],
        ["gw.yaml:9", "policies[0].spec.timeout.request"],
    ]


def test_a_route_that_is_no_mapping_does_not_hide_the_next():
    faults = faults_of(
        "routes: [5, {name: a, upstream: zzz}, {name: b, upstream: [5], match: {path: {prefix: /b}}}]"
    )
    assert len(faults) == 3


def test_routes_that_are_no_list_hide_nothing_else():
    assert len(faults_of("routes: 5\nkeysFile: 5")) == 2


def test_a_weighted_list_names_its_upstreams_in_order():
    config = parse_config(
        b"routes: [{name: a, upstream: [{name: cache, weight: 0}, {name: x}]}]\n"
        b"upstreams: {x: {endpoints: [http://h]}}",
        "f",
    )
    assert config.routes is not None
    assert [type(ref) for ref in config.routes[0].upstreams] == [WeightedUpstream] * 2


def test_ten_thousand_wrong_names_are_counted_without_a_search_for_each_cure():
    upstreams = "".join(f"  u{n}: {{endpoints: [http://h]}}\n" for n in range(1_500))
    routes = "".join(f"- {{name: r{n}, upstream: gone{n}}}\n" for n in range(10_000))
    faults = faults_of(f"upstreams:\n{upstreams}routes:\n{routes}")
    assert (len(faults), faults[-1]) == (101, "gw.yaml: has 19899 more faults; mend those above first")
