"""The World of the watched objects: each is read once, and is the same value as long as it did not change."""

import pytest

from app.operator.cluster.world_view import WorldView
from app.operator.kube.kinds import ENDPOINT_SLICE, GATEWAY, ROUTE_KINDS, SERVICE
from app.operator.kube.object_store import ObjectStore
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.world import KINDS
from tests.app.operator.cluster_samples import (
    compiled,
    gateway_body,
    object_body,
    service_body_of,
    slice_body,
)

ORDERS = ObjectKey("shop", "orders")


class Watched:
    """A store with a view; `services`: whose endpoints may have changed."""

    def __init__(self):
        self.store = ObjectStore(ROUTE_KINDS)
        self.view = WorldView(self.store)
        self.services: list[ObjectKey | None] = []
        self.store.report_to(self)

    def content(self, kind, key):
        self.services.append(self.view.changed(kind, key))

    def status(self, kind, key):
        pass


@pytest.fixture
def watched():
    return Watched()


def test_both_tables_of_kinds_name_the_same():
    assert {kind.name: (kind.plural, kind.is_namespaced) for kind in ROUTE_KINDS} == {
        name: (kind.plural, kind.is_namespaced) for name, kind in KINDS.items()
    }
    for kind in ROUTE_KINDS:
        assert KINDS[kind.name].api_version in {kind.api_version(version) for version in kind.versions}


def test_an_object_that_did_not_change_is_the_same_value(watched):
    watched.store.put(GATEWAY, gateway_body())
    watched.store.put(GATEWAY, gateway_body("other"))
    first = watched.view.world(None)
    watched.store.put(GATEWAY, gateway_body("other", port=81))
    second = watched.view.world(None)
    assert first.gateways[ObjectKey("shop", "web")] is second.gateways[ObjectKey("shop", "web")]
    assert first.gateways[ObjectKey("shop", "other")].listeners[0].port == 80
    assert second.gateways[ObjectKey("shop", "other")].listeners[0].port == 81


def test_the_next_world_carries_what_the_last_compilation_gave(watched):
    last = compiled(certificates={"secret/shop/cert": CertificatePair(b"c", b"k")})
    world = watched.view.world(last)
    assert (world.target_ports, world.certificates) == (last.target_ports, last.certificates)


def test_one_that_is_gone_is_in_no_further_world(watched):
    watched.store.put(GATEWAY, gateway_body())
    watched.store.remove(GATEWAY, ("shop", "web"))
    assert watched.view.world(None).gateways == {}


def test_slices_are_found_by_their_service(watched):
    watched.store.put(SERVICE, service_body_of())
    watched.store.put(ENDPOINT_SLICE, slice_body("orders", "10.0.0.1", name="b"))
    watched.store.put(ENDPOINT_SLICE, slice_body("orders", "10.0.0.2", name="a"))
    assert watched.view.service(ORDERS) is not None
    assert [one.meta.name for one in watched.view.slices(ORDERS)] == ["a", "b"]
    assert watched.services == [None, ORDERS, ORDERS]
    watched.store.remove(ENDPOINT_SLICE, ("shop", "a"))
    watched.store.remove(ENDPOINT_SLICE, ("shop", "b"))
    assert list(watched.view.slices(ORDERS)) == []
    assert watched.services[-1] == ORDERS


def test_a_slice_that_moves_to_another_service_leaves_the_first(watched):
    watched.store.put(ENDPOINT_SLICE, slice_body("orders", "10.0.0.1", name="a"))
    watched.store.put(ENDPOINT_SLICE, slice_body("users", "10.0.0.1", name="a"))
    assert list(watched.view.slices(ORDERS)) == []
    assert len(list(watched.view.slices(ObjectKey("shop", "users")))) == 1


def test_a_slice_of_no_service_is_nobodys(watched):
    watched.store.put(ENDPOINT_SLICE, object_body("alone", addressType="IPv4"))
    assert watched.services == [None]
    watched.store.remove(ENDPOINT_SLICE, ("shop", "alone"))
    assert watched.services == [None, None]


def test_one_that_cannot_be_read_is_named_and_left_out(watched, caplog):
    watched.store.put(GATEWAY, object_body("bad", spec={"listeners": "none"}))
    watched.store.put(GATEWAY, gateway_body())
    assert list(watched.view.world(None).gateways) == [ObjectKey("shop", "web")]
    assert "left out: " in caplog.text
    assert "shop/bad" in caplog.text
