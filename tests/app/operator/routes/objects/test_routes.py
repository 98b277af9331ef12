from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef, ParentRef
from app.operator.routes.objects.routes import (
    GrpcMatch,
    HttpMatch,
    Retry,
    RouteRule,
    Timeouts,
    UpstreamRef,
    ValueMatch,
)
from tests.app.operator.routes.manifests import value

EVERY_PATH = HttpMatch("PathPrefix", "/", None, (), ())


def test_an_http_route_without_rules_takes_all_paths_and_has_no_upstream():
    assert value("HTTPRoute", "{parentRefs: [{name: web}]}").rules == (
        RouteRule(None, (EVERY_PATH,), (), ()),
    )


def test_a_rule_without_matches_takes_all():
    assert value("HTTPRoute", "rules: [{}]").rules[0].matches == (EVERY_PATH,)
    assert value("GRPCRoute", "rules: [{}]").rules[0].matches == (GrpcMatch("Exact", None, None, ()),)
    assert value("GRPCRoute", "{}").rules == ()


def test_all_fields_of_an_http_route_are_read():
    route = value(
        "HTTPRoute",
        """
        parentRefs: [{name: web, sectionName: https}]
        hostnames: [a.example.com]
        rules:
          - name: main
            matches:
              - path: {type: Exact, value: /a}
                method: GET
                headers: [{name: X, value: "1"}]
                queryParams: [{type: RegularExpression, name: q, value: a.*}]
            filters: [{type: URLRewrite, urlRewrite: {hostname: b}}]
            backendRefs: [{name: orders, port: 8080, filters: []}, {name: old, port: 80, weight: 0}]
            timeouts: {request: 10s, backendRequest: 2s}
            retry: {codes: [500, 503], attempts: 2, backoff: 100ms}
            sessionPersistence: {}
        """,
    )
    assert (route.kind, route.hostnames) == ("HTTPRoute", ("a.example.com",))
    assert route.parents == (ParentRef(GATEWAY_GROUP, "Gateway", "web", None, "https"),)
    (rule,) = route.rules
    header, query = ValueMatch("Exact", "X", "1"), ValueMatch("RegularExpression", "q", "a.*")
    assert rule.matches == (HttpMatch("Exact", "/a", "GET", (header,), (query,)),)
    assert rule.upstreams == (
        UpstreamRef(ObjectRef("", "Service", "orders"), 8080, 1, ()),
        UpstreamRef(ObjectRef("", "Service", "old"), 80, 0, ()),
    )
    assert (rule.name, rule.timeouts) == ("main", Timeouts("10s", "2s"))
    assert rule.retry == Retry((500, 503), 2, "100ms")
    assert route.unknown == ("spec.rules[0].sessionPersistence",)


def test_a_retry_without_attempts_is_one():
    assert value("HTTPRoute", "rules: [{retry: {}}]").rules[0].retry == Retry((), 1, None)


def test_a_grpc_route_matches_services_and_methods():
    route = value(
        "GRPCRoute",
        "rules: [{matches: [{method: {service: a.B, method: C}, headers: [{name: x, value: y}]}]}]",
    )
    assert route.kind == "GRPCRoute"
    assert route.rules[0].matches == (GrpcMatch("Exact", "a.B", "C", (ValueMatch("Exact", "x", "y"),)),)
