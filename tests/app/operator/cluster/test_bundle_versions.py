"""The version of Gateway API is read by name, and what is known of it stays while nobody replies."""

import asyncio
from contextlib import asynccontextmanager

from app.foundation.errors import ClusterError
from app.operator.cluster.bundle_versions import LOOK_S, BundleVersions
from app.operator.cluster.world_view import WorldView
from app.operator.kube.kinds import DEFINITION, GATEWAY_API_DEFINITIONS, ROUTE_KINDS
from app.operator.kube.object_store import ObjectStore
from app.operator.routes.bundle_version import VERSION_ANNOTATION
from tests.fakes.fast_time import run_fast
from tests.fakes.object_server import object_client
from tests.fakes.objects import FakeObjects

GATEWAYS = "gateways.gateway.networking.k8s.io"
SETS = "listenersets.gateway.networking.k8s.io"


class Looking:
    """`versions` over a cluster with Gateway API v1.7.0. `changes`: how often they changed."""

    def __init__(self, client, objects):
        self.objects, self.changes = objects, 0
        self.view = WorldView(ObjectStore(ROUTE_KINDS))
        self.versions = BundleVersions(client, self.view, self.count)
        for name in GATEWAY_API_DEFINITIONS:
            self.install(name, "v1.7.0")

    def count(self):
        self.changes += 1

    def install(self, name, version):
        annotations = {} if version is None else {"annotations": {VERSION_ANNOTATION: version}}
        self.objects.apply(DEFINITION, {"metadata": {"name": name, **annotations}})

    @property
    def known(self):
        return self.view.world(None).bundle_versions


@asynccontextmanager
async def looking():
    objects = FakeObjects()
    async with object_client(objects) as client:
        yield Looking(client, objects)


async def test_every_definition_is_read_and_reaches_the_world():
    async with looking() as it:
        await it.versions.look()
        assert it.known == dict.fromkeys(GATEWAY_API_DEFINITIONS, "v1.7.0")
        assert it.changes == 1


async def test_nothing_is_compiled_again_where_nothing_changed():
    async with looking() as it:
        await it.versions.look()
        await it.versions.look()
        assert it.changes == 1
        it.install(GATEWAYS, "v1.8.0")
        await it.versions.look()
        assert (it.known[GATEWAYS], it.changes) == ("v1.8.0", 2)


async def test_a_definition_without_the_annotation_has_no_version():
    async with looking() as it:
        it.install(GATEWAYS, None)
        await it.versions.look()
        assert it.known[GATEWAYS] == ""


async def test_a_kind_that_an_older_release_does_not_have_is_left_out():
    async with looking() as it:
        it.objects.remove(DEFINITION, ("", SETS))
        await it.versions.look()
        assert set(it.known) == set(GATEWAY_API_DEFINITIONS) - {SETS}


async def test_without_the_right_to_read_them_nothing_is_known():
    async with looking() as it:
        it.objects.forbidden.add(DEFINITION.name)
        await it.versions.look()
        assert (it.known, it.changes) == ({}, 0)
        assert it.objects.calls["get", DEFINITION.name] == 1


async def test_while_the_api_server_does_not_reply_what_is_known_stays():
    async with looking() as it:
        await it.versions.look()
        it.objects.faults["get"] = [500]
        it.install(GATEWAYS, "v1.8.0")
        await it.versions.look()
        assert (it.known[GATEWAYS], it.changes) == ("v1.7.0", 1)


class OneLater:
    """An API server whose definitions get a version after the first look. `looked_s`: when the first was read."""

    def __init__(self, clock):
        self.clock, self.looked_s = clock, []

    async def get(self, kind, key, version="v1"):
        if key[1] != GATEWAY_API_DEFINITIONS[0]:
            raise ClusterError("read", key[1], 404, "not found")
        self.looked_s.append(self.clock.now_s())
        return {"metadata": {"annotations": {VERSION_ANNOTATION: f"v1.{len(self.looked_s)}.0"}}}


def test_it_is_looked_for_again_from_time_to_time():
    async def play(clock):
        api, view = OneLater(clock), WorldView(ObjectStore(ROUTE_KINDS))
        versions = BundleVersions(api, view, lambda: None)
        began_s = clock.now_s()
        task = asyncio.ensure_future(versions.run())
        await asyncio.sleep(2 * LOOK_S + 1)
        task.cancel()
        await asyncio.wait({task})
        return [round(at_s - began_s) for at_s in api.looked_s], list(view.bundle_versions.values())

    assert run_fast(play) == ([LOOK_S, 2 * LOOK_S], ["v1.2.0"])
