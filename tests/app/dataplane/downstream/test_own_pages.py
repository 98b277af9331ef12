"""Pages of the gateway's own: a stock protocol object serves one request on a connection that it does not own."""

import asyncio
from typing import Any, ClassVar

import pytest

from tests.fakes.connected_client import ConnectedClient, pages_of
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import settled

PAGE = b"GET /page?q HTTP/1.1\r\nHost: h\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Site:
    """An ASGI application; `gate` holds its responses back while it is clear."""

    def __init__(self):
        self.scopes, self.bodies, self.disconnects = [], [], 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.read_body = True
        self.size_bytes = 2

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        body, more = b"", self.read_body
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        await self.gate.wait()
        headers = [(b"content-length", b"%d" % self.size_bytes)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"p" * self.size_bytes})


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def connect(clock, site):
    def made(**of):
        known = Proxy(clock, gateway_text())
        known.context.local_paths = frozenset({b"/page"})
        return ConnectedClient(known, pages_of(site), **of)

    return made


def statuses(written):
    return [int(part[:3]) for part in written.split(b"HTTP/1.1 ")[1:]]


async def test_a_page_is_asked_as_the_client_asked(connect, site):
    client = connect()
    written = await client.send(PAGE[:-2] + b"X-A: 1\r\n\r\n")
    assert written.endswith(b"\r\n\r\npp")
    (scope,) = site.scopes
    assert (scope["path"], scope["query_string"], scope["client"]) == ("/page", b"q", ("192.0.2.1", 40_000))
    assert (b"x-a", b"1") in scope["headers"]
    assert client.proxy.loop.connected == []
    assert client.state == "IDLE"
    assert client.left_s == 75.0


async def test_pages_and_proxied_requests_take_turns(connect):
    client = connect()
    assert statuses(await client.send(PAGE + GET + PAGE + PAGE)) == [200]
    assert statuses(await client.answer()) == [200, 200, 200]
    await client.send(GET)
    assert statuses(await client.answer()) == [200]


async def test_what_comes_behind_a_page_waits_unread(connect, site):
    client = connect()
    site.gate.clear()
    await client.send(PAGE + GET * 1000)
    assert (client.state, client.connection.reader.unread_bytes) == ("PAGE", len(GET) * 1000)
    assert not client.transport.reading
    assert len(site.scopes) == 1
    site.gate.set()
    await settled()
    assert client.proxy.context.counts.in_flight == 1


async def test_a_malformed_request_for_a_page_is_rejected_as_any_other(connect, site):
    client = connect()
    assert statuses(await client.send(b"GET /page HTTP/1.1\r\n\r\n")) == [400]
    assert site.scopes == []


@pytest.mark.parametrize(
    ("framing", "pieces"),
    [
        (b"Content-Length: 5", [b"hello"]),
        (b"Content-Length: 5", [b"he", b"llo"]),
        (b"Transfer-Encoding: chunked", [b"2\r\nhe\r\n", b"3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n"]),
    ],
)
@pytest.mark.parametrize("with_head", [True, False])
async def test_a_page_has_its_requests_body(connect, site, framing, pieces, with_head):
    client = connect()
    head = b"POST /page HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n"
    written = await client.send(*([head + pieces[0], *pieces[1:]] if with_head else [head, *pieces]))
    assert (statuses(written), site.bodies, client.state) == ([200], [b"hello"], "IDLE")
    await client.send(GET)
    assert statuses(await client.answer()) == [200]


async def test_a_page_that_does_not_read_its_requests_body_ends_the_connection(connect, site):
    client = connect()
    site.read_body = False
    head = b"POST /page HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe"
    assert statuses(await client.send(head)) == [200]
    assert client.state == "LINGERING"


async def test_a_body_whose_framing_breaks_ends_the_connection(connect, site):
    client = connect()
    head = b"POST /page HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    await client.send(head, b"no size\r\n")
    assert client.transport.aborted
    assert (site.disconnects, site.bodies) == (1, [])


@pytest.mark.parametrize(
    "head",
    [
        PAGE[:-2] + b"Connection: close\r\n\r\n",
        b"GET /page HTTP/1.0\r\n\r\n",
    ],
)
async def test_a_page_may_be_the_connections_last(connect, head):
    client = connect()
    written = await client.send(head)
    assert (statuses(written), b"connection: close\r\n" in written) == ([200], True)
    assert client.transport.closing


async def test_a_page_that_fails_is_500_and_ends_the_connection(clock):
    async def broken(scope, receive, send):
        raise ZeroDivisionError

    known = Proxy(clock, gateway_text())
    known.context.local_paths = frozenset({b"/page"})
    client = ConnectedClient(known, pages_of(broken))
    written = await client.send(PAGE)
    assert statuses(written) == [500]
    assert client.transport.closing


async def test_a_client_that_leaves_is_told_to_its_page(connect, site):
    client = connect()
    site.read_body = True
    await client.send(b"POST /page HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
    client.transport.lose()
    await settled()
    assert (site.disconnects, client.state) == (1, "CLOSED")


async def test_a_page_waits_for_a_client_that_takes_nothing(connect, site):
    client = connect()
    client.transport.stall()
    site.size_bytes = 1_000_000
    await client.send(PAGE)
    client.transport.drain()
    await settled()
    assert client.state == "IDLE"


# The stock protocol's own ideas of the connection


async def served(client, site):
    """The page of a request that was answered."""
    site.gate.clear()
    await client.send(PAGE)
    page = client.connection.serving
    site.gate.set()
    await settled()
    assert statuses(client.transport.take()) == [200]
    return page


async def test_its_keep_alive_timer_never_closes_the_connection(connect, site):
    client = connect()
    page = await served(client, site)
    assert page._protocol.timeout_keep_alive_task is None
    page._protocol.timeout_keep_alive_handler()
    assert not client.transport.closing


async def test_what_a_page_does_after_its_response_touches_nothing(connect, site):
    client = connect()
    page = await served(client, site)
    facade = page._transport
    before = list(client.transport.calls)
    facade.write(b"late")
    facade.close()
    facade.abort()
    facade.pause_reading()
    facade.resume_reading()
    facade.set_protocol(asyncio.Protocol())
    page.on_request_body(b"late")
    page.shutdown()
    page.on_client_gone()
    assert (client.transport.take(), client.transport.closing) == (b"", False)
    assert client.transport.calls == before
    assert client.transport.protocol is client.connection


async def test_the_facade_is_the_connections_transport_but_for_its_end(connect, site):
    client = connect()
    site.gate.clear()
    await client.send(PAGE)
    page = client.connection.serving
    facade, real = page._transport, client.transport
    assert facade.get_extra_info("peername") == real.get_extra_info("peername")
    assert facade.is_reading() == real.is_reading()
    assert facade.can_write_eof() == real.can_write_eof()
    facade.set_write_buffer_limits(7)
    assert real.high_bytes == 7
    facade.pause_reading()
    assert not real.reading
    facade.resume_reading()
    assert real.reading
    facade.close()
    assert (facade.is_closing(), real.closing) == (True, False)
    facade.abort()
    assert real.aborted


# Shutdown


async def test_while_draining_a_page_is_the_connections_last_response(connect):
    client = connect()
    client.proxy.context.draining = True
    written = await client.send(PAGE)
    assert (statuses(written), b"connection: close\r\n" in written) == ([200], True)
    assert client.transport.closing


async def test_a_page_under_way_is_told_that_it_is_the_last(connect, site):
    client = connect()
    site.gate.clear()
    await client.send(PAGE)
    client.proxy.context.draining = True
    client.connection.prepare_to_end()
    site.gate.set()
    await settled()
    written = client.transport.take()
    assert (statuses(written), b"connection: close\r\n" in written) == ([200], True)
    assert client.transport.closing


# WebSockets


class Socket(asyncio.Protocol):
    """Where a stock WebSocket protocol would be."""

    made: ClassVar[list[Any]] = []

    def __init__(self, config, server_state, app_state):
        self.received = b""
        Socket.made.append(self)

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data

    def connection_lost(self, exc):
        self.lost = True


async def test_a_websocket_has_the_connection_from_then_on(clock, site):
    Socket.made = []
    known = Proxy(clock, gateway_text())
    known.context.local_paths = frozenset({b"/page"})
    client = ConnectedClient(known, pages_of(site, ws=Socket))
    await client.send(PAGE[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    (ws,) = Socket.made
    assert client.transport.protocol is ws
    assert ws.received.startswith(b"GET /page?q HTTP/1.1\r\n")
    assert client.state == "TUNNEL"
    assert not known.context.open_clients
    ws.transport.write(b"frame")
    assert client.transport.take() == b"frame"
    ws.transport.close()
    await settled()
    assert client.transport.closing
    assert ws.lost
