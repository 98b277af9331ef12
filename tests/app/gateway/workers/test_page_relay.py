"""Both ends of a relayed page over a real Unix socket: `page_relay` in the worker, `page_server` in the parent."""

import asyncio
import os

import pytest

from app.gateway.workers.page_relay import RelayedPages
from app.gateway.workers.page_server import PageServer
from tests.fakes.waiting import until


class Page:
    """The parent's page: records what it hears, and writes what the test says."""

    def __init__(self, transport, owner, chunked) -> None:
        self.transport, self.owner, self.chunked = transport, owner, chunked
        self.heard: list[object] = []

    def begin(self, head):
        self.heard.append(("head", head))

    def on_request_body(self, data):
        self.heard.append(("body", data))

    def on_request_end(self, trailers):
        self.heard.append("end")

    def on_request_malformed(self, detail):
        self.heard.append(("malformed", detail))

    def on_client_gone(self):
        self.heard.append("gone")

    def on_client_blocked(self):
        self.heard.append("blocked")

    def on_client_writable(self):
        self.heard.append("writable")

    def shutdown(self):
        self.heard.append("shutdown")


class Pages:
    def __init__(self) -> None:
        self.made: list[Page] = []

    def page(self, transport, owner, *, chunked):
        self.made.append(Page(transport, owner, chunked))
        return self.made[-1]


class Client(asyncio.Transport):
    """The client's connection in the worker."""

    def __init__(self) -> None:
        super().__init__(
            {"peername": ("192.0.2.7", 4711), "sockname": ("192.0.2.1", 443), "sslcontext": True}
        )
        self.written = bytearray()
        self.did: list[str] = []

    def write(self, data):
        self.written += data

    def is_closing(self):
        return "close" in self.did or "abort" in self.did

    def close(self):
        self.did.append("close")

    def abort(self):
        self.did.append("abort")

    def pause_reading(self):
        self.did.append("pause")

    def resume_reading(self):
        self.did.append("resume")


class Owner:
    """The client's HTTP connection."""

    def __init__(self) -> None:
        self.ended: list[bool] = []
        self.protocol: asyncio.Protocol | None = None

    def on_page_end(self, keep):
        self.ended.append(keep)

    def on_page_upgraded(self, protocol):
        self.protocol = protocol


class Relay:
    """A page of one client's, and what became of it on both sides."""

    def __init__(self, is_worker=lambda pid: pid == os.getpid()) -> None:
        self.pages = Pages()
        self.server = PageServer(self.pages, is_worker)
        self.client, self.owner = Client(), Owner()

    async def begin(self, *, chunked=False):
        await self.server.open()
        pages = RelayedPages(asyncio.get_running_loop(), self.server.address)
        self.page = pages.page(self.client, self.owner, chunked=chunked)
        self.page.begin(b"GET /monitor HTTP/1.1\r\nhost: a")
        return self

    async def made(self) -> Page:
        await until(lambda: bool(self.pages.made), "the page in the parent")
        return self.pages.made[0]

    async def close(self) -> None:
        self.server.close()
        self.page.on_client_gone()
        for page in self.pages.made:
            page.transport.close()
        for _ in range(3):  # the sockets close within a turn or two of the loop
            await asyncio.sleep(0)


@pytest.fixture
async def relay():
    relay = Relay()
    yield relay
    await relay.close()


async def test_a_request_goes_to_the_parent_and_its_response_comes_back(relay):
    await relay.begin(chunked=True)
    relay.page.on_request_body(b"first")
    relay.page.on_request_end([])
    relay.page.shutdown()
    page = await relay.made()
    await until(lambda: len(page.heard) == 4, "the request")
    assert page.heard == [
        ("head", b"GET /monitor HTTP/1.1\r\nhost: a"),
        ("body", b"first"),
        "end",
        "shutdown",
    ]
    assert page.chunked
    extra = page.transport.get_extra_info
    assert extra("peername") == ("192.0.2.7", 4711)
    assert extra("sockname") == ("192.0.2.1", 443)
    assert extra("sslcontext")
    assert extra("cipher", "none") == "none"
    page.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
    page.owner.on_page_end(True)
    await until(lambda: relay.owner.ended == [True], "the end")
    assert relay.client.written == b"HTTP/1.1 200 OK\r\n\r\n"
    assert page.transport.is_closing()
    relay.page.on_request_body(b"too late")
    assert relay.client.did == []


async def test_a_page_that_fails_before_its_response_is_an_unavailable_one(relay):
    await relay.begin()
    page = await relay.made()
    page.transport.abort()
    await until(lambda: relay.owner.ended == [False], "the end")
    assert relay.client.written.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")


async def test_a_page_that_fails_within_its_response_cuts_it_visibly(relay):
    await relay.begin()
    page = await relay.made()
    page.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
    await until(lambda: bool(relay.client.written), "the head")
    page.transport.close()
    await until(lambda: relay.client.did == ["abort"], "the cut")
    assert relay.owner.ended == []


async def test_a_parent_that_is_gone_is_no_hang(relay):
    await relay.server.open()
    pages = RelayedPages(asyncio.get_running_loop(), "\0nobody listens here")
    relay.page = pages.page(relay.client, relay.owner, chunked=False)
    relay.page.begin(b"GET / HTTP/1.1")
    await until(lambda: relay.owner.ended == [False], "the end")
    assert b"503" in relay.client.written


async def test_a_client_that_leaves_ends_the_page(relay):
    await relay.begin()
    page = await relay.made()
    relay.page.on_client_gone()
    await until(lambda: page.heard[-1] == "gone", "the news of it")
    assert relay.owner.ended == []


async def test_a_client_that_leaves_before_the_parent_is_reached_is_never_heard_of(relay):
    await relay.begin()
    relay.page.on_client_gone()
    await until(lambda: relay.page._parent is not None, "the connection")
    assert relay.page._parent.is_closing()


async def test_a_websocket_is_passed_on_both_ways(relay):
    class Socket(asyncio.Protocol):
        def __init__(self) -> None:
            self.heard: list[object] = []

        def data_received(self, data):
            self.heard.append(data)

        def connection_lost(self, exc):
            self.heard.append("lost")

        def pause_writing(self):
            self.heard.append("blocked")

        def resume_writing(self):
            self.heard.append("writable")

    await relay.begin()
    page, socket = await relay.made(), Socket()
    page.owner.on_page_upgraded(socket)
    page.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    await until(lambda: relay.client.written.endswith(b"\r\n\r\n"), "the upgrade")
    assert relay.owner.protocol is not None
    relay.owner.protocol.data_received(b"\x81\x02hi")
    await until(lambda: socket.heard == [b"\x81\x02hi"], "the frame")
    relay.owner.protocol.connection_lost(None)
    await until(lambda: socket.heard[-1] == "lost", "the end")
    assert socket.heard == [b"\x81\x02hi", "lost"]


async def test_the_end_of_a_websocket_by_the_parent_closes_the_clients_connection(relay):
    await relay.begin()
    page = await relay.made()
    page.owner.on_page_upgraded(asyncio.Protocol())
    await until(lambda: relay.owner.protocol is not None, "the upgrade")
    page.transport.close()
    await until(lambda: relay.client.did == ["close"], "the end")
    assert relay.owner.ended == []  # an upgraded connection is no response that ended
    assert relay.client.written == b""


async def test_a_client_that_takes_nothing_holds_the_page_up(relay):
    await relay.begin()
    page = await relay.made()
    relay.page.on_client_blocked()
    piece = b"x" * 65_536
    for _ in range(40):
        page.transport.write(piece)
    await until(lambda: page.heard[-1] == "blocked", "the pause")
    assert page.transport.get_write_buffer_size() > 0
    relay.page.on_client_writable()
    await until(lambda: page.heard[-1] == "writable", "the resumption")
    await until(lambda: len(relay.client.written) == 40 * len(piece), "the rest")


async def test_a_page_that_takes_nothing_holds_the_client_up(relay):
    await relay.begin()
    page = await relay.made()
    page.transport.pause_reading()
    assert not page.transport.is_reading()
    for _ in range(40):
        relay.page.on_request_body(b"x" * 65_536)
    assert relay.client.did == ["pause"]
    page.transport.resume_reading()
    await until(lambda: relay.client.did == ["pause", "resume"], "the resumption")


async def test_a_body_whose_end_cannot_be_found_reaches_the_page(relay):
    await relay.begin()
    relay.page.on_request_malformed("chunk size")
    page = await relay.made()
    await until(lambda: page.heard[-1] == ("malformed", "chunk size"), "the news of it")
    assert page.heard == [("head", b"GET /monitor HTTP/1.1\r\nhost: a"), ("malformed", "chunk size")]
    assert relay.owner.ended == []  # the page itself responds to it


async def test_nobody_but_a_worker_is_served():
    relay = Relay(is_worker=lambda _: False)
    await relay.begin()
    await until(lambda: relay.owner.ended == [False], "the rejection")
    assert relay.pages.made == []
    await relay.close()


async def test_garbage_is_the_end_of_the_connection(relay):
    await relay.begin()
    page = await relay.made()
    relay.page._parent.write(b"\xff\xff\xff\xff")
    await until(lambda: page.heard[-1] == "gone", "the end")
    assert page.transport.is_closing()
    await until(lambda: relay.owner.ended == [False], "the response")
    assert relay.client.written.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
