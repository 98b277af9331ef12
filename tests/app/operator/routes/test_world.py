import pytest

from app.foundation.errors import ConfigFaults
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.world import KINDS, World, read_object, read_world
from tests.app.operator.routes.manifests import objects


def test_objects_stand_by_namespace_and_name():
    world = read_world(
        objects(
            """
            {apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: tidegate}}
            ---
            {apiVersion: gateway.networking.k8s.io/v1beta1, kind: HTTPRoute, metadata: {name: web}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: orders, namespace: shop}}
            """
        )
    )
    assert list(world.classes) == [ObjectKey("", "tidegate")]
    assert list(world.http_routes) == [ObjectKey("default", "web")]
    assert list(world.services) == [ObjectKey("shop", "orders")]


def test_objects_of_other_kinds_and_groups_are_passed_over():
    world = read_world(
        objects(
            """
            {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}
            ---
            {apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a}}
            ---
            {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}}
            """
        )
    )
    assert world == World()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_reads_from_nothing_but_a_name(kind):
    assert read_object(kind, {"metadata": {"name": "a"}}).meta.name == "a"


def test_an_object_that_cannot_be_read_is_named_with_the_field():
    with pytest.raises(ConfigFaults, match=r"^HTTPRoute shop/web: spec: is a list; it must be a mapping$"):
        read_object("HTTPRoute", {"metadata": {"name": "web", "namespace": "shop"}, "spec": []})
    with pytest.raises(ConfigFaults, match=r"^HTTPRoute None: metadata: is a text"):
        read_world([{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": "x"}])


def test_every_kind_of_the_world_has_its_place():
    fields = {kind.field for kind in KINDS.values() if kind.field}
    assert fields | {"bundle_versions", "certificates", "target_ports"} == set(World.__dataclass_fields__)
