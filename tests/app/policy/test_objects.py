"""The names by which policies find objects of the cluster."""

import pytest

from app.policy.model import TargetGroup, TargetKind, TargetRef
from app.policy.objects import gateway_of, names_objects, object_name, whole_of


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (TargetRef(TargetKind.GATEWAY, "edge", TargetGroup.GATEWAY_API), "gateway/shop/edge"),
        (TargetRef(TargetKind.HTTP_ROUTE, "web", TargetGroup.GATEWAY_API), "httproute/shop/web"),
        (TargetRef(TargetKind.GRPC_ROUTE, "web", TargetGroup.GATEWAY_API, "cart"), "grpcroute/shop/web/cart"),
        (TargetRef(TargetKind.SERVICE, "orders", TargetGroup.CORE), "service/shop/orders"),
    ],
)
def test_an_object_has_the_name_that_the_tables_give_it(target, name):
    assert object_name(target, "shop") == name


def test_the_whole_of_a_rule_and_of_a_port_is_their_object():
    assert whole_of("httproute/shop/web/cart") == "httproute/shop/web"
    assert whole_of("service/shop/orders/8080") == "service/shop/orders"
    assert whole_of("orders.v1") is None


@pytest.mark.parametrize(
    ("spec", "does"),
    [
        (
            {"targetRefs": [{"kind": "Route", "name": "a"}, {"group": "", "kind": "Service", "name": "a"}]},
            True,
        ),
        ({"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "a"}]}, True),
        (
            {"targetRefs": [{"kind": "Gateway"}, {"group": "tidegate.dev", "kind": "Route", "name": "a"}]},
            False,
        ),
        ({"targetRefs": {"group": ""}}, False),
        ({"targetRefs": ["", 3, {"group": ["a"]}]}, False),
        ({}, False),
    ],
)
def test_a_spec_as_written_names_objects_or_not(spec, does):
    assert names_objects(spec) is does


def test_a_listener_of_the_tables_tells_its_gateway():
    assert gateway_of("infra/edge/https") == "gateway/infra/edge"
    assert gateway_of("https") is None
    assert gateway_of("listenerset/shop/more/https") is None
    assert gateway_of("ingress/https/host/shop.example") is None
