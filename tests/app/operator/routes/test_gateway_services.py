from app.operator.routes.compiled import OWNED_LABEL, ServiceOwner, TargetPort
from app.operator.routes.gateway_services import (
    address_to_ask,
    addresses_of,
    asked_addresses,
    gateway_service,
    ingress_service,
    service_key,
)
from app.operator.routes.objects.gateways import Address
from app.operator.routes.objects.metadata import ObjectKey
from tests.app.operator.routes.manifests import value

OURS = {"labels": {OWNED_LABEL: "tidegate"}}


def test_a_service_is_called_after_its_gateway_and_fits():
    assert service_key(ObjectKey("shop", "web")) == ObjectKey("shop", "tidegate-web")
    long = service_key(ObjectKey("shop", "a" * 250))
    assert len(long.name) == 63
    assert long != service_key(ObjectKey("shop", "a" * 251))
    dotted = service_key(ObjectKey("shop", "a.b"))
    assert dotted.name.startswith("tidegate-a-b-")
    assert dotted != service_key(ObjectKey("shop", "a-b"))


def test_a_service_carries_what_its_gateway_says():
    gateway = value(
        "Gateway",
        """
        gatewayClassName: tidegate
        infrastructure: {labels: {team: x, app.kubernetes.io/managed-by: me}, annotations: {a: b}}
        """,
        {"uid": "u"},
    )
    service = gateway_service(gateway, "ClusterIP", {443: 20_001, 80: 20_000}, "10.96.0.9")
    assert service.key == ObjectKey("shop", "tidegate-web")
    assert service.ports == (TargetPort("port-80", 80, 20_000), TargetPort("port-443", 443, 20_001))
    assert service.labels == {
        "team": "x",
        "app.kubernetes.io/managed-by": "tidegate",
        "gateway.networking.k8s.io/gateway-name": "web",
        "gateway.networking.k8s.io/gateway-class-name": "tidegate",
    }
    assert (service.annotations, service.address, service.type) == ({"a": "b"}, "10.96.0.9", "ClusterIP")
    assert service.owner == ServiceOwner("gateway.networking.k8s.io/v1", "Gateway", "web", "u")


def test_all_ingresses_share_a_service_in_the_operators_namespace():
    service = ingress_service("tidegate", "LoadBalancer", {80: 20_000})
    assert (service.key, service.owner) == (ObjectKey("tidegate", "ingress-tidegate"), None)


def test_addresses_are_the_clusters_or_the_balancers():
    cluster = value("Service", "{clusterIPs: [10.96.0.7, 'fd00::7']}", OURS)
    assert addresses_of(cluster) == (Address("IPAddress", "10.96.0.7"), Address("IPAddress", "fd00::7"))
    status = "status: {loadBalancer: {ingress: [{ip: 192.0.2.1}, {hostname: lb.example}]}}"
    balancer = value("Service", "{type: LoadBalancer, clusterIPs: [10.96.0.7]}", OURS, status)
    assert addresses_of(balancer) == (Address("IPAddress", "192.0.2.1"), Address("Hostname", "lb.example"))


def test_without_a_balancer_that_gives_addresses_the_clusters_are_all_there_is():
    pending = value("Service", "{type: LoadBalancer, clusterIPs: [10.96.0.7]}", OURS)
    assert addresses_of(pending) == (Address("IPAddress", "10.96.0.7"),)


def test_a_service_that_is_not_there_or_not_ours_has_no_address():
    assert addresses_of(None) == ()
    assert addresses_of(value("Service", "{clusterIPs: [10.96.0.7]}")) == ()


def test_a_gateway_may_ask_for_an_address():
    gateway = value("Gateway", "addresses: [{type: IPAddress}, {value: 10.0.0.1}]")
    assert asked_addresses(gateway) == ("10.0.0.1",)


def test_an_address_is_asked_for_while_the_service_can_still_have_it():
    one = value("Gateway", "addresses: [{value: 10.0.0.1}]")
    two = value("Gateway", "addresses: [{value: 10.0.0.1}, {value: 10.0.0.2}]")
    has_first = value("Service", "clusterIPs: [10.0.0.1]", OURS)
    has_other = value("Service", "clusterIPs: [10.0.0.9]", OURS)
    assert address_to_ask(value("Gateway"), None, "ClusterIP") is None
    assert address_to_ask(one, None, "ClusterIP") == "10.0.0.1"
    assert address_to_ask(one, has_first, "ClusterIP") == "10.0.0.1"
    assert address_to_ask(one, has_other, "ClusterIP") is None
    assert address_to_ask(two, None, "ClusterIP") is None
    assert address_to_ask(two, has_first, "ClusterIP") == "10.0.0.1"
    status = "status: {loadBalancer: {ingress: [{ip: 10.0.0.9}]}}"
    balancer = value("Service", "type: LoadBalancer", OURS, status)
    assert address_to_ask(one, balancer, "LoadBalancer") == "10.0.0.1"
