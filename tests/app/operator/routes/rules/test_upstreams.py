import pytest

from app.operator.routes.grants import Grants
from app.operator.routes.objects.references import ObjectRef
from app.operator.routes.rules.service_tls import ServiceTls
from app.operator.routes.rules.upstreams import UpstreamResolver, UpstreamUse, missing_upstream
from tests.app.operator.routes.rules.samples import world_of

ROUTE = UpstreamUse("HTTPRoute", "shop", None)
WORLD = world_of(
    """
    kind: Service
    metadata: {name: orders}
    spec:
      ports:
        - {name: http, port: 80}
        - {name: grpc, port: 81, appProtocol: grpc}
        - {name: dns, port: 53, protocol: UDP}
        - {name: dns-tcp, port: 53}
    ---
    {kind: Service, metadata: {name: far, namespace: other}, spec: {ports: [{port: 80}]}}
    ---
    {kind: Service, metadata: {name: empty}, spec: {}}
    """
)


def resolve(name="orders", port=80, use=ROUTE, **ref):
    tls = ServiceTls((), {}, {}, WORLD.services)
    reference = ObjectRef(ref.get("group", ""), ref.get("kind", "Service"), name, ref.get("namespace"))
    return UpstreamResolver(WORLD.services, Grants(()), tls).resolve(reference, port, use, "own/name")


def reason_of(resolved):
    assert resolved.problem is not None
    return resolved.problem.reason


def test_a_service_is_named_by_its_own_port():
    resolved = resolve()
    assert resolved.document == {"name": "service/shop/orders/80", "discovered": True}
    assert (resolved.name, resolved.problem) == ("service/shop/orders/80", None)


def test_grpc_wants_http2_and_so_another_upstream_where_the_service_does_not_say_it():
    use = UpstreamUse("GRPCRoute", "shop", None)
    assert resolve(use=use).document == {
        "name": "service/shop/orders/80.grpc",
        "discovered": True,
        "protocol": "h2",
    }
    assert resolve(port=81, use=use).name == resolve(port=81).name == "service/shop/orders/81"


def test_a_tcp_port_is_found_beside_the_udp_port_of_the_same_number():
    assert resolve(port=53).name == "service/shop/orders/53"


def test_a_certificate_is_shown_to_nobody_in_clear():
    assert resolve(use=UpstreamUse("HTTPRoute", "shop", "secret/shop/a")).name == "service/shop/orders/80"


@pytest.mark.parametrize(
    ("given", "reason", "message"),
    [
        ({"name": "gone"}, "BackendNotFound", "Service shop/gone does not exist"),
        ({"port": 1}, "BackendNotFound", "Service shop/orders has no port 1; its ports: 80, 81, 53, 53"),
        ({"name": "empty"}, "BackendNotFound", "Service shop/empty has no port 80; its ports: none"),
        ({"port": None}, "BackendNotFound", "the reference to Service shop/orders has no port"),
        ({"kind": "Pod"}, "InvalidKind", "Pod orders cannot be an upstream; name a Service"),
    ],
)
def test_what_leads_nowhere_has_a_reason_and_is_missing(given, reason, message):
    resolved = resolve(**given)
    assert (resolved.name, resolved.problem) == ("own/name", (reason, message))
    assert resolved.document == {"name": "own/name", "missing": message}


@pytest.mark.parametrize("kind", ["HTTPRoute", "Ingress"])
def test_another_namespace_needs_a_grant(kind):
    assert (
        reason_of(resolve("far", namespace="other", use=UpstreamUse(kind, "shop", None))) == "RefNotPermitted"
    )


def test_a_service_whose_name_no_document_can_hold_is_not_found():
    world = world_of("{kind: Service, metadata: {name: Odd_Name}, spec: {ports: [{port: 80}]}}")
    resolver = UpstreamResolver(world.services, Grants(()), ServiceTls((), {}, {}, world.services))
    resolved = resolver.resolve(ObjectRef("", "Service", "Odd_Name"), 80, ROUTE, "own/name")
    assert reason_of(resolved) == "BackendNotFound"


def test_why_it_is_missing_is_one_line_of_bounded_length():
    assert missing_upstream("a/b", "x\ny")["missing"] == "x?y"
    assert missing_upstream("a/b", "x" * 1000)["missing"] == "x" * 500
