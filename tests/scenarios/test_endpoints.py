"""Endpoints of the cluster: they reach a gateway apart from its routes, and no request is lost when they change."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Set
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from app.config.sync.newest import Addresses, Delta, Held
from app.config.sync.newest_codec import ENDPOINTS, encode_delta
from app.config.sync.snapshot import pack
from app.foundation.clock import now_s, wall_s
from app.gateway import deliveries
from app.gateway.config.preparation import prepare
from app.gateway.process import Gateway
from app.operator.sync.feeds import new_feeds
from tests.fakes import answers
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.process import free_port
from tests.fakes.sync_server import IN_POD, SyncServer
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

ORDERS, CARTS, GONE = "service/shop/orders/8080", "service/shop/carts/8080", "service/shop/gone/80"
HOST = [("Host", "shop.example")]
PODS = 3
CLIENTS = 4


def tables(port: int, upstream: str = ORDERS, **more: Any) -> dict[str, Any]:
    """One route of the cluster, on a listener of its own."""
    listener = {"name": "shop/web/http", "port": port}
    route = {
        "name": "httproute/shop/web/0",
        "listeners": ["shop/web/http"],
        "matches": [{"hosts": ["shop.example"]}],
        "upstream": upstream,
        "auth": "none",
    }
    upstreams = [{"name": upstream, **(more or {"discovered": True})}]
    return {"listeners": [listener], "upstreams": upstreams, "routes": [route]}


def at(*pods: RecorderUpstream) -> Addresses:
    return tuple((pod.host, pod.port) for pod in pods)


async def status_and_reason(port: int) -> tuple[int, str]:
    async with RawClient(port) as client:
        response = await client.request("GET", "/", HOST)
        return response.status, response.get("Tidegate-Reason")


def found_by(gateway: Gateway) -> Set[str]:
    """The upstreams of the cluster that it knows something about."""
    assert gateway.bindings.discovered is not None
    return gateway.bindings.discovered.names


@asynccontextmanager
async def in_cluster(server: SyncServer, **variables: Any) -> AsyncIterator[Gateway]:
    async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD, **variables) as gateway:
        yield gateway


class Load:
    """Clients that send one request after the other, until it is left."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.statuses: list[int] = []
        self._is_over = False

    async def __aenter__(self) -> "Load":
        self._clients = [asyncio.ensure_future(self._send()) for _ in range(CLIENTS)]
        await self.goes_on()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await asyncio.gather(*self._clients)

    async def goes_on(self) -> None:
        """Returns once each client has sent a few more."""
        wanted = len(self.statuses) + 5 * CLIENTS
        await until(lambda: len(self.statuses) >= wanted, "more responses")

    async def _send(self) -> None:
        async with RawClient(self.port) as client:
            while not self._is_over:
                response = await client.request("POST", "/", HOST, b"not to be sent twice")
                self.statuses.append(response.status)


@pytest.fixture
def port() -> int:
    """Of the listener."""
    return free_port()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_rolling_restart_under_load_loses_no_request(workers, port):
    async with SyncServer() as server, AsyncExitStack() as pods:
        running = [await pods.enter_async_context(RecorderUpstream()) for _ in range(PODS)]
        server.feeds.endpoints.replace({ORDERS: at(*running)})
        async with in_cluster(server, WORKERS=workers) as gateway:
            await server.give(tables=tables(port))
            async with Load(port) as load:
                for _ in range(PODS):
                    old = running.pop(0)
                    running.append(await pods.enter_async_context(RecorderUpstream()))
                    server.feeds.endpoints.change({ORDERS: at(*running)})
                    await until(lambda old=old: old.open_connections == 0, "its connections to end")  # type: ignore[misc]
                    await old.close()
                    await load.goes_on()
            await settled(gateway)
            assert set(load.statuses) == {200}
            assert all(pod.requests for pod in running)


async def test_a_worker_that_replaces_another_knows_the_endpoints(port):
    async with SyncServer() as server, RecorderUpstream() as pod:
        server.feeds.endpoints.replace({ORDERS: at(pod)})
        async with in_cluster(server, WORKERS="2") as gateway:
            await server.give(tables=tables(port))
            assert gateway.parent is not None
            workers = gateway.parent.workers
            pid = workers.each[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(
                lambda: workers.each[0].restarts == 1 and workers.ready_count == 2, "the successor", 20.0
            )
            assert {await status_and_reason(port) for _ in range(12)} == {(200, "")}


async def test_workers_that_start_before_the_operator_said_anything_are_told_of_it_later(port, capfd):
    async with SyncServer() as server, RecorderUpstream() as pod, in_cluster(server, WORKERS="2"):
        server.feeds.endpoints.replace({ORDERS: at(pod)})
        await server.give(tables=tables(port))
        assert {await status_and_reason(port) for _ in range(12)} == {(200, "")}
    assert "internal error" not in capfd.readouterr().err


async def test_an_exchange_with_an_endpoint_that_goes_ends_as_it_would_have(port):
    end = asyncio.Event()
    async with SyncServer() as server, RecorderUpstream() as old, RecorderUpstream() as new:
        old.answer(answers.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf", end, b"half"))
        server.feeds.endpoints.replace({ORDERS: at(old)})
        async with in_cluster(server) as gateway:
            await server.give(tables=tables(port))
            async with RawClient(port) as client:
                asked = asyncio.ensure_future(client.request("GET", "/", HOST))
                await old.wait_for(1)
                server.feeds.endpoints.change({ORDERS: at(new)})
                await until(lambda: _reached(gateway, new), "the new endpoint")
                await settled(gateway)
                assert await status_and_reason(port) == (200, "")
                assert (len(old.requests), len(new.requests)) == (1, 1)
                end.set()
                assert (await asked).body == b"halfhalf"
            await until(lambda: old.open_connections == 0, "its connection to end")


def _reached(gateway: Any, pod: RecorderUpstream) -> bool:
    upstream = gateway.bindings.upstreams[ORDERS]
    return [pool.label for pool in upstream.addresses] == [pod.authority]


async def test_without_a_ready_endpoint_requests_are_rejected_at_once(port):
    async with SyncServer() as server, RecorderUpstream() as pod:
        server.feeds.endpoints.replace({ORDERS: ()})
        async with in_cluster(server, WORKERS="1") as gateway:
            await server.give(tables=tables(port))
            assert await status_and_reason(port) == (503, "no_endpoints")
            server.feeds.endpoints.change({ORDERS: at(pod)})
            await until(lambda: _reached(gateway, pod), "the endpoint")
            assert await status_and_reason(port) == (200, "")
            breaker = gateway.breakers.known(ORDERS)
            assert breaker is None or breaker.view(now_s(), wall_s()).consecutive_failures == 0


async def test_a_backend_that_does_not_exist_is_a_fault_of_the_route(port):
    async with SyncServer() as server, in_cluster(server):
        await server.give(tables=tables(port, GONE, missing="Service shop/gone does not exist"))
        assert await status_and_reason(port) == (500, "no_backend")


async def test_a_route_moves_to_a_new_backend_when_its_endpoints_are_known(port):
    """The snapshot comes first; until the endpoints do, the route goes on as it was."""
    async with SyncServer() as server, RecorderUpstream() as first, RecorderUpstream() as second:
        server.feeds.endpoints.replace({ORDERS: at(first)})
        async with in_cluster(server):
            await server.give(tables=tables(port))
            async with Load(port) as load:
                server.feeds.endpoints.change({}, [ORDERS])  # the operator needs it no more
                published = await server.publish(server.snapshot(tables=tables(port, CARTS)))
                await load.goes_on()
                server.feeds.endpoints.change({CARTS: at(second)})
                await server.applied(published.sequence)
                await load.goes_on()
            assert set(load.statuses) == {200}
            assert second.requests


async def test_endpoints_are_in_use_while_a_snapshot_waits_for_those_of_others(monkeypatch, port):
    monkeypatch.setattr(deliveries, "WAIT_S", 3_600.0)
    async with SyncServer() as server, RecorderUpstream() as first, RecorderUpstream() as second:
        server.feeds.endpoints.replace({ORDERS: at(first)})
        async with in_cluster(server, WORKERS="1") as gateway:
            await server.give(tables=tables(port))
            both = tables(port)
            both["upstreams"].append({"name": CARTS, "discovered": True})
            waits = await server.publish(server.snapshot(tables=both))
            server.feeds.endpoints.change({ORDERS: at(second)})
            await until(lambda: _reached(gateway, second), "the new endpoint")
            assert await status_and_reason(port) == (200, "")
            assert second.requests
            assert CARTS not in gateway.bindings.upstreams
            server.feeds.endpoints.change({CARTS: at(first)})
            await server.applied(waits.sequence)


async def test_endpoints_are_in_use_while_a_snapshot_is_prepared_and_in_it_as_well(monkeypatch, port):
    """Those of upstreams in force at once, those of its new ones with it: the newest, not those it began with."""
    is_prepared, goes_on = threading.Event(), threading.Event()

    def slowly(*given):
        prepared = prepare(*given)
        is_prepared.set()
        goes_on.wait(20)
        return prepared

    async with SyncServer() as server, RecorderUpstream() as first, RecorderUpstream() as second:
        server.feeds.endpoints.replace({ORDERS: at(first), CARTS: at(first)})
        async with in_cluster(server, WORKERS="1") as gateway:
            await server.give(tables=tables(port))
            monkeypatch.setattr("app.gateway.config.configuration.prepare", slowly)
            try:
                published = await server.publish(server.snapshot(tables=tables(port, CARTS)))
                await until(is_prepared.is_set, "its preparation")
                server.feeds.endpoints.change({ORDERS: at(second), CARTS: at(second)})
                await until(lambda: _reached(gateway, second), "the new endpoint")
                assert await status_and_reason(port) == (200, "")
                assert len(second.requests) == 1
            finally:
                goes_on.set()
            await server.applied(published.sequence)
            assert await status_and_reason(port) == (200, "")
            assert (len(first.requests), len(second.requests)) == (0, 2)


async def test_an_operator_that_restarted_says_everything_again(port):
    async with SyncServer() as server, RecorderUpstream() as first, RecorderUpstream() as second:
        server.feeds.endpoints.replace({ORDERS: at(first), CARTS: at(first)})
        async with in_cluster(server, WORKERS="1") as gateway:
            await server.give(tables=tables(port))
            assert found_by(gateway) == {ORDERS, CARTS}
            await server.stop()
            server.feeds = new_feeds()
            server.feeds.endpoints.replace({ORDERS: at(second)})
            await server.start()
            await until(lambda: _reached(gateway, second), "what the new one says")
            assert found_by(gateway) == {ORDERS}


async def test_a_gateway_starts_with_its_copy_while_the_operator_is_unavailable(tmp_path, port):
    copy, mounted = tmp_path / "endpoints.gz", tmp_path / "snapshot.json.gz"
    async with SyncServer() as server, RecorderUpstream() as pod:
        mounted.write_bytes(pack(server.snapshot(tables=tables(port))))
        known: Delta[Addresses] = Delta(Held("boot", 1), True, {ORDERS: at(pod)})
        copy.write_bytes(encode_delta(ENDPOINTS, known))
        files: dict[str, Any] = {"SNAPSHOT_FILE": str(mounted), "ENDPOINTS_FILE": str(copy)}
        async with running_gateway(CONTROL_PLANE_URL="http://127.0.0.1:9", **IN_POD, **files):
            assert await status_and_reason(port) == (200, "")


async def test_what_the_operator_says_is_copied_for_the_next_start(tmp_path, port):
    copy = tmp_path / "endpoints.gz"
    async with SyncServer() as server, RecorderUpstream() as pod:
        server.feeds.endpoints.replace({ORDERS: at(pod)})
        async with in_cluster(server, ENDPOINTS_FILE=str(copy)):
            await server.give(tables=tables(port))
            await until(copy.exists, "the copy")
        async with running_gateway(
            ENDPOINTS_FILE=str(copy), SNAPSHOT_FILE=str(tmp_path), **IN_POD
        ) as gateway:
            assert found_by(gateway) == {ORDERS}


async def test_a_gateway_without_routes_of_the_cluster_asks_for_nothing():
    async with SyncServer() as server, in_cluster(server, WORKERS="1") as gateway:
        server.feeds.endpoints.replace({ORDERS: ()})
        await server.give()
        await server.give()
        assert found_by(gateway) == set()
