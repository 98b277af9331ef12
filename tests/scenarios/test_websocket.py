"""WebSockets through the gateway, with a real client and a real server at its ends."""

import asyncio
import socket as socket_module
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.dataplane.codec import websocket_frames
from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.exchange import DEADLINE_S, within
from tests.fakes.gateway import KEY, begin_drain, running_gateway
from tests.fakes.socket_buffers import kernel_keeps_bytes, small_receiver
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import standstill, until

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
Handler = Callable[[ServerConnection], Awaitable[None]]


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


@asynccontextmanager
async def through(handler: Handler = echo, **variables: Any) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway before a real server with that handler, and the URL to connect to."""
    async with serve(handler, "127.0.0.1", 0, max_size=None, close_timeout=2) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with running_gateway(f"http://127.0.0.1:{port}", **variables) as gateway:
            yield gateway, f"ws://127.0.0.1:{gateway.port}/chat?room=1"


async def ended(gateway: Gateway) -> None:
    await until(lambda: not (gateway.context.tunnels or gateway.counts.in_flight), "the tunnel to end")


async def test_messages_pass_both_ways():
    async with through() as (_, url), connect(url) as socket:
        for message in ("text ✓", b"\x00\xff", ""):
            await socket.send(message)
            assert await socket.recv() == message


async def test_a_large_message_passes_both_ways():
    message = bytes(range(256)) * 40_000
    async with through() as (_, url), connect(url, max_size=None) as socket:
        await socket.send(message)
        assert await socket.recv() == message


def small_reader(url: str) -> socket_module.socket:
    """Connected."""
    place = urlsplit(url)
    reader = small_receiver()
    reader.connect((place.hostname, place.port))
    reader.setblocking(False)
    return reader


async def test_a_reader_that_waits_makes_the_other_side_wait():
    sent_bytes = 0

    async def flood(socket: ServerConnection) -> None:
        nonlocal sent_bytes
        await socket.recv()
        while True:
            await asyncio.sleep(0)
            await socket.send(b"x" * 65536)
            sent_bytes += 65536

    async with (
        through(flood) as (_, url),
        connect(url, max_queue=1, compression=None, sock=small_reader(url)) as socket,
    ):
        await socket.send("go")
        await socket.recv()
        # the server's socket and both of the gateway's; then what the gateway and the reader keep themselves
        most_bytes = kernel_keeps_bytes(senders=2, receivers=1) + (2 << 20)
        try:
            assert 0 < await standstill(lambda: sent_bytes, "bytes sent", most_bytes) <= most_bytes
        finally:
            socket.transport.abort()


@pytest.mark.parametrize("code", [1000, 1011, 4001])
async def test_the_clients_close_code_reaches_the_server(code):
    seen = asyncio.get_running_loop().create_future()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        seen.set_result((socket.close_code, socket.close_reason))

    async with through(wait) as (gateway, url):
        async with connect(url) as socket:
            await socket.close(code, "because")
        assert await asyncio.wait_for(seen, DEADLINE_S) == (code, "because")
        await ended(gateway)


@pytest.mark.parametrize("code", [1000, 1011, 4001])
async def test_the_servers_close_code_reaches_the_client(code):
    async def leave(socket: ServerConnection) -> None:
        await socket.close(code, "because")

    async with through(leave) as (gateway, url):
        async with connect(url) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert (socket.close_code, socket.close_reason) == (code, "because")
        await ended(gateway)


async def test_pings_are_answered_by_the_other_end():
    async with through() as (_, url), connect(url) as socket:
        answered = await socket.ping(b"beat")
        assert await asyncio.wait_for(answered, DEADLINE_S) >= 0


async def test_the_subprotocol_and_the_target_pass():
    seen: list[str] = []

    async def look(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.extend([socket.request.path, socket.request.headers["Sec-WebSocket-Protocol"]])

    async with through(look) as (_, url), connect(url, subprotocols=["chat.v2"]) as socket:  # type: ignore[list-item]
        await socket.wait_closed()
    assert seen == ["/chat?room=1", "chat.v2"]


async def test_what_the_server_sends_along_with_its_101_passes():
    async def greet(socket: ServerConnection) -> None:
        await socket.send("welcome")
        await socket.wait_closed()

    async with through(greet) as (_, url), connect(url) as socket:
        assert await socket.recv() == "welcome"


async def test_a_client_that_vanishes_ends_the_servers_side():
    gone: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        gone.set_result(socket.close_code)

    async with through(wait) as (gateway, url):
        async with connect(url) as socket:
            socket.transport.abort()
            async with within("the server to see the end"):
                assert await gone == 1006
        await ended(gateway)


async def test_a_server_that_vanishes_ends_the_clients_side():
    async def vanish(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with through(vanish) as (gateway, url):
        async with connect(url) as socket:
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), DEADLINE_S)
            assert socket.close_code == 1006
        await ended(gateway)


async def test_a_drain_tells_both_ends_1001():
    codes = []

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        codes.append(socket.close_code)

    async with through(wait, drain_s=2.0) as (gateway, url), connect(url) as socket:
        stopping = asyncio.create_task(gateway.stop(0.0, 2.0))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1001
        await stopping
        await until(lambda: bool(codes), "the server to see it")
        assert codes == [1001]


async def test_one_that_opens_amid_the_drain_is_told_1001_as_well():
    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with through(wait) as (gateway, _), RawClient(gateway.port) as client:
        stopping = await begin_drain(gateway, 0.0, 30.0)
        await client.send(HANDSHAKE)
        assert (await client.read_head()).status == 101
        assert await client.read(4) == b"\x88\x02\x03\xe9"
        await client.close()
        async with within("the drain's end"):
            await stopping


async def test_without_a_key_there_is_no_handshake():
    async with through(AUTH="key", API_KEY=KEY) as (_, url):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url):
                pass
        assert refused.value.response.status_code == 401
        assert refused.value.response.headers["Tidegate-Reason"] == "key_missing"
        async with connect(url, additional_headers={"X-API-Key": KEY}) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"


async def test_the_servers_refusal_passes_and_the_connection_goes_on():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(403, b"not you")
        async with RawClient(gateway.port) as client:
            await client.send(HANDSHAKE)
            answer = await client.read_response()
            assert (answer.status, answer.body, answer.get("tidegate-reason")) == (403, b"not you", "")


async def test_the_handshake_is_passed_on_and_any_other_upgrade_is_not():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(HANDSHAKE)
            await client.read_response()
        async with RawClient(gateway.port) as client:
            await client.send(HANDSHAKE.replace(b"websocket", b"h2c"))
            await client.read_response()
        first, second = upstream.requests
        assert (first.get("upgrade"), first.get("connection").lower()) == ("websocket", "upgrade")
        assert second.get("upgrade") == ""


async def test_bytes_right_behind_the_handshake_reach_the_server():
    frame = b"\x81\x82\0\0\0\0hi"

    async with through() as (gateway, _), RawClient(gateway.port) as client:
        await client.send(HANDSHAKE + frame)
        assert (await client.read_head()).status == 101
        assert await client.read(4) == b"\x81\x02hi"


async def test_an_open_tunnel_does_not_hold_the_breakers_probe(tmp_path):
    async with through() as (gateway, url):
        breaker = gateway.context.plans.plans[0].targets[0].breaker
        async with connect(url) as one:
            await one.send("a")
            await one.recv()
            assert breaker.machine.probes_in_flight == 0


TINY_FRAMES = {
    "empty pings": b"\x89\x80\0\0\0\0",
    "unmasked": b"\x89\x00",
    "lengths in more bytes than they need": b"\x89\xfe\0\0\0\0\0\0",
}


@pytest.mark.one_process("counts calls inside it")
@pytest.mark.parametrize("frames", TINY_FRAMES)
async def test_tiny_frames_cost_by_the_byte(monkeypatch, frames):
    one, heads = TINY_FRAMES[frames], 0
    payload_bytes = websocket_frames._payload_bytes

    def counted(head: bytes, masked: bool) -> int | None:
        nonlocal heads
        heads += 1
        return payload_bytes(head, masked)

    monkeypatch.setattr(websocket_frames, "_payload_bytes", counted)
    flood = one * (256 * 1024 // len(one))
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        never = asyncio.Event()
        switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        upstream.pieces(switched, never)
        async with RawClient(gateway.port) as client:
            await client.send(HANDSHAKE)
            assert (await client.read_head()).status == 101
            await client.send(flood)
            (passing,) = gateway.context.tunnels
            await until(lambda: passing.bytes_in == len(flood), "the frames to pass")  # type: ignore[attr-defined]
        never.set()
    reads = 200  # a frame that a read cuts is read head by head
    assert heads <= 8 * reads
