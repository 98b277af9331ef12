"""The ports beside the data path take what they can hold: the gateway's admin port, the operator's two."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from app.foundation.serving.bounds import Bounds
from app.operator.kube.resources import TokenBearer
from app.operator.serving.admin_api import AdminApi
from app.operator.serving.ports import OpenPorts, Port
from app.operator.sync.tls import load_own_ca_tls
from tests.app.operator.serving.test_admin_api import FakeView
from tests.fakes.client import RawClient
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port

WIDE = Bounds(head_bytes=1024, header_timeout_s=10.0, idle_timeout_s=10.0, connections=100)
QUICK = replace(WIDE, header_timeout_s=0.2)
HOST = b"Host: localhost\r\n"
OVERRIDE = b"PUT /v1/breakers/cache/override HTTP/1.1\r\n" + HOST + b"Authorization: Bearer t\r\n"
SYNC = b"POST /v1/sync HTTP/1.1\r\n" + HOST + b"Authorization: Bearer a.b.c\r\n"


@dataclass
class Place:
    """A port: how to reach it, and a request whose answer is `status`."""

    connect: Callable[[], RawClient]
    target: str
    status: int
    upload: bytes
    """The head of a request whose body is waited for, but for what tells its length."""

    def get(self, more: bytes = b"") -> bytes:
        return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (self.target.encode(), HOST, more)


@asynccontextmanager
async def admin_port(bounds: Bounds) -> AsyncIterator[Place]:
    async with running_gateway(
        ADMIN_PORT=str(free_port()),
        ADMIN_TOKEN="t",
        MAX_HEAD_BYTES=str(bounds.head_bytes),
        HEADER_TIMEOUT=str(bounds.header_timeout_s),
        KEEP_ALIVE_TIMEOUT=str(bounds.idle_timeout_s),
        MAX_CONNECTIONS=str(bounds.connections),
    ) as gateway:
        yield Place(lambda: RawClient(gateway.admin_port), "/livez", 200, OVERRIDE)


@asynccontextmanager
async def operator_admin_port(bounds: Bounds) -> AsyncIterator[Place]:
    ports = OpenPorts()
    port = await ports.open(AdminApi(FakeView()), Port("ADMIN_PORT", "127.0.0.1", 0, bounds))
    try:
        yield Place(lambda: RawClient(port), "/livez", 200, b"")
    finally:
        await ports.close()


@asynccontextmanager
async def sync_port(bounds: Bounds) -> AsyncIterator[Place]:
    cluster, ports = FakeCluster(), OpenPorts()
    cluster.tokens["a.b.c"] = TokenBearer("shop", "gateway", "gw-0", "uid-gw-0")
    tls = await load_own_ca_tls(cluster, "tidegate-sync-ca", ("localhost",))
    api = HandDrivenOperator(cluster, ca=tls.ca).sync_api("gateway")
    port = await ports.open(api, Port("SYNC_PORT", "127.0.0.1", 0, bounds), tls)
    context = ssl.create_default_context(cadata=tls.ca)
    try:
        yield Place(lambda: RawClient(port, tls=context, server_name="localhost"), "/v1/sync", 405, SYNC)
    finally:
        await ports.close()


PORTS = {"admin": admin_port, "operator-admin": operator_admin_port, "sync": sync_port}
each_port = pytest.mark.parametrize("port", PORTS)
HEADS = {
    "whole": b"X: " + b"y" * 1100 + b"\r\n\r\n",
    "many-fields": b"X: y\r\n" * 400 + b"\r\n",
    "endless-value": b"X: " + b"y" * 1100,
    "endless-name": b"y" * 1100,
}


async def rejected(client: RawClient, status: int) -> None:
    answer = await client.read_response()
    assert (answer.status, answer.get("Content-Type")) == (status, "application/problem+json")
    assert (answer.json()["status"], answer.get("Connection")) == (status, "close")
    await client.expect_closed()
    assert not client.was_reset


@each_port
@pytest.mark.parametrize("pace", ["at-once", "in-pieces"])
@pytest.mark.parametrize("name", HEADS)
async def test_a_head_over_the_limit_is_rejected_with_431(port, name, pace):
    async with PORTS[port](WIDE) as place, place.connect() as client:
        data = place.get()[:-2] + HEADS[name]
        step = len(data) if pace == "at-once" else 100
        for start in range(0, len(data), step):
            await client.send(data[start : start + step])
        await rejected(client, 431)


@each_port
async def test_a_head_within_the_limit_is_answered_again_and_again(port):
    async with PORTS[port](WIDE) as place, place.connect() as client:
        for _ in range(3):
            for piece in (
                place.get(b"X: " + b"y" * 800 + b"\r\n")[:500],
                place.get(b"X: " + b"y" * 800 + b"\r\n")[500:],
            ):
                await client.send(piece)
            assert (await client.read_response()).status == place.status


@each_port
@pytest.mark.parametrize("sent", [1, 30], ids=["first-byte", "half"])
async def test_a_head_that_comes_too_slowly_is_rejected_with_408(port, sent):
    async with PORTS[port](QUICK) as place, place.connect() as client:
        await client.send(place.get()[:sent])
        await rejected(client, 408)


@each_port
async def test_a_head_that_is_begun_behind_a_response_has_its_time_too(port):
    async with PORTS[port](QUICK) as place, place.connect() as client:
        await client.send(place.get() + place.get()[:20])
        assert (await client.read_response()).status == place.status
        await rejected(client, 408)


@each_port
async def test_a_connection_that_never_asks_is_closed(port):
    async with PORTS[port](QUICK) as place, place.connect() as client:
        await client.expect_closed()


@each_port
async def test_an_idle_connection_is_closed(port):
    async with PORTS[port](replace(WIDE, idle_timeout_s=0.2)) as place, place.connect() as client:
        await client.send(place.get())
        assert (await client.read_response()).status == place.status
        await client.expect_closed()


@each_port
async def test_connections_beyond_the_limit_are_closed_and_the_others_go_on(port):
    async with PORTS[port](replace(WIDE, connections=2)) as place:
        async with place.connect() as first, place.connect() as second:
            for client in (first, second):
                await client.send(place.get())
                assert (await client.read_response()).status == place.status
            third = place.connect()
            try:
                await third.connect()
                assert await third.read_until_closed() == b""
                await third.close()
            except OSError:
                pass  # within the handshake of TLS
            await first.send(place.get())
            assert (await first.read_response()).status == place.status
        await answers(place)


async def answers(place: Place) -> None:
    """There is room again, once the server noticed who went."""
    while True:
        client = place.connect()
        try:
            async with client:
                await client.send(place.get())
                assert (await client.read_response()).status == place.status
                return
        except (OSError, AssertionError):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("port", ["admin", "sync"])
@pytest.mark.parametrize("length", [b"Content-Length: 30\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_body_that_stops_coming_is_rejected_with_408(port, length):
    async with PORTS[port](QUICK) as place, place.connect() as client:
        await client.send(place.upload + length + b"\r\n1\r\n")
        await rejected(client, 408)


@pytest.mark.parametrize("port", ["admin", "sync"])
async def test_a_body_of_chunk_extensions_has_an_end(port):
    async with PORTS[port](WIDE) as place, place.connect() as client:
        await client.send(place.upload + b"Transfer-Encoding: chunked\r\n\r\n")
        await client.send(b"1;" + b"x" * 900)
        await client.send(b"x" * 900)
        await rejected(client, 400)


@each_port
async def test_pipelined_requests_are_answered_in_their_order_up_to_a_bound(port):
    async with PORTS[port](WIDE) as place, place.connect() as client:
        await client.send(place.get() * 1_000)
        answered = 0
        while rest := await client.reader.read(65_536):
            answered += rest.count(b"HTTP/1.1 %d " % place.status)
        assert 1 < answered < 1_000


@each_port
@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET /livez HTTP/9.9\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_request_is_rejected_with_400(port, data):
    async with PORTS[port](WIDE) as place, place.connect() as client:
        await client.send(data)
        await rejected(client, 400)


@each_port
async def test_an_upgrade_to_what_is_not_spoken_is_answered_and_the_connection_closed(port):
    async with PORTS[port](WIDE) as place, place.connect() as client:
        await client.send(place.get(b"Connection: Upgrade\r\nUpgrade: h2c\r\n") + place.get())
        answer = await client.read_response()
        assert (answer.status, answer.get("Connection")) == (place.status, "close")
        await client.expect_closed()


async def test_a_client_that_never_shakes_hands_is_closed_and_counted():
    async with sync_port(replace(QUICK, connections=2)) as place:
        known = place.connect()
        silent = [RawClient(known.port) for _ in range(2)]
        for client in silent:
            await client.connect()
        for client in silent:
            await client.expect_closed()
            await client.close()
        async with known:
            await known.send(place.get())
            assert (await known.read_response()).status == place.status


async def test_handshakes_under_way_take_the_room_of_connections():
    async with sync_port(replace(WIDE, connections=2)) as place:
        port = place.connect().port
        async with RawClient(port), RawClient(port), RawClient(port) as third:
            await third.expect_closed()


async def test_a_port_that_closes_lets_go_of_handshakes_under_way():
    async with sync_port(WIDE) as place:
        client = RawClient(place.connect().port)
        await client.connect()
    await client.expect_closed()
    await client.close()
