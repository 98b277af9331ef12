import pytest

from app.operator.routes.grants import Grants
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.rules.rule import ListenerGroup, compile_rule
from app.operator.routes.rules.service_tls import ServiceTls
from app.operator.routes.rules.upstreams import UpstreamResolver
from tests.app.operator.routes.rules.samples import world_of

GROUP = ListenerGroup(("shop/web/http",), (), None, frozenset({ObjectKey("shop", "web")}))
SERVICES = world_of("{kind: Service, metadata: {name: v1}, spec: {ports: [{port: 80}, {port: 81}]}}").services
RESOLVER = UpstreamResolver(SERVICES, Grants(()), ServiceTls((), {}, {}, SERVICES))


def compiled(rule, groups=(GROUP,)):
    world = world_of(f"{{kind: HTTPRoute, metadata: {{name: web}}, spec: {{rules: [{rule}]}}}}")
    (route,) = world.http_routes.values()
    return compile_rule(route, 0, groups, RESOLVER)


def test_a_rule_of_a_route_that_is_attached_nowhere_is_judged_all_the_same():
    world = world_of(
        "{kind: HTTPRoute, metadata: {name: web}, spec: {rules: [{backendRefs: [{name: gone, port: 1}]}]}}"
    )
    (route,) = world.http_routes.values()
    made = compile_rule(route, 0, (), RESOLVER)
    assert (made.documents, made.upstreams) == ((), {})
    assert [one.reason for one in made.problems] == ["BackendNotFound"]


def test_the_gateways_that_lead_to_a_service_are_gathered_over_all_listeners():
    other = ListenerGroup(("shop/b/http",), ("a.example",), None, frozenset({ObjectKey("shop", "b")}))
    made = compiled("{backendRefs: [{name: v1, port: 80}]}", (GROUP, other))
    assert made.uses == ((ObjectKey("shop", "v1"), GROUP.gateways | other.gateways),)
    assert [one["listeners"] for one in made.documents] == [["shop/web/http"], ["shop/b/http"]]


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, value: a}]}}]}",
            "spec.rules[0].filters.requestHeaderModifier.set.Host: is made by the gateway itself and cannot be edited; "
            "remove it; rewrite.host sets Host",
        ),
        (
            "{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: "
            "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}",
            "spec.rules[0].filters.urlRewrite.path.replacePrefixMatch: has no prefix to replace; match.path must be a "
            "prefix; or use path instead",
        ),
        (
            "{timeouts: {request: 2h}}",
            "spec.rules[0].timeouts.request: is 2h; it must be from 0s to 1h",
        ),
        (
            "{timeouts: {request: 1s, backendRequest: 2s}}",
            "spec.rules[0].timeouts.backendRequest: is longer than request (1s); perTry must be at most request",
        ),
        (
            "{backendRefs: [{name: v1, port: 80, weight: 1, filters: [{type: RequestHeaderModifier, "
            "requestHeaderModifier: {remove: [Te]}}]}, {name: v1, port: 81}]}",
            "spec.rules[0].backendRefs[0].filters.requestHeaderModifier.remove[0]: is made by the gateway itself and "
            "cannot be edited; remove it",
        ),
    ],
)
def test_what_the_gateways_would_not_read_is_named_by_the_routes_own_field(rule, fault):
    made = compiled(rule)
    assert [str(each) for each in made.faults] == [fault]
    assert made.documents[0]["upstream"] == "httproute/shop/web/0/unsupported"
    assert fault.startswith(made.upstreams["httproute/shop/web/0/unsupported"]["missing"][:60])


def test_hosts_that_cannot_be_read_are_the_routes_own_and_leave_nothing_to_serve():
    group = ListenerGroup(("shop/web/http",), ("a b",), None, frozenset())
    made = compiled("{backendRefs: [{name: v1, port: 80}]}", (group,))
    assert made.documents == ()
    assert [fault.path for fault in made.faults] == ["spec.hostnames"]


def test_without_a_match_that_can_be_read_there_is_nothing_to_serve():
    made = compiled("{matches: [{path: {value: a}}], backendRefs: [{name: v1, port: 80}]}")
    assert (made.documents, len(made.faults)) == ((), 1)


def test_edits_of_one_upstream_of_several_stay_with_it():
    edit = "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: A, value: b}]}}"
    made = compiled(f"{{backendRefs: [{{name: v1, port: 80, filters: [{edit}]}}, {{name: v1, port: 81}}]}}")
    assert made.documents[0]["upstream"] == [
        {"name": "service/shop/v1/80", "weight": 1, "requestHeaders": {"set": {"A": "b"}}},
        {"name": "service/shop/v1/81", "weight": 1},
    ]


@pytest.mark.parametrize(
    ("edit", "key", "part"),
    [
        ("{type: URLRewrite, urlRewrite: {hostname: a.example}}", "rewrite", {"host": "a.example"}),
        ("{type: RequestRedirect, requestRedirect: {port: 81}}", "redirect", {"status": 302, "port": 81}),
    ],
)
def test_one_upstream_of_several_may_be_rewritten_or_redirected(edit, key, part):
    made = compiled(f"{{backendRefs: [{{name: v1, port: 80, filters: [{edit}]}}, {{name: v1, port: 81}}]}}")
    assert made.faults == ()
    assert made.documents[0]["upstream"][0][key] == part


def test_mirrors_and_cors_that_all_upstreams_have_are_the_rules():
    cors = "{type: CORS, cors: {allowOrigins: ['https://a.example']}}"
    made = compiled(
        f"{{backendRefs: [{{name: v1, port: 80, filters: [{cors}]}}, {{name: v1, port: 81, filters: [{cors}]}}]}}"
    )
    assert made.documents[0]["cors"] == {"allowOrigins": ["https://a.example"], "maxAge": "5s"}
