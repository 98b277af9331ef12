"""Clients that abuse HTTP/2, while others are served: the abuse ends or is bounded, and nobody else sees it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from app.dataplane.codec.http2_error import CANCEL, ENHANCE_YOUR_CALM
from tests.fakes import http2_frames as h2
from tests.fakes.client import RawClient
from tests.fakes.exchange import within
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.socket_buffers import kernel_keeps_bytes
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

POST = [(b":method", b"POST"), *h2.GET[1:]]
PIECE_BYTES = 1 << 16
OTHERS_BEFORE, OTHERS_AFTER = 3, 5
FEW_SERVED = 300
"""Of the requests of a connection that is ended for its abuse."""


class Others:
    """Clients of either protocol that ask one thing after the other; each must be served in five seconds."""

    def __init__(self) -> None:
        self.served = {"HTTP/1.1": 0, "HTTP/2": 0}

    async def ask(self, protocol: str, client: RawClient | Http2Client) -> None:
        async with client:
            while True:
                response = await client.request("GET", "/others")
                assert response.status == 200
                self.served[protocol] += 1

    async def served_more(self, count: int) -> None:
        """Each of them so many times from now on."""
        aims = {protocol: served + count for protocol, served in self.served.items()}
        await until(
            lambda: all(self.served[name] >= aim for name, aim in aims.items()), "others to be served"
        )


@asynccontextmanager
async def others_asking(port: int) -> AsyncIterator[Others]:
    others = Others()
    clients: dict[str, RawClient | Http2Client] = {"HTTP/1.1": RawClient(port), "HTTP/2": Http2Client(port)}
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(others.ask(name, client)) for name, client in clients.items()]
        await others.served_more(OTHERS_BEFORE)
        yield others
        await others.served_more(OTHERS_AFTER)
        for each in asking:
            each.cancel()


class Attacker:
    """One connection, by frames. `goaways`: (last stream, code) of each that came."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._received = bytearray()

    async def __aenter__(self) -> "Attacker":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def hear_end(self) -> list[h2.Frame]:
        """All frames until the gateway closes, which it has to do."""
        async with within("the attacker's connection to be ended"):
            try:
                while data := await self.reader.read(1 << 16):
                    self._received += data
            except ConnectionError:
                pass  # what it sent was not all read
        return list(h2.frames(bytes(self._received)))

    async def hear(self, kind: int, stream_id: int) -> h2.Frame:
        """The first frame of that kind on that stream."""
        async with within(f"frame {kind} on stream {stream_id}"):
            while True:
                for each in h2.frames(bytes(self._received)):
                    if (each.kind, each.stream_id) == (kind, stream_id):
                        return each
                data = await self.reader.read(1 << 16)
                assert data, "the connection ended"
                self._received += data


def goaway_code(frames: Iterable[h2.Frame]) -> int:
    last = [each for each in frames if each.kind == h2.GOAWAY][-1]
    return int.from_bytes(last.payload[4:8], "big")


def rapid_resets() -> bytes:
    """CVE-2023-44487."""
    return b"".join(
        h2.headers(number, h2.GET) + h2.rst_stream(number, CANCEL) for number in range(1, 1001, 2)
    )


def provoked_resets() -> bytes:
    """CVE-2025-8671: the gateway is made to reset what it has begun."""
    announced = [*POST, (b"content-length", b"1")]
    return b"".join(
        h2.headers(number, announced, end=False) + h2.data(number, b"more") for number in range(1, 1001, 2)
    )


def continuations(payload: bytes, count: int) -> bytes:
    """CVE-2024-27316: a head that never ends."""
    first = h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.block(h2.GET))
    return first + h2.frame(h2.CONTINUATION, 0, 1, payload) * count


def unfolding_head() -> bytes:
    """A few kilobytes that are some megabytes: a field of the dynamic table, named again and again (RFC 7541 §6.1)."""
    value = b"v" * 3000
    size = b"\x7f" + bytes([(len(value) - 127) % 128 + 128, (len(value) - 127) // 128])
    stored = b"\x40\x03big" + size + value  # literal with incremental indexing, §6.2.1
    return h2.frame(h2.HEADERS, h2.END_STREAM | h2.END_HEADERS, 1, h2.block(h2.GET) + stored + b"\xbe" * 2000)


FLOODS = {
    "rapid resets": rapid_resets(),
    "provoked resets": provoked_resets(),
    "CONTINUATION frames with a field each": continuations(h2.block([(b"x-a", b"b" * 1000)]), 1000),
    "empty CONTINUATION frames": continuations(b"", 5000),
    "a head that unfolds": unfolding_head(),
    "SETTINGS frames": h2.settings({3: 10}) * 2000,
    "PING frames": h2.frame(h2.PING, payload=bytes(8)) * 2000,
    "PRIORITY frames": h2.frame(h2.PRIORITY, 0, 1, bytes(5)) * 2000,
    "frames of a kind that nobody knows": h2.frame(0xF0, 0, 0, bytes(8)) * 2000,
    "empty DATA frames": h2.headers(1, POST, end=False) + h2.data(1, b"") * 2000,
    "WINDOW_UPDATE frames of one byte": h2.headers(1, POST, end=False) + h2.window_update(0, 1) * 3000,
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_ends_its_connection_and_is_felt_by_nobody_else(flood):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with others_asking(gateway.port), Attacker(gateway.port) as attacker:
            attacker.send(h2.PREFACE, h2.settings(), FLOODS[flood])
            assert goaway_code(await attacker.hear_end()) == ENHANCE_YOUR_CALM
        await until(lambda: not gateway.counts.in_flight, "what the attacker began to end")
        from_attacker = [request for request in upstream.requests if request.target != "/others"]
        assert len(from_attacker) <= FEW_SERVED


async def test_a_flood_that_goes_on_is_not_read_on():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        others_asking(gateway.port),
        Attacker(gateway.port) as attacker,
    ):
        attacker.send(h2.PREFACE, h2.settings())
        for _ in range(200):
            attacker.send(h2.frame(h2.PING, payload=bytes(8)) * 1000)
        await attacker.hear_end()


async def test_a_client_that_holds_its_windows_at_zero_is_ended_and_holds_little_meanwhile(tmp_path):
    config = """
upstreams: {{all: {{endpoints: ["{url}"]}}}}
routes: [{{name: all, match: {{path: {{prefix: /}}}}, upstream: all, auth: none}}]
policies: [{{name: all, spec: {{targetRefs: [{{kind: Gateway}}], timeout: {{idle: 300ms}}}}}}]
"""
    taken_bytes = 0
    # of one response: the upstream's socket and the gateway's; then what the gateway keeps itself
    most_bytes = kernel_keeps_bytes(senders=1, receivers=1) + (2 << 20)

    async def respond(exchange):
        nonlocal taken_bytes
        await exchange.whole_request()
        if exchange.request.target == "/others":
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * most_bytes))
        for _ in range(2 * most_bytes // PIECE_BYTES):
            await exchange.send(bytes(PIECE_BYTES))
            taken_bytes += PIECE_BYTES

    async with RecorderUpstream() as upstream:
        upstream.default = respond
        async with running_gateway(config=config.format(url=upstream.url), folder=tmp_path) as gateway:
            async with others_asking(gateway.port), Attacker(gateway.port) as attacker:
                attacker.send(h2.PREFACE, h2.settings({4: 0}))  # SETTINGS_INITIAL_WINDOW_SIZE
                attacker.send(*[h2.headers(number, h2.GET) for number in range(1, 21, 2)])
                frames = await attacker.hear_end()
            assert goaway_code(frames) == ENHANCE_YOUR_CALM
            assert [each for each in frames if each.kind == h2.DATA and each.payload] == []
            assert taken_bytes < 10 * most_bytes


async def test_an_upload_in_frames_of_one_byte_is_served_as_any_other():
    size_bytes = 20_000
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with others_asking(gateway.port), Attacker(gateway.port) as attacker:
            attacker.send(h2.PREFACE, h2.settings(), h2.headers(1, POST, end=False))
            attacker.send(h2.data(1, b"x") * (size_bytes - 1), h2.data(1, b"x", end=True))
            head = await attacker.hear(h2.HEADERS, 1)
            assert head.payload[:1] == b"\x88"  # :status 200, RFC 7541 Appendix A
        (upload,) = [request for request in upstream.requests if request.method == "POST"]
        assert upload.body == b"x" * size_bytes


async def test_more_streams_than_allowed_are_refused_one_by_one():
    held = asyncio.Event()

    async def hold(exchange):
        await exchange.whole_request()
        if exchange.request.target != "/others":
            await held.wait()
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with RecorderUpstream() as upstream:
        upstream.default = hold
        async with running_gateway(upstream.url, MAX_STREAMS="10") as gateway:
            async with others_asking(gateway.port), Attacker(gateway.port) as attacker:
                attacker.send(h2.PREFACE, h2.settings())
                attacker.send(*[h2.headers(number, h2.GET) for number in range(1, 41, 2)])
                refused = await attacker.hear(h2.RST_STREAM, 39)
                assert int.from_bytes(refused.payload, "big") == 7  # REFUSED_STREAM
                await until(lambda: gateway.counts.in_flight >= 10, "ten to be under way")
                held.set()
                await attacker.hear(h2.HEADERS, 19)
            assert sum(request.target != "/others" for request in upstream.requests) == 10
