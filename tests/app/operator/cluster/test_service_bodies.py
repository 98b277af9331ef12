"""A Gateway's Service and EndpointSlices as they are applied."""

import pytest

from app.operator.cluster.service_bodies import gateway_slices, says, service_body, slice_bodies
from app.operator.routes.compiled import OWNED_LABEL, TargetPort
from tests.app.operator.cluster_samples import pod_slice, service


def test_a_service_leads_each_port_to_its_target_and_goes_with_its_gateway():
    body = service_body(service(annotations={"a": "b"}), "tidegate")
    assert body["spec"] == {
        "type": "ClusterIP",
        "ports": [{"name": "p80", "port": 80, "protocol": "TCP", "targetPort": 20_000}],
    }
    metadata = body["metadata"]
    assert metadata["labels"] == {"gateway.networking.k8s.io/gateway-name": "web", OWNED_LABEL: "tidegate"}
    assert metadata["annotations"] == {"a": "b"}
    assert metadata["ownerReferences"] == [
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "web", "uid": "uid-web"}
    ]


def test_an_address_that_is_asked_for_is_asked_of_the_cluster_or_of_the_balancer():
    assert service_body(service(address="10.96.0.9"), "t")["spec"]["clusterIP"] == "10.96.0.9"
    balanced = service_body(service(type="LoadBalancer", address="192.0.2.7"), "t")["spec"]
    assert balanced["loadBalancerIP"] == "192.0.2.7"


def test_the_service_of_all_ingresses_has_no_owner():
    assert "ownerReferences" not in service_body(service(owner=None), "t")["metadata"]


def test_slices_lead_to_the_gateway_pods_once_each():
    ports = (TargetPort("p80", 80, 20_000), TargetPort("p443", 443, 20_001))
    pods = [pod_slice("10.1.0.2", "10.1.0.1"), pod_slice("10.1.0.1")]
    bodies = slice_bodies(service(ports=ports), pods, "tidegate")
    (body,) = bodies.values()
    assert list(bodies) == [("shop", "tidegate-web-ipv4")]
    assert [one["addresses"] for one in body["endpoints"]] == [["10.1.0.1"], ["10.1.0.2"]]
    assert body["ports"] == [
        {"name": "p80", "port": 20_000, "protocol": "TCP"},
        {"name": "p443", "port": 20_001, "protocol": "TCP"},
    ]
    assert body["metadata"]["labels"]["kubernetes.io/service-name"] == "tidegate-web"
    assert body["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "operator.tidegate.dev"


def test_each_family_of_addresses_has_a_slice_and_names_have_none():
    pods = [
        pod_slice("10.1.0.1"),
        pod_slice("fd00::1", family="IPv6"),
        pod_slice("gw.example", family="FQDN"),
    ]
    bodies = slice_bodies(service(), pods, "tidegate")
    assert [key[1] for key in bodies] == ["tidegate-web-ipv4", "tidegate-web-ipv6"]


def test_a_service_without_gateway_pods_has_an_empty_slice():
    (body,) = slice_bodies(service(), [], "tidegate").values()
    assert body["endpoints"] == []


def test_a_thousand_pods_fill_a_slice():
    pods = [pod_slice(*(f"10.1.{number // 250}.{number % 250 + 1}" for number in range(1_001)))]
    bodies = slice_bodies(service(), pods, "tidegate")
    sizes = {key[1]: len(body["endpoints"]) for key, body in bodies.items()}
    assert sizes == {"tidegate-web-ipv4": 1_000, "tidegate-web-ipv4-2": 1}


def test_the_gateways_own_slices_are_known_by_namespace_and_labels():
    own, elsewhere, other = pod_slice("10.1.0.1"), pod_slice("10.1.0.2", namespace="x"), pod_slice("10.1.0.3")
    other["metadata"]["labels"] = {"app": "cache"}
    assert gateway_slices([own, elsewhere, other], "tidegate", {"app": "gateway"}) == [own]


@pytest.mark.parametrize(
    ("stored", "applied", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, True),
        ({"a": 2}, {"a": 1}, False),
        ({}, {"a": 1}, False),
        (None, {"a": 1}, False),
        ([{"port": 80, "nodePort": 3}], [{"port": 80}], True),
        ([{"port": 80}, {"port": 81}], [{"port": 80}], False),
        (None, [], False),
    ],
)
def test_a_stored_object_says_what_is_applied_and_perhaps_more(stored, applied, expected):
    assert says({"it": stored}, {"it": applied}) is expected
