"""WebSockets over HTTP/2 (RFC 8441) through the gateway to servers that speak HTTP/1.1."""

import asyncio
import base64
import hashlib
import socket as socket_module
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Opcode

from app.dataplane.proxy.tunnel import Tunnel
from app.gateway.process import Gateway
from tests.fakes.exchange import DEADLINE_S, within
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.socket_buffers import kernel_keeps_bytes, small_receiver
from tests.fakes.stream_socket import StreamSocket, opened
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import standstill, until

Handler = Callable[[ServerConnection], Awaitable[None]]
QUEUED = 4  # messages that the server reads before it is asked for them


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


@asynccontextmanager
async def through(
    handler: Handler = echo,
    *,
    listener: socket_module.socket | None = None,
    client: dict[str, Any] | None = None,
    **variables: Any,
) -> AsyncIterator[tuple[Gateway, Http2Client]]:
    """A gateway before a real server with that handler, and a client of it.

    `listener`: the server's; one of its own by default. `client`: how that is made.
    """
    listener = listener or socket_module.create_server(("127.0.0.1", 0))
    async with serve(handler, sock=listener, max_size=None, max_queue=QUEUED, close_timeout=2) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with (
            running_gateway(f"http://127.0.0.1:{port}", **variables) as gateway,
            Http2Client(gateway.port, **(client or {})) as made,
        ):
            yield gateway, made


async def ended(gateway: Gateway) -> None:
    await until(lambda: not (gateway.context.tunnels or gateway.counts.in_flight), "the tunnel to end")


async def test_the_gateway_says_that_it_takes_them():
    async with through() as (_, client):
        await client.request("GET", "/")
        assert client.settings[8] == 1  # SETTINGS_ENABLE_CONNECT_PROTOCOL


async def test_messages_pass_both_ways_beside_requests():
    async with through() as (_, client):
        socket = await opened(client)
        assert (socket.head.status, socket.head.get("sec-websocket-accept")) == (200, "")
        for message in ("text ✓", b"\x00\xff", ""):
            await socket.send(message)
            assert await socket.message() == (message.encode() if isinstance(message, str) else message)
        other = await opened(client)
        await other.send("on another stream")
        assert await other.message() == b"on another stream"
        assert (
            await client.request("GET", "/")
        ).status == 426  # what the server says to one without an upgrade


async def test_a_large_message_passes_both_ways():
    message = bytes(range(256)) * 20_000
    async with through() as (_, client):
        socket = await opened(client)
        sending = asyncio.create_task(socket.send(message))
        assert await socket.message() == message
        await sending


async def test_a_reader_that_gives_no_credit_makes_the_server_wait():
    sent_bytes = 0

    async def flood(socket: ServerConnection) -> None:
        nonlocal sent_bytes
        while True:
            await asyncio.sleep(0)
            await socket.send(b"x" * 65536)
            sent_bytes += 65536

    async with through(flood, client={"credit": False}) as (_, client):
        await opened(client)
        # the server's socket and the gateway's that reads from it; then the window and what the gateway keeps itself
        most_bytes = kernel_keeps_bytes(senders=1, receivers=1) + (2 << 20)
        try:
            await standstill(lambda: sent_bytes, "bytes sent", most_bytes)
        finally:
            client.abort()


@pytest.mark.one_process("sees the state of a tunnel")
async def test_a_server_that_does_not_read_gets_no_more_than_the_windows():
    read = asyncio.Event()
    taken = 0

    async def wait(socket: ServerConnection) -> None:
        nonlocal taken
        await read.wait()
        async for _ in socket:
            taken += 1

    message = bytes(1 << 20)
    listener = small_receiver()
    listener.bind(("127.0.0.1", 0))
    async with through(wait, listener=listener) as (gateway, client):
        socket = await opened(client)

        async def send() -> None:
            for _ in range(64):
                await socket.send(message)

        client._timeout_s = 60.0  # the sender waits for a window for as long as the reader sleeps
        sending = asyncio.create_task(send())
        (tunnel,) = gateway.context.tunnels
        assert isinstance(tunnel, Tunnel)
        # the gateway's socket; the server's queue, with one too many and one begun; then what the gateway keeps itself
        most_bytes = kernel_keeps_bytes(senders=1, receivers=0) + (QUEUED + 2) * len(message) + (2 << 20)
        try:
            await standstill(lambda: tunnel.bytes_in, "bytes taken", most_bytes)
        finally:
            read.set()
        await sending
        await until(lambda: taken == 64, "all messages")


@pytest.mark.parametrize("code", [1000, 1011, 4001])
async def test_the_clients_close_code_reaches_the_server(code):
    seen = asyncio.get_running_loop().create_future()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        seen.set_result((socket.close_code, socket.close_reason))

    async with through(wait) as (gateway, client):
        socket = await opened(client)
        await socket.close(code, "because")
        assert await asyncio.wait_for(seen, DEADLINE_S) == (code, "because")
        assert (await socket.recv()).opcode is Opcode.CLOSE
        await client.until(lambda: socket.stream.ended, "END_STREAM")
        await ended(gateway)
        assert (await client.request("GET", "/")).status == 426  # the connection goes on


async def test_a_client_that_ends_its_side_with_its_close_as_browsers_do_gets_the_servers():
    async with through() as (gateway, client):
        socket = await opened(client)
        await socket.close(4001, "because")
        socket.stream.end()
        assert (await socket.recv()).data == (4001).to_bytes(2, "big") + b"because"
        await ended(gateway)


@pytest.mark.parametrize("code", [1000, 1011, 4001])
async def test_the_servers_close_code_reaches_the_client(code):
    async def leave(socket: ServerConnection) -> None:
        await socket.close(code, "because")

    async with through(leave) as (gateway, client):
        socket = await opened(client)
        frame = await socket.recv()
        assert (frame.opcode, frame.data) == (Opcode.CLOSE, code.to_bytes(2, "big") + b"because")
        socket.stream.end()
        await ended(gateway)


async def test_pings_are_answered_by_the_other_end():
    async with through() as (_, client):
        socket = await opened(client)
        await socket.ping(b"beat")
        frame = await socket.recv()
        assert (frame.opcode, frame.data) == (Opcode.PONG, b"beat")


async def test_the_server_gets_the_handshake_of_http1():
    seen: list[Any] = []

    async def look(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.extend([socket.request.path, socket.request.headers])

    async with through(look) as (_, client):
        await opened(client, fields=[("sec-websocket-protocol", "chat.v2"), ("origin", "http://a")])
        await until(lambda: bool(seen), "the handshake")
    path, headers = seen
    assert (path, headers["Sec-WebSocket-Protocol"], headers["Origin"]) == (
        "/chat?room=1",
        "chat.v2",
        "http://a",
    )
    assert headers["Via"] == "2 tidegate"
    assert len(base64.b64decode(headers["Sec-WebSocket-Key"])) == 16


async def test_what_the_server_sends_along_with_its_101_passes():
    async def greet(socket: ServerConnection) -> None:
        await socket.send("welcome")
        await socket.wait_closed()

    async with through(greet) as (_, client):
        assert await (await opened(client)).message() == b"welcome"


async def test_frames_that_come_before_the_response_reach_the_server():
    async with through() as (_, client):
        pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http")]
        pseudo += [(":authority", "a"), (":path", "/")]
        stream = client.open("CONNECT", "/", [("sec-websocket-version", "13")], end=False, pseudo=pseudo)
        socket = StreamSocket(stream)
        await socket.send("early")
        await stream.read_head()
        assert await socket.message() == b"early"


@pytest.mark.parametrize("by", ["reset", "end", "connection"])
async def test_a_client_that_vanishes_ends_the_servers_side(by):
    gone = asyncio.Event()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        gone.set()

    async with through(wait) as (gateway, client):
        socket = await opened(client)
        if by == "reset":
            socket.stream.reset()
        elif by == "end":
            socket.stream.end()
        else:
            client.abort()
        async with within("the server to see the end"):
            await gone.wait()
        await ended(gateway)


async def test_a_server_that_vanishes_ends_the_stream():
    async def vanish(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with through(vanish) as (gateway, client):
        socket = await opened(client)
        await client.until(
            lambda: socket.stream.ended or socket.stream.reset_code is not None, "the stream's end"
        )
        await ended(gateway)
        assert (await client.request("GET", "/")).status == 426


async def test_a_drain_tells_both_ends_1001():
    codes = []

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        codes.append(socket.close_code)

    async with through(wait, drain_s=2.0) as (gateway, client):
        socket = await opened(client)
        stopping = asyncio.create_task(gateway.stop(0.0, 2.0))
        frame = await socket.recv()
        assert (frame.opcode, frame.data) == (Opcode.CLOSE, (1001).to_bytes(2, "big"))
        socket.stream.end()
        await stopping
        await until(lambda: bool(codes), "the server to see it")
        assert codes == [1001]
        await client.expect_closed()


async def test_without_a_key_there_is_no_handshake():
    async with through(AUTH="key", API_KEY=KEY) as (_, client):
        rejected = (await opened(client)).head
        assert (rejected.status, rejected.get("tidegate-reason")) == (401, "key_missing")
        socket = await opened(client, fields=[("x-api-key", KEY)])
        await socket.send("hello")
        assert await socket.message() == b"hello"


async def test_the_servers_refusal_passes_and_the_connection_goes_on():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(403, b"not you")
        async with Http2Client(gateway.port) as client:
            response = await (await opened(client)).stream.response()
            assert (response.status, response.body) == (403, b"not you")
            assert (await client.request("GET", "/")).status == 200


def accept_of(key: str) -> bytes:
    """RFC 6455 §4.2.2."""
    joined = key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1(joined).digest())  # noqa: S324 - RFC 6455 asks for it


@pytest.mark.parametrize("honest", [True, False])
async def test_a_server_that_does_not_accept_the_gateways_key_is_not_believed(honest):
    async def respond(exchange: Any) -> None:
        accept = accept_of(exchange.request.get("sec-websocket-key") if honest else "another")
        head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        await exchange.send(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        await exchange.peer_closes()

    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.default = respond
        async with Http2Client(gateway.port) as client:
            head = (await opened(client)).head
            expected = (200, "") if honest else (502, "upstream_protocol")
            assert (head.status, head.get("tidegate-reason")) == expected


@pytest.mark.parametrize(
    ("pseudo", "status"),
    [
        ([(":protocol", "connect-udp"), (":scheme", "http"), (":authority", "a"), (":path", "/")], 400),
        ([(":authority", "a:80")], 405),
    ],
)
async def test_any_other_connect_is_rejected(pseudo, status):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with Http2Client(gateway.port) as client:
            stream = client.open("CONNECT", "/", end=True, pseudo=[(":method", "CONNECT"), *pseudo])
            assert (await stream.read_head()).status == status
        assert upstream.requests == []
