"""Endpoints are fed as soon as a slice changes, and only those that hang on it."""

import asyncio

import pytest

from app.operator.cluster.endpoint_rounds import EndpointRounds, discovered
from app.operator.cluster.world_view import WorldView
from app.operator.kube.kinds import ENDPOINT_SLICE, ROUTE_KINDS, SERVICE
from app.operator.kube.object_store import ObjectStore
from app.operator.sync.feeds import new_feeds
from tests.app.operator.cluster_samples import service_body_of, slice_body
from tests.fakes.waiting import until

ORDERS = "service/shop/orders/80"


class Fed:
    """A store whose changes are fed into `feed`."""

    def __init__(self):
        self.store = ObjectStore(ROUTE_KINDS)
        self.view = WorldView(self.store)
        self.feed = new_feeds().endpoints
        self.rounds = EndpointRounds(self.view, self.feed)
        self.store.report_to(self)

    def content(self, kind, key):
        service = self.view.changed(kind, key)
        if service is not None:
            self.rounds.changed(service)

    def status(self, kind, key):
        pass


@pytest.fixture
async def fed():
    made = Fed()
    made.store.put(SERVICE, service_body_of())
    made.store.put(ENDPOINT_SLICE, slice_body("orders", "10.0.0.1"))
    made.rounds.want([ORDERS])
    return made


def test_only_upstreams_whose_endpoints_come_apart_are_discovered():
    tables = {"upstreams": [{"name": "a", "discovered": True}, {"name": "b", "missing": "gone"}]}
    assert discovered(tables) == ["a"]
    assert discovered({}) == []


async def test_what_is_wanted_is_fed_at_once(fed):
    assert fed.feed.values == {ORDERS: (("10.0.0.1", 8080),)}


async def test_a_service_that_is_not_there_has_no_endpoints(fed):
    fed.rounds.want([ORDERS, "service/shop/gone/80", "file-upstream"])
    assert fed.feed.values == {ORDERS: (("10.0.0.1", 8080),), "service/shop/gone/80": ()}


async def test_an_upstream_that_is_not_wanted_any_more_goes(fed):
    fed.rounds.want([])
    assert fed.feed.values == {}


async def test_a_slice_that_changes_is_fed(fed):
    fed.store.put(ENDPOINT_SLICE, slice_body("orders", "10.0.0.1", "10.0.0.2"))
    fed.store.put(ENDPOINT_SLICE, slice_body("users", "10.0.0.9"))
    fed.rounds.feed_changed()
    assert fed.feed.values == {ORDERS: (("10.0.0.1", 8080), ("10.0.0.2", 8080))}


async def test_what_changed_before_it_was_wanted_again_is_not_old(fed):
    fed.store.put(ENDPOINT_SLICE, slice_body("orders", "10.0.0.3"))
    fed.rounds.want([ORDERS])
    fed.rounds.feed_changed()
    assert fed.feed.values[ORDERS] == (("10.0.0.3", 8080),)


async def test_it_feeds_by_itself(fed):
    task = asyncio.ensure_future(fed.rounds.run())
    fed.store.put(ENDPOINT_SLICE, slice_body("orders", "10.0.0.4"))
    await until(lambda: fed.feed.values[ORDERS] == (("10.0.0.4", 8080),), "the further endpoint")
    task.cancel()
    await asyncio.wait({task})


async def test_the_same_upstreams_again_are_no_work(fed):
    version = fed.feed.held.version
    fed.rounds.want([ORDERS])
    assert (fed.feed.held.version, fed.feed.values) == (version, {ORDERS: (("10.0.0.1", 8080),)})
