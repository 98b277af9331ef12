"""Which objects policies may name, and whose requests meet them."""

from pathlib import Path

import pytest
import yaml

from app.operator.policy.attachments import NOTHING_SERVED, Attachments, attachments_of
from app.operator.routes.compile import Compiler
from app.operator.routes.compiled import Compiled, ObjectId, ObjectStatus
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.rules.ingress import ingress_routes
from app.operator.routes.rules.route_compiler import RouteCompiler
from app.operator.routes.settings import CompileSettings
from app.operator.routes.world import read_world
from app.policy.model import TargetGroup, TargetKind, TargetRef
from app.policy.parse import parse_spec
from tests.app.operator.routes.manifests import objects

WORLD = read_world(
    objects(
        """
        {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: edge, namespace: infra}}
        ---
        {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: foreign, namespace: infra}}
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: web, namespace: shop}
        spec: {rules: [{}, {name: cart}]}
        ---
        {apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: rpc, namespace: shop}}
        ---
        {apiVersion: v1, kind: Service, metadata: {name: orders, namespace: shop}}
        ---
        {apiVersion: v1, kind: Service, metadata: {name: idle, namespace: shop}}
        """
    )
)
TABLES = {
    "listeners": [{"name": "listenerset/team/more/http", "port": 20_001, "gateway": "team/own"}],
    "routes": [
        {
            "name": "httproute/shop/web/0",
            "listeners": [
                "infra/edge/http",
                "infra/edge/https",
                "listenerset/team/more/http",
                "ingress/http",
            ],
            "upstream": [{"name": "service/shop/orders/80"}, {"name": "service/bank/pay/80", "weight": 2}],
        },
        {
            "name": "httproute/shop/web/cart",
            "listeners": ["infra/edge/http"],
            "upstream": "service/shop/cart/80",
        },
        {"name": "httproute/shop/moved/0", "listeners": ["infra/edge/http"], "redirect": {"status": 301}},
    ],
}


def compiled(tables):
    key = ObjectKey("infra", "edge")
    statuses = {
        ObjectId("Gateway", key): ObjectStatus(ObjectId("Gateway", key), "uid", 1),
        ObjectId("GatewayClass", ObjectKey("", "tidegate")): ObjectStatus(
            ObjectId("GatewayClass", key), "u", 1
        ),
    }
    return Compiled(tables, {}, statuses, {}, {}, {})


FOUND = attachments_of(WORLD, compiled(TABLES))


def target(kind, name, section=None):
    group = TargetGroup.CORE if kind is TargetKind.SERVICE else TargetGroup.GATEWAY_API
    return TargetRef(kind, name, group, section)


def test_what_exists_is_known_by_its_name_rules_without_one_by_their_number():
    assert FOUND.objects == {
        "gateway/infra/edge",
        "gateway/infra/foreign",
        "httproute/shop/web",
        "httproute/shop/web/0",
        "httproute/shop/web/cart",
        "grpcroute/shop/rpc",
        "service/shop/orders",
        "service/shop/idle",
    }


def test_the_gateways_of_a_route_are_those_of_its_listeners_and_a_service_has_those_of_its_routes():
    assert FOUND.gateways["httproute/shop/web/0"] == ("gateway/infra/edge", "gateway/team/own")
    assert FOUND.gateways["httproute/shop/web/cart"] == ("gateway/infra/edge",)
    assert FOUND.gateways["httproute/shop/web"] == ("gateway/infra/edge", "gateway/team/own")
    assert FOUND.gateways["service/shop/orders"] == ("gateway/infra/edge", "gateway/team/own")
    assert FOUND.gateways["service/shop/cart"] == ("gateway/infra/edge",)
    assert FOUND.gateways["gateway/infra/edge"] == ("gateway/infra/edge",)
    assert "service/shop/idle" not in FOUND.gateways


def test_the_services_of_a_route_are_those_that_it_sends_to():
    assert FOUND.services["httproute/shop/web/0"] == ("service/bank/pay", "service/shop/orders")
    assert FOUND.services["httproute/shop/web"] == (
        "service/bank/pay",
        "service/shop/cart",
        "service/shop/orders",
    )
    assert FOUND.services["httproute/shop/moved"] == ()


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        (target(TargetKind.HTTP_ROUTE, "web", "cart"), None),
        (target(TargetKind.HTTP_ROUTE, "web", "gone"), "there is no HTTPRoute/web/gone in namespace shop"),
        (target(TargetKind.HTTP_ROUTE, "gone"), "there is no HTTPRoute/gone in namespace shop"),
        (target(TargetKind.GRPC_ROUTE, "rpc"), "no Gateway here takes requests for GRPCRoute/rpc"),
        (target(TargetKind.SERVICE, "idle"), "no route of a Gateway here leads to Service/idle"),
        (target(TargetKind.SERVICE, "orders"), None),
    ],
)
def test_why_a_policy_does_nothing_at_its_target(ref, why):
    assert FOUND.absence("shop", ref) == why


def test_a_gateway_of_another_class_is_not_ours():
    foreign = target(TargetKind.GATEWAY, "foreign")
    shown = "Gateway.gateway.networking.k8s.io/foreign"
    assert FOUND.absence("infra", foreign) == f"{shown} is of a class that another controller serves"
    assert FOUND.absence("infra", target(TargetKind.GATEWAY, "edge")) is None


def test_an_operator_without_gateway_api_says_so():
    why = NOTHING_SERVED.absence("shop", target(TargetKind.SERVICE, "orders"))
    assert (
        why
        == "Service/orders is an object of the cluster, and this operator serves none (gatewayAPI.enabled)"
    )


def test_the_gateways_of_a_policy_are_those_of_all_its_objects_once():
    refs = (
        target(TargetKind.HTTP_ROUTE, "web", "cart"),
        target(TargetKind.SERVICE, "orders"),
        TargetRef(TargetKind.ROUTE, "web"),
    )
    assert FOUND.gateways_of("shop", refs) == ("gateway/infra/edge", "gateway/team/own")


def test_tables_without_routes_attach_nothing():
    assert attachments_of(WORLD, compiled({})) == Attachments(
        FOUND.objects, {"gateway/infra/edge": ("gateway/infra/edge",)}
    )


def test_what_the_compiler_makes_of_the_first_routes_page_is_what_its_policy_targets():
    """The names of tables and policies are one agreement between two parts."""
    page = Path(__file__).parents[4] / "examples" / "first-route"
    manifests = [yaml.safe_load((page / name).read_text()) for name in ("gateway.yaml", "route.yaml")]
    others = objects(
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: GatewayClass
        metadata: {name: tidegate}
        spec: {controllerName: tidegate.dev/gateway-controller}
        ---
        {apiVersion: v1, kind: Service, metadata: {name: orders, namespace: shop}, spec: {ports: [{port: 8000}]}}
        """
    )
    world = read_world([*manifests, *others])
    made = Compiler(CompileSettings("tidegate"), RouteCompiler(), ingress_routes).compile(world)
    found = attachments_of(world, made)
    spec = parse_spec(yaml.safe_load((page / "policy.yaml").read_text())["spec"])
    assert found.gateways_of("shop", spec.targets) == ("gateway/shop/web",)
    assert found.absence("shop", target(TargetKind.SERVICE, "orders")) is None
