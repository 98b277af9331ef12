"""Routes of the cluster from watch to snapshot, status and Service: the real parts over an API server in memory.

The compiler is a small one; what the real one makes is held by `tests/app/operator/routes`.
"""

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import Any

from app.config.sync.newest import NOTHING_HELD, Held, NewestRequest
from app.config.sync.newest_codec import ENDPOINTS, decode_delta, encode_newest_request
from app.foundation.errors import ClusterError
from app.operator.cluster.gateway_api import GatewayApi
from app.operator.kube.kinds import (
    ENDPOINT_SLICE,
    GATEWAY,
    RESILIENCE_POLICY,
    ROUTE_KINDS,
    SERVICE,
)
from app.operator.route_plane import RouteScope, build_route_plane
from app.operator.routes.compiled import Compiled, ListenerRequirement, ObjectId, Requirement
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.snapshot.tables import CompiledTables
from tests.app.operator.cluster_samples import (
    ACCEPTED,
    CONTROLLER,
    PROGRAMMED,
    compiled,
    gateway_body,
    pod_slice,
    service,
    service_body_of,
    slice_body,
    status,
)
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator
from tests.fakes.fast_time import run_fast
from tests.fakes.object_server import object_client
from tests.fakes.objects import FakeObjects
from tests.fakes.waiting import until

SCOPE = RouteScope(CONTROLLER, "tidegate", "app=gateway")


def compile_simply(world) -> Compiled:
    """A listener and a Service for each Gateway, an upstream for each Service that somebody selects."""
    gateways = {ObjectId("Gateway", key): one for key, one in world.gateways.items()}
    return compiled(
        upstreams=tuple(
            sorted(
                f"service/{key.namespace}/{key.name}/80"
                for key, one in world.services.items()
                if one.has_selector
            )
        ),
        certificates={"secret/shop/cert": CertificatePair(b"certificate", b"key")},
        statuses=tuple(
            status(ACCEPTED, PROGRAMMED, id_=id_, uid=one.meta.uid, generation=one.meta.generation)
            for id_, one in gateways.items()
        ),
        services=tuple(service(f"tidegate-{id_.key.name}") for id_ in gateways),
        requirements={
            id_: Requirement(one.meta.generation, {"http": ListenerRequirement(20_000, ())})
            for id_, one in gateways.items()
        },
        routes=tuple(id_.key.name for id_ in gateways),
    )


class Plane:
    """An operator whose gateways are driven by hand; `compiler` may be replaced while it runs."""

    def __init__(self, client, objects, cluster):
        self.objects, self.compiler = objects, compile_simply
        self.operator = HandDrivenOperator(cluster)
        self.operator.state.tables.__init__(are_awaited=True)  # type: ignore[misc]
        cluster.on_change = self.operator.plane.trigger.request
        state, plane = self.operator.state, self.operator.plane
        self.api = build_route_plane(state, plane, client, SCOPE, lambda world: self.compiler(world))

    @property
    def routes(self):
        """Those of the snapshot that is served."""
        snapshot = self.operator.snapshot
        tables: Any = {} if snapshot is None else snapshot.tables
        return [one["name"] for one in tables.get("routes", [])]

    def conditions(self, name="web"):
        stored = self.objects.status(GATEWAY, ("shop", name)).get("conditions", [])
        return {one["type"]: one["status"] for one in stored}


@asynccontextmanager
async def running(objects=None, cluster=None, *, is_certain=True):
    objects, cluster = objects or FakeObjects(), cluster or FakeCluster()
    async with object_client(objects) as client:
        made = Plane(client, objects, cluster)
        if is_certain:
            made.api.activate()
        await made.api.look()
        tasks = {asyncio.ensure_future(part) for part in (made.operator.plane.run(), made.api.run())}
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def test_a_gateway_becomes_tables_a_service_and_a_status():
    objects = FakeObjects()
    objects.apply(ENDPOINT_SLICE, pod_slice("10.1.0.1"))
    objects.apply(GATEWAY, gateway_body())
    async with running(objects) as plane:
        await until(lambda: plane.routes == ["web"], "the tables")
        await until(lambda: "Accepted" in plane.conditions(), "the status")
        assert plane.conditions()["Programmed"] == "False"
        await until(lambda: objects.get(SERVICE, ("shop", "tidegate-web")) is not None, "the Service")
        assert plane.operator.counts.compiles["published"] >= 1


async def test_endpoints_and_certificates_travel_beside_the_tables():
    objects = FakeObjects()
    objects.apply(SERVICE, service_body_of())
    async with running(objects) as plane:
        feeds = plane.operator.state.feeds
        await until(lambda: "service/shop/orders/80" in feeds.endpoints.values, "the upstream")
        objects.apply(ENDPOINT_SLICE, slice_body("orders", "10.0.0.1"))
        await until(
            lambda: feeds.endpoints.values["service/shop/orders/80"] == (("10.0.0.1", 8080),), "the endpoint"
        )
        assert feeds.certificates.values["secret/shop/cert"].certificate == "certificate"


ORDERS = "service/shop/orders/80"


async def polled(operator, gateway, held: Held = NOTHING_HELD):
    """What a gateway that holds `held` gets, as soon as there is something newer."""
    body = encode_newest_request(NewestRequest(held, 25))
    response = await operator.post(ENDPOINTS.path, body, f"a.b.{gateway.pod.uid}")
    return decode_delta(ENDPOINTS, response.body)


async def assert_endpoints_overtake_tables(plane, *, change_routes, are_held, release):
    """Tables are under way and go no further, and an endpoint changes."""
    operator, gateway = plane.operator, plane.operator.gateway("edge-0")
    plane.objects.apply(SERVICE, service_body_of())
    feed = operator.state.feeds.endpoints
    await until(lambda: ORDERS in feed.values, "the upstream")
    await until(lambda: operator.snapshot is not None, "its tables")
    known = await polled(operator, gateway)
    parked = asyncio.ensure_future(polled(operator, gateway, known.held))
    try:
        change_routes()
        await until(are_held, "tables under way")
        plane.objects.apply(ENDPOINT_SLICE, slice_body("orders", "10.0.0.9"))
        await until(parked.done, "the endpoint at the gateway")
        assert dict(parked.result().values) == {ORDERS: (("10.0.0.9", 8080),)}
        assert plane.routes == []
    finally:
        release()
    await until(lambda: plane.routes == ["web"], "the tables")


async def test_endpoints_reach_gateways_while_routes_are_compiled():
    objects, begun, goes_on = FakeObjects(), threading.Event(), threading.Event()

    def compile_slowly(world):
        if world.gateways:
            begun.set()
            goes_on.wait(20)
        return compile_simply(world)

    async with running(objects) as plane:
        plane.compiler = compile_slowly
        await assert_endpoints_overtake_tables(
            plane,
            change_routes=lambda: objects.apply(GATEWAY, gateway_body()),
            are_held=begun.is_set,
            release=goes_on.set,
        )


class SlowToWrite(FakeCluster):
    """Once it is `slow`, a write of the ConfigMap lasts until it `goes_on`."""

    def __init__(self):
        super().__init__()
        self.is_slow = self.is_writing = False
        self.goes_on = asyncio.Event()

    async def write_configmap(self, *given):
        if self.is_slow:
            self.is_writing = True
            await self.goes_on.wait()
        return await super().write_configmap(*given)


async def test_endpoints_reach_gateways_while_tables_are_written():
    objects, cluster = FakeObjects(), SlowToWrite()

    def change_routes():
        cluster.is_slow = True
        objects.apply(GATEWAY, gateway_body())

    async with running(objects, cluster) as plane:
        await assert_endpoints_overtake_tables(
            plane,
            change_routes=change_routes,
            are_held=lambda: cluster.is_writing,
            release=cluster.goes_on.set,
        )


async def test_nothing_is_published_before_every_kind_was_listed():
    objects = FakeObjects()
    objects.forbidden.add("Secret")
    objects.apply(GATEWAY, gateway_body())
    async with running(objects) as plane:
        await until(lambda: plane.operator.state.policies.has_synced, "the list of policies")
        await until(lambda: objects.calls["list", "Secret"] > 0, "the attempt")
        assert (plane.operator.snapshot, plane.operator.counts.compiles) == (None, {})


async def test_a_compiler_that_fails_leaves_gateways_what_they_have(caplog):
    objects = FakeObjects()
    objects.apply(GATEWAY, gateway_body())
    async with running(objects) as plane:
        await until(lambda: plane.routes == ["web"], "the tables")

        def fail(world):
            raise LookupError("a fault of ours")

        plane.compiler = fail
        objects.apply(GATEWAY, gateway_body("other"))
        await until(lambda: plane.operator.counts.compiles["failed"] > 0, "the failure")
        assert "gateways keep those that they have" in caplog.text
        plane.compiler = compile_simply
        objects.apply(GATEWAY, gateway_body("third"))
        await until(lambda: plane.routes == ["web", "other", "third"], "all three")


async def test_an_api_server_that_is_unavailable_is_tried_again(caplog):
    objects, cluster = FakeObjects(), FakeCluster()
    async with running(objects, cluster) as plane:
        await until(lambda: plane.operator.counts.compiles["published"] == 1, "the first round")
        cluster.unavailable = True
        objects.apply(GATEWAY, gateway_body())
        await until(lambda: plane.operator.counts.compiles["failed"] > 0, "the failure")
        cluster.unavailable = False
        await until(lambda: plane.routes == ["web"], "the tables")
    assert "gateways keep the routes that they have" in caplog.text


async def test_another_operator_that_wrote_the_configmap_is_followed_by_a_full_round():
    objects, cluster = FakeObjects(), FakeCluster()
    async with running(objects, cluster) as plane:
        await until(lambda: plane.operator.counts.compiles["published"] == 1, "the first round")
        cluster.lose_snapshot()
        objects.apply(GATEWAY, gateway_body())
        await until(lambda: plane.routes == ["web"], "the tables")


WEB = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}


async def test_a_policy_of_any_namespace_asks_for_a_round_and_is_in_the_snapshot():
    objects, cluster = FakeObjects(), FakeCluster()
    async with running(objects, cluster) as plane:
        await until(lambda: plane.operator.snapshot is not None, "a snapshot")
        cluster.on_change = lambda _: None
        cluster.apply("far", {"targetRefs": [WEB], "timeout": {"request": "1s"}}, "other")
        objects.apply(RESILIENCE_POLICY, {"metadata": {"namespace": "other", "name": "far"}, "spec": {}})
        await until(
            lambda: [one.name for one in plane.operator.snapshot.policies] == ["far"],
            "the policy of elsewhere",
        )


async def test_without_gateway_api_nothing_is_watched_and_there_are_no_tables(caplog):
    caplog.set_level("INFO", logger="tidegate.operator")
    objects = FakeObjects()
    objects.missing |= {kind.name for kind in ROUTE_KINDS}
    async with running(objects, is_certain=False) as plane:
        await until(lambda: plane.operator.snapshot is not None, "a snapshot of policies")
        assert plane.operator.snapshot.tables == {}
        assert not plane.api.is_active
        assert set(objects.calls) == {("list", "GatewayClass")}
    assert caplog.text.count("Gateway API is not installed") == 1


async def test_without_the_right_to_look_policies_are_published_all_the_same(caplog):
    caplog.set_level("INFO", logger="tidegate.operator")
    objects = FakeObjects()
    objects.forbidden.add("GatewayClass")
    async with running(objects, is_certain=False) as plane:
        await until(lambda: plane.operator.snapshot is not None, "a snapshot of policies")
        assert not plane.api.is_active
    assert "routes come from files only" in caplog.text


async def test_where_gateway_api_is_installed_it_is_used():
    objects = FakeObjects()
    objects.apply(GATEWAY, gateway_body())
    async with running(objects, is_certain=False) as plane:
        await until(lambda: plane.routes == ["web"], "the tables")


class Slowly:
    """An API server that knows GatewayClass from the third look on, and then falls silent."""

    def __init__(self):
        self.looks = 0

    async def page(self, kind, version, more=""):
        self.looks += 1
        if self.looks == 2:
            raise ClusterError("list", kind.plural, 500, "not now")
        if self.looks == 1:
            raise ClusterError("list", kind.plural, 404, "not found")
        await asyncio.sleep(3_600 if self.looks > 3 else 0)

    async def get(self, kind, key, version="v1"):
        raise ClusterError("read", kind.plural, 403, "forbidden")


def test_it_is_looked_for_again_from_time_to_time():
    async def play(clock):
        cluster, api = FakeCluster(), Slowly()
        operator = HandDrivenOperator(cluster, clock)
        state, plane = operator.state, operator.plane
        found: GatewayApi = build_route_plane(state, plane, api, SCOPE, compile_simply)  # type: ignore[arg-type]
        await found.look()
        task = asyncio.ensure_future(found.run())
        await asyncio.sleep(70)
        task.cancel()
        await asyncio.wait({task})
        return found.is_active, isinstance(state.tables, CompiledTables)

    assert run_fast(play) == (True, True)
