"""What puts an edit back: applied to what the edit left, it gives what was before."""

import json
import shlex
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.config.environment import EnvironmentRules
from app.config.inverse import MOST_INVERSES, Action, inverse
from app.config.model import Credential
from app.config.parsing.config_file import parse_config
from app.config.resources import NO_RESOURCES
from app.config.sync.snapshot import PolicyEntry, seal
from app.config.sync.snapshot_policies import read_resources
from app.config.table import Table, compile_table
from app.policy.parse import parse_spec

Spec = dict[str, Any]

GATEWAY = [{"kind": "Gateway"}]
RULES = [
    {"name": "per-client", "key": "Client", "requests": 1800, "period": "1m"},
    {"name": "all", "key": "Global", "requests": 9000, "period": "1m", "burst": 50},
]
BEFORE: Spec = {"targetRefs": GATEWAY, "rateLimit": {"rules": RULES}, "timeout": {"request": "7s"}}


def of_file(*policies: tuple[str, Spec], more: str = "") -> Table:
    text = yaml.safe_dump({"policies": [{"name": name, "spec": spec} for name, spec in policies]}) + more
    return compile_table(parse_config(text.encode(), "f"), EnvironmentRules(api_key="k"), 1)


def of_cluster(*policies: tuple[str, Spec], file: bytes = b"", gateway: str | None = None) -> Table:
    entries = [PolicyEntry("shop", name, f"uid-{name}", 1, spec) for name, spec in policies]
    snapshot = seal("0" * 8, 1, tuple(entries), complete=True)
    resources = read_resources(snapshot, namespace="shop", gateway=gateway, known=NO_RESOURCES)
    return compile_table(parse_config(file, "f"), EnvironmentRules(api_key="k"), 1, (), resources)


def merged(spec: object, patch: Spec) -> Spec:
    """RFC 7386, as the API server does it."""
    result = dict(spec) if isinstance(spec, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value) if isinstance(value, dict) else value
    return result


def put_back(name: str, now: Spec, command: str) -> Spec:
    """The spec after the command; also holds that it is one command of these words."""
    words = shlex.split(command)
    assert words[:-1] == ["kubectl", "patch", "rsp", name, "-n", "shop", "--type", "merge", "-p"]
    spec: Spec = merged({"spec": now}, json.loads(words[-1]))["spec"]
    return spec


def test_a_limit_of_a_resource_is_put_back_with_all_rules_of_its_list():
    now: Spec = {**BEFORE, "rateLimit": {"rules": [{**RULES[0], "requests": 18}, RULES[1]]}}
    (back,) = inverse(of_cluster(("limits", BEFORE)), of_cluster(("limits", now)), "sync")
    assert (back.name, back.action, back.where) == ("shop/limits", Action.CHANGE, "kubectl")
    assert put_back("limits", now, back.text) == BEFORE
    assert "timeout" not in back.text


def test_stanzas_and_fields_that_the_edit_added_or_removed_are_put_back():
    now: Spec = {
        "targetRefs": GATEWAY,
        "mode": "Shadow",
        "rateLimit": {"rules": RULES, "onStoreFailure": "Open"},
        "circuitBreaker": {"consecutiveFailures": 2},
    }
    (back,) = inverse(of_cluster(("limits", BEFORE)), of_cluster(("limits", now)), "sync")
    assert put_back("limits", now, back.text) == BEFORE


def test_a_quote_in_a_resource_does_not_leave_the_command():
    odd: Spec = {**BEFORE, "note": "it's $(x)"}
    (back,) = inverse(of_cluster(("limits", odd)), of_cluster(("limits", BEFORE)), "sync")
    assert put_back("limits", BEFORE, back.text) == odd


def test_a_resource_that_went_is_applied_again_and_one_that_came_is_deleted():
    before, after = of_cluster(("old", BEFORE)), of_cluster(("new", BEFORE))
    gone, came = inverse(before, after, "sync")
    head, _, text = gone.text.partition("\n")
    assert (gone.action, head) == (Action.ADD, "kubectl apply -f - <<'EOF'")
    manifest = yaml.safe_load(text.removesuffix("EOF"))
    assert manifest["metadata"] == {"name": "old", "namespace": "shop"}
    assert manifest["spec"] == BEFORE
    assert (came.action, came.text) == (Action.REMOVE, "kubectl delete rsp new -n shop")


def test_the_first_snapshot_is_no_edit_that_could_be_put_back():
    nothing = compile_table(parse_config(b"", "f"), EnvironmentRules(api_key="k"), 1)
    assert inverse(nothing, of_cluster(("limits", BEFORE)), "sync") == ()


def test_a_files_policy_is_written_whole_without_what_it_need_not_say():
    now: Spec = {**BEFORE, "timeout": {"request": "9s"}}
    (back,) = inverse(of_file(("defaults", BEFORE)), of_file(("defaults", now)), "/etc/gw.yaml")
    assert (back.name, back.action, back.where) == ("defaults", Action.CHANGE, "/etc/gw.yaml")
    assert yaml.safe_load(back.text) == {"policies": [{"name": "defaults", "spec": BEFORE}]}


def test_a_files_policy_that_went_is_added_and_one_that_came_removed():
    gone, came = inverse(of_file(("old", BEFORE)), of_file(("new", BEFORE)), "gw.yaml")
    assert (gone.name, gone.action) == ("old", Action.ADD)
    assert (came.name, came.action) == ("new", Action.REMOVE)


def test_of_an_edit_of_many_policies_the_first_ones_are_named():
    many = [(f"p{i}", {**BEFORE, "targetRefs": [{"kind": "Route", "name": "default"}]}) for i in range(12)]
    plain = of_file()
    some = of_file(many[0])
    assert len(inverse(some, plain, "gw.yaml")) == 1
    cluster = of_cluster(*many)
    assert len(inverse(cluster, of_cluster(), "sync")) == MOST_INVERSES


def test_a_file_in_a_cluster_is_put_back_too_and_the_same_snapshot_is_no_edit():
    def table(request: str) -> Table:
        policy = {"name": "defaults", "spec": {**BEFORE, "timeout": {"request": request}}}
        return of_cluster(("limits", BEFORE), file=yaml.safe_dump({"policies": [policy]}).encode())

    (back,) = inverse(table("7s"), table("9s"), "gw.yaml")
    assert (back.name, back.action, back.where) == ("defaults", Action.CHANGE, "gw.yaml")
    assert yaml.safe_load(back.text)["policies"][0]["spec"] == BEFORE


def test_policies_of_other_gateways_are_not_put_back_from_here():
    other: Spec = {**BEFORE, "targetRefs": [{"kind": "Gateway", "name": "other"}]}
    longer = {**other, "timeout": {"request": "9s"}}
    before = of_cluster(("a", other), ("b", other), ("c", BEFORE), ("d", {"odd": 1}), gateway="own")
    after = of_cluster(("a", longer), ("b", BEFORE), ("c", other), ("d", {"odd": 2}), gateway="own")
    backs = inverse(before, after, "sync")
    assert [(back.name, back.action) for back in backs] == [
        ("shop/b", Action.CHANGE),
        ("shop/c", Action.CHANGE),
        ("shop/d", Action.CHANGE),
    ]
    assert put_back("b", BEFORE, backs[0].text) == other


def test_an_upstream_with_a_credential_of_the_environment_is_left_out():
    rules = EnvironmentRules(
        api_key="k", cache_service_url="http://cache:1", cache_credential=Credential(scheme="Odd")
    )
    of_environment = compile_table(parse_config(b"", "f"), rules, 1)
    cache = b"upstreams: {cache: {endpoints: ['http://cache:2']}}"
    in_file = compile_table(parse_config(cache, "f"), rules, 1)
    assert inverse(of_environment, in_file, "gw.yaml") == ()
    (back,) = inverse(in_file, of_environment, "gw.yaml")
    assert (back.name, yaml.safe_load(back.text)["upstreams"]["cache"]["endpoints"]) == (
        "Upstream/cache",
        ["http://cache:2"],
    )


ROUTES = """
upstreams:
  o:
    endpoints: ["http://o", "https://[::1]:9"]
    tls: {caFile: /ca, serverName: o}
    healthCheck: {path: /ok, interval: 9s}
  p: {endpoints: ["http://p"], credential: {file: /secret, header: X-Token}}
routes:
  - {name: a, match: {path: {prefix: /a}, methods: [GET]}, upstream: o, auth: none, requestHeaders: {remove: [X-A]}}
  - {name: b, match: {path: {regex: "/b[0-9]+"}, hosts: [b.example]}, upstream: [{name: o, weight: 9}, {name: p}]}
  - {name: c, match: {path: {prefix: /c}}, redirect: {host: c.example, status: 308}}
  - {name: d, match: {path: {prefix: /d}}, upstream: p, rewrite: {prefix: /x}}
"""


def routed(text: str) -> Table:
    return compile_table(parse_config(text.encode(), "f"), EnvironmentRules(api_key="k"), 1)


@pytest.mark.parametrize(
    ("said", "other", "name"),
    [
        ("http://p", "http://q", "Upstream/p"),
        ("interval: 9s", "interval: 8s", "Upstream/o"),
        ("/secret", "/other", "Upstream/p"),
        ("prefix: /a", "prefix: /z", "Route/a"),
        ("weight: 9", "weight: 1", "Route/b"),
        ("status: 308", "status: 301", "Route/c"),
        ("prefix: /x", "prefix: /y", "Route/d"),
        ("remove: [X-A]", "remove: [X-B]", "Route/a"),
    ],
)
def test_routes_and_upstreams_are_written_whole_as_they_were(said, other, name):
    before = routed(ROUTES)
    (back,) = inverse(before, routed(ROUTES.replace(said, other)), "gw.yaml")
    assert (back.name, back.action, back.where) == (name, Action.CHANGE, "gw.yaml")
    document, old = yaml.safe_load(ROUTES.replace(said, other)), yaml.safe_load(back.text)
    if "upstreams" in old:
        document["upstreams"].update(old["upstreams"])
    else:
        (route,) = old["routes"]
        document["routes"] = [route if each["name"] == route["name"] else each for each in document["routes"]]
    restored = routed(yaml.safe_dump(document))
    assert (restored.routes, restored.upstreams) == (before.routes, before.upstreams)


def test_routes_and_upstreams_come_and_go():
    fewer = ROUTES.replace(
        "  - {name: d, match: {path: {prefix: /d}}, upstream: p, rewrite: {prefix: /x}}\n", ""
    )
    (gone,) = inverse(routed(ROUTES), routed(fewer), "gw.yaml")
    (came,) = inverse(routed(fewer), routed(ROUTES), "gw.yaml")
    assert (gone.name, gone.action, came.name, came.action) == (
        "Route/d",
        Action.ADD,
        "Route/d",
        Action.REMOVE,
    )


@pytest.mark.parametrize(
    "said",
    [
        "requestHeaders: {set: {X-A: hidden}}",
        "responseHeaders: {add: {X-A: hidden}}",
        "match: {path: {prefix: /a}, methods: [GET], headers: {X-A: hidden}}",
        "match: {path: {prefix: /a}, methods: [GET], query: {a: hidden}}",
    ],
)
def test_a_route_with_a_value_that_may_be_a_secret_is_left_out(said):
    secret = ROUTES.replace("requestHeaders: {remove: [X-A]}", said)
    if "match" in said:
        secret = ROUTES.replace("match: {path: {prefix: /a}, methods: [GET]}", said)
    assert "hidden" in secret
    assert inverse(routed(secret), routed(secret.replace("hidden", "other")), "gw.yaml") == ()


def test_keys_and_the_built_in_route_are_left_out():
    def with_keys(digit: str) -> str:
        return f"{ROUTES}keys: [{{name: acme, hash: 'sha256:{digit * 64}'}}]\n"

    assert inverse(routed(with_keys("a")), routed(with_keys("b")), "gw.yaml") == ()
    names = {back.name for back in inverse(routed(""), routed(ROUTES), "gw.yaml")}
    assert names == {"Route/a", "Route/b", "Route/c", "Route/d", "Upstream/o", "Upstream/p"}


STANZAS = st.fixed_dictionaries(
    {},
    optional={
        "rateLimit": st.fixed_dictionaries(
            {
                "rules": st.sampled_from(
                    [RULES, RULES[:1], [{**RULES[1], "scope": "Local", "tiers": ["gold"]}]]
                )
            },
            optional={"onStoreFailure": st.sampled_from(["Open", "Local"])},
        ),
        "timeout": st.sampled_from([{"request": "1s"}, {"idle": "2s", "connect": "1s"}]),
        "retry": st.sampled_from([{"attempts": 2}, {"attempts": 1, "on": ["Reset", 503]}]),
        "circuitBreaker": st.sampled_from(
            [
                {"consecutiveFailures": 3},
                {"failureRate": {"percent": 40}, "slowCalls": {"percent": 60, "threshold": "800ms"}},
                {"consecutiveFailures": 9, "failureOn": ["5xx", 429], "openDuration": "1h"},
            ]
        ),
    },
).filter(bool)
SPECS = st.builds(lambda stanzas: {"targetRefs": GATEWAY, **stanzas}, STANZAS)


@given(SPECS, SPECS)
def test_whatever_the_edit_was_the_inverse_gives_what_was_before(before, after):
    backs = inverse(of_cluster(("p", before)), of_cluster(("p", after)), "sync")
    assert [put_back("p", after, back.text) for back in backs] == ([before] if before != after else [])
    for back in inverse(of_file(("p", before)), of_file(("p", after)), "gw.yaml"):
        (written,) = yaml.safe_load(back.text)["policies"]
        assert parse_spec(written["spec"]) == parse_spec(before)


MATCHES = """
upstreams: {o: {endpoints: [http://o]}}
listeners: [{name: public, port: %d}]
routes: [{name: a, auth: none, upstream: o, matches: [{path: {prefix: /a}}, {path: {prefix: %s}}]}]
"""


def test_a_route_is_put_back_with_all_its_matches_and_a_listener_with_its_port():
    before, after = (of_file(more=MATCHES % given) for given in ((8081, "/b"), (8082, "/c")))
    listener, route = inverse(before, after, "gateway.yaml")
    assert yaml.safe_load(listener.text) == {"listeners": [{"name": "public", "port": 8081}]}
    (written,) = yaml.safe_load(route.text)["routes"]
    assert written["matches"] == [{"path": {"prefix": "/a"}}, {"path": {"prefix": "/b"}}]


def test_what_the_clusters_objects_say_is_not_put_back_in_a_file():
    tables = {
        "listeners": [{"name": "shop/web/http", "port": 20_001}],
        "upstreams": [{"name": "service/shop/o/80", "discovered": True}],
        "routes": [
            {"name": "httproute/shop/web/0", "listeners": ["shop/web/http"], "upstream": "service/shop/o/80"}
        ],
    }
    snapshot = seal("0" * 8, 1, (), complete=True, tables=tables)
    before = of_cluster()
    after = compile_table(
        parse_config(b"", "f"), EnvironmentRules(api_key="k"), 2, (), read_resources(snapshot)
    )
    assert inverse(before, after, "sync") == ()
