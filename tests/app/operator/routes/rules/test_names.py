import pytest

from app.config.parsing.spelling import cluster_name
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.rules.names import ServiceUpstream, route_name, service_of, upstream_name

ORDERS = ServiceUpstream(ObjectKey("shop", "orders"), 8080)


def test_names_say_what_they_stand_for():
    assert route_name("HTTPRoute", ObjectKey("shop", "web"), "0") == "httproute/shop/web/0"
    assert upstream_name(ORDERS) == "service/shop/orders/8080"
    assert upstream_name(ORDERS, is_grpc=True) == "service/shop/orders/8080.grpc"


@pytest.mark.parametrize("is_grpc", [False, True])
@pytest.mark.parametrize("certificate", [None, "secret/shop/a", "secret/shop/" + "b" * 253])
def test_an_upstreams_name_is_legal_and_leads_back_to_its_service(is_grpc, certificate):
    name = upstream_name(ORDERS, is_grpc=is_grpc, certificate=certificate)
    assert service_of(cluster_name(name)) == ORDERS


def test_upstreams_that_are_shown_different_certificates_are_different():
    names = {upstream_name(ORDERS, certificate=one) for one in (None, "secret/shop/a", "secret/shop/b")}
    assert len(names) == 3


@pytest.mark.parametrize("name", ["httproute/shop/web/0/1", "ingress/shop/web/0", "service/shop/orders/http"])
def test_what_is_no_service_leads_nowhere(name):
    assert service_of(name) is None
