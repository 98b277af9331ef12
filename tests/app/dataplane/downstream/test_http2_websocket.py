"""A WebSocket on a stream of HTTP/2, from the handshake to its end (RFC 8441)."""

import re

import pytest

from app.dataplane.codec.websocket_handshake import accept_of
from tests.fakes.connected_http2_client import GET, ConnectedHttp2Client
from tests.fakes.driven_exchange import Proxy, gateway_text

CONNECT = [(":method", "CONNECT"), (":protocol", "websocket"), *GET[1:]]
CANCEL = 8


@pytest.fixture
async def client(clock):
    made = ConnectedHttp2Client(Proxy(clock, gateway_text()))
    await made.begin()
    return made


def handshake(client):
    """What the upstream was asked, and how it accepts that."""
    asked = client.proxy.loop.transports[-1].take()
    found = re.search(rb"sec-websocket-key: (\S+)\r\n", asked)
    assert found
    accept = accept_of(found[1])
    return asked, (
        b"HTTP/1.1 101 Go\r\nupgrade: websocket\r\nsec-websocket-accept: " + accept + b"\r\nx-a: 1\r\n\r\n"
    )


def credit(client, number):
    return sum(event.delta for event in client.named("WindowUpdated", number))


async def test_the_handshake_is_http1s_to_the_upstream_and_200_to_the_client(client):
    number = await client.open(CONNECT, end=False)
    asked, accepted = handshake(client)
    assert asked.startswith(b"GET / HTTP/1.1\r\n")
    assert asked.endswith(b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n")
    await client.answer(accepted + b"from upstream")
    fields = client.fields(number)
    assert (fields[":status"], fields["x-a"], client.body(number)) == ("200", "1", b"from upstream")
    assert "sec-websocket-accept" not in fields
    await client.send(number, b"from client")
    assert client.proxy.loop.transports[-1].take() == b"from client"
    assert client.connection.streams[number].deadline_s == float("inf")


async def test_what_comes_before_the_upstream_accepts_waits_without_credit(client):
    number = await client.open(CONNECT, end=False)
    _, accepted = handshake(client)
    upstream = client.proxy.loop.transports[-1]
    upstream.stall()
    upstream.write(b"an unsent byte")
    window = client.h2.local_flow_control_window(number)
    while left := client.h2.local_flow_control_window(number):
        await client.send(number, b"x" * min(left, 16_000))
    upstream.take()
    await client.answer(accepted)
    assert len(upstream.take()) == window
    assert credit(client, number) == 0  # the upstream takes none of it
    upstream.drain()
    await client.exchange_frames()
    assert credit(client, number) == window
    await client.send(number, b"more")
    assert upstream.take() == b"more"


async def test_an_end_that_comes_before_the_upstream_accepts_is_heard_then(client):
    number = await client.open(CONNECT, end=False)
    _, accepted = handshake(client)
    await client.send(number, b"early", end=True)
    await client.answer(accepted + b"its last word")
    upstream = client.proxy.loop.transports[-1]
    assert (upstream.take(), client.body(number), upstream.closing) == (b"early", b"its last word", False)
    upstream.lose()
    await client.exchange_frames()
    assert client.named("StreamEnded", number)
    assert client.connection.streams == {}
    assert client.proxy.is_at_rest


async def test_a_tunnel_that_is_cut_resets_its_stream(client):
    number = await client.open(CONNECT, end=False)
    _, accepted = handshake(client)
    await client.answer(accepted)
    (tunnel,) = client.proxy.context.tunnels
    tunnel.abort()
    await client.exchange_frames()
    assert [int(event.error_code) for event in client.named("StreamReset", number)] == [CANCEL]
    assert client.proxy.is_at_rest


async def test_a_reset_by_the_client_ends_the_upstreams_side(client):
    number = await client.open(CONNECT, end=False)
    _, accepted = handshake(client)
    await client.answer(accepted)
    client.h2.reset_stream(number, CANCEL)
    await client.exchange_frames()
    assert client.proxy.loop.transports[-1].closing
    assert client.proxy.is_at_rest
