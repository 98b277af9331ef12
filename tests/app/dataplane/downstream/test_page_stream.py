"""A page of our own on a stream of HTTP/2, by the stock protocol object that serves it over HTTP/1.1."""

import asyncio
from typing import ClassVar

import pytest

from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.request import read_request
from app.dataplane.downstream.page_stream import PageStream
from tests.fakes.connected_client import pages_of
from tests.fakes.manual_loop import settled
from tests.fakes.stream_side import StreamSide
from tests.fakes.transport import FakeTransport

PEER = PeerIdentity("192.0.2.1", "http")
GET = b"GET /page?q HTTP/1.1\r\nHost: h:8\r\nX-A: 1\r\nTE: trailers"
POST = b"POST /page HTTP/1.1\r\nHost: h\r\n"


class Site:
    """An ASGI application that returns what it was asked."""

    def __init__(self):
        self.scope, self.body, self.disconnected = None, b"", False
        self.size_bytes = 2
        self.breaks = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope, receive, send):
        self.scope = scope
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected = True
                return
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        await self.gate.wait()
        headers = [(b"content-length", b"%d" % self.size_bytes), (b"x-own", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if self.breaks:
            raise RuntimeError("the page broke")
        await send({"type": "http.response.body", "body": b"p" * self.size_bytes})


class Echo(asyncio.Protocol):
    """A WebSocket's protocol as uvicorn makes it: accepts, then returns what comes."""

    made: ClassVar[list["Echo"]] = []
    accepts = True

    def __init__(self, **_of):
        Echo.made.append(self)
        self.heard, self.lost = [], False
        self.opened = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.heard.append(data)
        if self.opened:
            self.transport.write(data)
            return
        self.opened = True
        if Echo.accepts:
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nhello")
        else:
            self.transport.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!")
            self.transport.close()

    def eof_received(self):
        return None

    def connection_lost(self, exc):
        self.lost = True


@pytest.fixture
async def site():
    return Site()


@pytest.fixture
async def side():
    return StreamSide()


@pytest.fixture
def asked(site, side):
    def made(text, *, websocket=False):
        request = read_request(text, PEER)
        assert request.rejection is None
        request.websocket = websocket
        stream = PageStream(pages_of(site, Echo), side, side, FakeTransport(), request)
        stream.begin()
        return stream

    return made


async def test_a_page_is_asked_as_the_client_asked_and_its_response_is_the_streams(asked, site, side):
    asked(GET)
    await settled()
    assert (site.scope["path"], site.scope["query_string"]) == ("/page", b"q")
    assert site.scope["client"] == ("192.0.2.1", 40_000)
    assert (b"host", b"h:8") in site.scope["headers"]
    assert (b"x-a", b"1") in site.scope["headers"]
    assert b"te" not in dict(site.scope["headers"])
    assert side.head is not None
    assert (side.head[0], side.head[2], side.body) == (200, 2, b"pp")
    assert b"x-own: 1\r\n" in side.head[1]
    assert side.calls == ["end", "done"]


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
async def test_a_page_has_the_body_however_it_was_announced(asked, site, side, framing):
    stream = asked(POST + framing)
    stream.on_request_body(b"he")
    stream.on_request_body(b"llo")
    stream.on_request_end([])
    await settled()
    assert (site.body, side.body, side.calls) == (b"hello", b"pp", ["end", "done"])


async def test_the_response_to_head_has_no_body(asked, side):
    asked(GET.replace(b"GET", b"HEAD"))
    await settled()
    assert side.head is not None
    assert (side.head[2], side.body, side.calls) == (2, b"", ["end", "done"])


async def test_a_page_that_breaks_amid_its_response_resets_the_stream(asked, site, side):
    site.breaks = True
    asked(GET)
    await settled()
    assert side.calls == ["abort"]


async def test_a_client_that_is_gone_ends_the_page(asked, site, side):
    site.gate.clear()
    stream = asked(POST + b"Content-Length: 5")
    await settled()
    stream.on_client_gone()
    await settled()
    assert site.disconnected
    assert side.calls == []


async def test_a_body_that_breaks_the_protocol_ends_the_page(asked, site, side):
    stream = asked(POST + b"Content-Length: 5")
    await settled()
    stream.on_request_malformed("more than announced")
    await settled()
    assert site.disconnected
    assert side.calls == ["abort"]


async def test_a_client_that_takes_nothing_holds_the_page_back(asked, site, side):
    site.gate.clear()
    stream = asked(GET)
    stream.on_client_blocked()
    stream.on_deadline(0.0)
    site.gate.set()
    await settled()
    assert (side.body, side.calls) == (b"", [])
    stream.on_client_writable()
    await settled()
    assert (side.body, side.calls) == (b"pp", ["end", "done"])


async def test_a_websocket_of_a_page_speaks_over_the_stream(asked, side):
    Echo.accepts = True
    stream = asked(GET, websocket=True)
    (echo, *_) = reversed(Echo.made)
    handshake = echo.heard[0].lower()
    assert b"upgrade: websocket" in handshake
    assert b"sec-websocket-key: " in handshake
    assert side.head is not None
    assert (side.head[0], side.body, side.calls) == (200, b"hello", [])
    stream.on_request_body(b"frame")
    assert side.body == b"helloframe"
    stream.on_client_blocked()
    stream.on_client_writable()
    stream.on_request_end([])
    await settled()
    assert (echo.lost, side.calls) == (True, ["end", "done"])


async def test_a_rejected_handshake_is_a_response(asked, side):
    Echo.accepts = False
    asked(GET, websocket=True)
    await settled()
    assert side.head is not None
    assert (side.head[0], side.body, side.calls) == (403, b"no!", ["end", "done"])


@pytest.mark.parametrize("malformed", [True, False])
async def test_a_websocket_whose_client_is_gone_ends(asked, side, malformed):
    Echo.accepts = True
    stream = asked(GET, websocket=True)
    (echo, *_) = reversed(Echo.made)
    if malformed:
        stream.on_request_malformed("DATA on a closed stream")
    stream.on_client_gone()
    await settled()
    assert (echo.lost, side.calls) == (True, ["abort"] if malformed else [])
