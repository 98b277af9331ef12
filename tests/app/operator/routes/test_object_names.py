from app.operator.routes.object_names import object_names
from app.operator.routes.world import World, read_world
from tests.app.operator.routes.manifests import objects


def test_each_object_has_the_name_of_the_tables_and_rules_theirs_or_their_number():
    world = read_world(
        objects(
            """
            {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: edge, namespace: infra}}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: web, namespace: shop}
            spec: {rules: [{}, {name: cart}]}
            ---
            {apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: rpc, namespace: shop}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: orders, namespace: shop}}
            """
        )
    )
    assert list(object_names(world)) == [
        "gateway/infra/edge",
        "service/shop/orders",
        "httproute/shop/web",
        "httproute/shop/web/0",
        "httproute/shop/web/cart",
        "grpcroute/shop/rpc",
    ]


def test_an_empty_world_has_none():
    assert list(object_names(World())) == []
