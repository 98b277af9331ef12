"""A gateway with thousands of routes of the cluster is sent those that changed; in doubt it asks for all."""

from typing import Any

import pytest

from app.config.sync.snapshot import Snapshot, encode, pack_delta
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.sync_server import IN_POD, SyncServer
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

MANY = 20


def route(number: int, edition: str = "first") -> dict[str, Any]:
    return {
        "name": f"httproute/shop/web-{number}/0",
        "listeners": ["shop/web/http"],
        "matches": [{"hosts": [f"r{number}.example"]}],
        "upstream": "service/shop/orders/8080",
        "responseHeaders": {"set": {"X-Edition": edition}},
        "auth": "none",
    }


def tables(port: int, routes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "listeners": [{"name": "shop/web/http", "port": port}],
        "upstreams": [{"name": "service/shop/orders/8080", "discovered": True}],
        "routes": routes,
    }


async def editions(port: int) -> list[str]:
    async with RawClient(port) as client:
        said = [await client.request("GET", "/", [("Host", f"r{number}.example")]) for number in range(MANY)]
        return [response.get("X-Edition") or str(response.status) for response in said]


def delta_of(snapshot: Snapshot, held: Snapshot) -> bytes:
    packed = pack_delta(snapshot, held)
    assert packed is not None
    return packed


def polled(server: SyncServer) -> list[bool | None]:
    """Of each poll, whether the gateway would take a delta."""
    return [each.request.takes_deltas for each in server.heard if each.request.wait_s]


class Cluster:
    """A sync server, and what it says: each edit keeps what it does not change."""

    def __init__(self, server: SyncServer, pod: RecorderUpstream) -> None:
        self.server, self.port = server, free_port()
        server.feeds.endpoints.replace({"service/shop/orders/8080": ((pod.host, pod.port),)})
        self.tables = tables(self.port, [route(number) for number in range(MANY)])

    async def begin(self) -> Snapshot:
        return await self.server.give(tables=self.tables)

    def edited(self, number: int, edition: str) -> Snapshot:
        """The next snapshot: another edition of that route."""
        routes = list(self.tables["routes"])
        routes[number] = route(number, edition)
        self.tables = {**self.tables, "routes": routes}
        return self.server.snapshot(tables=self.tables)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_edit_of_one_route_comes_as_that_route(workers):
    async with SyncServer() as server, RecorderUpstream() as pod:
        cluster = Cluster(server, pod)
        async with running_gateway(CONTROL_PLANE_URL=server.url, WORKERS=workers, **IN_POD) as gateway:
            held = await cluster.begin()
            assert await editions(cluster.port) == ["first"] * MANY
            for number, edition in ((3, "second"), (4, "third"), (3, "fourth")):
                snapshot = cluster.edited(number, edition)
                # nothing but the delta is on offer
                await server.publish(snapshot, packed=b"no snapshot", delta=delta_of(snapshot, held))
                await server.applied(snapshot.sequence)
                held = snapshot
            found = await editions(cluster.port)
            assert (found[3], found[4], set(found[:3] + found[5:])) == ("fourth", "third", {"first"})
            assert gateway.counts.sync_errors == {}


async def test_a_delta_that_cannot_be_used_costs_nothing_but_a_call():
    async with SyncServer() as server, RecorderUpstream() as pod:
        cluster = Cluster(server, pod)
        async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
            held = await cluster.begin()
            unseen, snapshot = cluster.edited(1, "unseen"), cluster.edited(2, "second")
            await server.publish(snapshot, delta=delta_of(snapshot, unseen))
            await server.applied(snapshot.sequence)
            assert (await editions(cluster.port))[:3] == ["first", "unseen", "second"]
            assert gateway.counts.sync_errors == {"bad_delta": 1}
            await until(lambda: polled(server)[-3:] == [True, False, True], "the next poll")
            again = cluster.edited(1, "third")
            await server.publish(again, packed=b"no snapshot", delta=delta_of(again, snapshot))
            await server.applied(again.sequence)
            assert (await editions(cluster.port))[:3] == ["first", "third", "second"]
            assert held.sequence < snapshot.sequence < again.sequence


@pytest.mark.parametrize("broken", ["changed", "cut"])
async def test_a_whole_snapshot_that_is_broken_counts_as_no_delta(broken):
    async with SyncServer() as server, RecorderUpstream() as pod:
        cluster = Cluster(server, pod)
        async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
            await cluster.begin()
            snapshot = cluster.edited(1, "second")
            whole = encode(snapshot)
            bad = whole.replace(b"second", b"forged") if broken == "changed" else whole[:-9]
            await server.publish(snapshot, packed=bad)
            await until(lambda: bool(gateway.counts.sync_errors), "the fault")
            await until(lambda: not polled(server)[-1], "the next poll")
            assert set(gateway.counts.sync_errors) == {"bad_snapshot"}
            await server.publish(snapshot)
            await server.applied(snapshot.sequence)
            assert set(gateway.counts.sync_errors) == {"bad_snapshot"}
            assert (await editions(cluster.port))[:2] == ["first", "second"]
            await until(lambda: polled(server)[-1] is True, "deltas to be taken again")


async def test_a_gateway_that_holds_nothing_takes_no_delta():
    async with SyncServer() as server, RecorderUpstream() as pod:
        cluster = Cluster(server, pod)
        async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD):
            await cluster.begin()
            assert server.heard[0].request.applied is None
            assert server.heard[0].request.takes_deltas is False
