"""What is wrong with an upstream that speaks HTTP/2, or should: each fault with its reason, none a hang."""

import asyncio
from typing import Any

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PushPromiseFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.fakes import answers
from tests.fakes.client import RawClient, Truncated
from tests.fakes.http2_upstream import Fields, Http2Stream, Http2Upstream
from tests.fakes.http2_upstream_gateway import (
    expect_bad_gateway,
    gateway_to,
    server_tls,
    trusting,
    two_on_one_connection,
)
from tests.fakes.upstream import RecorderUpstream

OK = (b":status", b"200")
HEADS: dict[str, Fields] = {
    "no status": [(b"server", b"x")],
    "an empty status": [(b":status", b"")],
    "a status in letters": [(b":status", b"abc")],
    "status 99": [(b":status", b"099")],
    "status 600": [(b":status", b"600")],
    "101": [(b":status", b"101")],
    "two statuses": [OK, OK],
    "a late status": [(b"server", b"x"), OK],
    "a path": [OK, (b":path", b"/")],
    "an unknown pseudo-field": [OK, (b":x", b"1")],
    "an uppercase name": [OK, (b"X-A", b"1")],
    "an empty name": [OK, (b"", b"1")],
    "a name with a space": [OK, (b"x a", b"1")],
    "a name with a colon": [OK, (b"x:a", b"1")],
    "a newline in a value": [OK, (b"x-a", b"1\r\nx-poison: 1")],
    "a NUL in a value": [OK, (b"x-a", b"1\x00")],
    "connection": [OK, (b"connection", b"close")],
    "keep-alive": [OK, (b"keep-alive", b"timeout=5")],
    "proxy-connection": [OK, (b"proxy-connection", b"close")],
    "transfer-encoding": [OK, (b"transfer-encoding", b"chunked")],
    "upgrade": [OK, (b"upgrade", b"h2c")],
    "two lengths": [OK, (b"content-length", b"1"), (b"content-length", b"2")],
    "a length in letters": [OK, (b"content-length", b"five")],
    "a negative length": [OK, (b"content-length", b"-1")],
}


def head_of(fields: Fields):
    async def answer(stream: Http2Stream) -> None:
        stream.connection.raw_fields(stream.stream_id, fields)
        await stream.gone()

    return answer


def frames_of(*frames):
    """Frames for the request's stream; a function makes them from its number."""

    async def answer(stream: Http2Stream) -> None:
        await stream.whole()
        for frame in frames:
            stream.connection.raw(frame(stream) if callable(frame) else frame)
        await stream.gone()

    return answer


@pytest.mark.parametrize("what", HEADS)
async def test_a_malformed_head_is_upstream_protocol_and_costs_no_other_request(tmp_path, what):
    async with (
        Http2Upstream() as upstream,
        gateway_to(upstream.url, tmp_path) as gateway,
        two_on_one_connection(gateway, upstream) as (other, client),
    ):
        go = asyncio.Event()

        async def wait(stream: Http2Stream) -> None:
            await go.wait()
            stream.head(200, end=True)

        upstream.answer(wait)
        await other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await upstream.wait_for(len(upstream.streams) + 1)
        upstream.answer(head_of(HEADS[what]))
        await expect_bad_gateway(client, "upstream_protocol")
        go.set()
        assert (await other.read_response()).status == 200
        held, malformed = upstream.streams[-2:]
        assert held.connection is malformed.connection


def flagged(frame, *flags):
    for flag in flags:
        frame.flags.add(flag)
    return frame


BREAKS = {
    "a head that HPACK cannot read": lambda s: flagged(
        HeadersFrame(s.stream_id, data=b"\xff" * 20), "END_HEADERS"
    ),
    "a response on a stream that nobody opened": lambda s: flagged(
        HeadersFrame(s.stream_id + 100, data=s.connection.h2.encoder.encode([OK])), "END_HEADERS"
    ),
    "DATA on a stream that nobody opened": lambda s: DataFrame(s.stream_id + 100, data=b"x"),
    "DATA before the head": lambda s: DataFrame(s.stream_id, data=b"x"),
    "a CONTINUATION of nothing": lambda s: ContinuationFrame(s.stream_id, data=b"x"),
    "a pushed stream": lambda s: flagged(
        PushPromiseFrame(s.stream_id, 2, data=s.connection.h2.encoder.encode([(b":method", b"GET")])),
        "END_HEADERS",
    ),
    "a window that overflows": lambda s: b"".join(
        WindowUpdateFrame(0, 2**31 - 1).serialize() for _ in range(2)
    ),
    "a frame that is too large": b"\x01\x00\x00\x00\x00\x00\x00\x00\x01",
    "a SETTINGS frame of an odd size": b"\x00\x00\x05\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00",
    "a SETTINGS value that is none": lambda _: SettingsFrame(0, settings={4: 2**31}),
    "garbage": b"\xff" * 64,
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_breaks_the_framing_is_upstream_protocol_and_the_next_connection_serves(tmp_path, what):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(frames_of(BREAKS[what]))
        async with RawClient(gateway.port) as client:
            await expect_bad_gateway(client, "upstream_protocol")
            assert (await client.request("GET", "/")).status == 200


async def test_a_head_without_end_is_upstream_protocol(tmp_path):
    def endless(stream: Http2Stream) -> bytes:
        block = stream.connection.h2.encoder.encode([OK, *[(b"x-%d" % n, b"v" * 4000) for n in range(100)]])
        pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
        frames: list[Frame] = [HeadersFrame(stream.stream_id, data=pieces[0])]
        frames += [ContinuationFrame(stream.stream_id, data=piece) for piece in pieces[1:]]
        frames[-1].flags.add("END_HEADERS")
        return b"".join(frame.serialize() for frame in frames)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(frames_of(endless))
        async with RawClient(gateway.port) as client:
            await expect_bad_gateway(client, "upstream_protocol")
            assert (await client.request("GET", "/")).status == 200


async def test_interim_responses_without_end_are_upstream_protocol(tmp_path):
    async def endless(stream: Http2Stream) -> None:
        while stream.reset_code is None and not stream.connection.closed:
            stream.connection.raw_fields(stream.stream_id, [(b":status", b"103"), (b"link", b"x" * 4000)])
            await asyncio.sleep(0)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(endless)
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", "/")
            assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_protocol")


BODIES: dict[str, tuple[Any, list[bytes], Any]] = {
    "shorter than Content-Length": (b"5", [b"hell"], True),
    "longer than Content-Length": (b"5", [b"hello!"], True),
    "trailers with a status": (None, [b"hello"], [OK]),
    "trailers in uppercase": (None, [b"hello"], [(b"X-T", b"1")]),
    "trailers with a length": (None, [b"hello"], [(b"content-length", b"5")]),
    "trailers that do not end it": (None, [b"hello"], None),
}


@pytest.mark.parametrize("what", BODIES)
async def test_a_broken_body_is_cut_visibly(tmp_path, what):
    length, pieces, ending = BODIES[what]
    passed = asyncio.Event()

    async def answer(stream: Http2Stream) -> None:
        number, connection = stream.stream_id, stream.connection
        fields = [(b"content-length", length)] if length else []
        connection.raw_fields(number, [OK, *fields])
        await passed.wait()
        for piece in pieces:
            connection.raw_data(number, piece, end=ending is True)
        if ending is None:
            connection.raw_fields(number, [(b"x-t", b"1")])
        elif ending is not True:
            connection.raw_fields(number, ending, end=True)
        await stream.gone()

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(answer)
        async with RawClient(gateway.port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await client.read_head()
            passed.set()
            with pytest.raises(Truncated):
                await client.read_body(head)
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/")).status == 200


# --- the wrong protocol ------------------------------------------------------------------------------------


async def test_h2_to_an_upstream_that_speaks_http1(tmp_path):
    async with RecorderUpstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.default = answers.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", close=True)
        async with RawClient(gateway.port) as client:
            await expect_bad_gateway(client, "upstream_protocol", "it responds in HTTP/1.1, not in HTTP/2")
        upstream.errors.clear()


async def test_http1_to_an_upstream_that_speaks_h2(tmp_path):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path, "http1") as gateway:
        async with RawClient(gateway.port) as client:
            await expect_bad_gateway(client, "upstream_protocol", "protocol: h2")
        upstream.errors.clear()


@pytest.mark.one_process("sees the state of a pool")
async def test_h2_to_an_upstream_that_never_sends_settings(tmp_path):
    async with (
        Http2Upstream(says_settings=False) as upstream,
        gateway_to(upstream.url, tmp_path, timeout={"connect": "100ms"}) as gateway,
        RawClient(gateway.port) as client,
    ):
        await expect_bad_gateway(
            client, "upstream_connect", "connected, but no SETTINGS of HTTP/2 within 0.1 s"
        )
        (pool,) = gateway.bindings.upstreams["main"].addresses
        assert (pool.open, pool.state.in_flight) == (0, 0)


@pytest.mark.parametrize("alpn", [["http/1.1"], []])
async def test_h2_over_tls_to_an_upstream_that_does_not_offer_it(tmp_path, alpn):
    async with RecorderUpstream(tls=server_tls(tmp_path, *alpn)) as upstream:
        async with (
            gateway_to(upstream.url, tmp_path, "h2", trusting(tmp_path)) as gateway,
            RawClient(gateway.port) as client,
        ):
            await expect_bad_gateway(client, "upstream_protocol", "ALPN")
        assert upstream.requests == []


async def test_an_upstream_that_allows_no_streams(tmp_path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SettingsFrame(0, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 0}).serialize())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        gateway_to(f"http://127.0.0.1:{port}", tmp_path) as gateway,
        RawClient(gateway.port) as client,
    ):
        await expect_bad_gateway(client, "upstream_protocol", "it allows no streams")


async def test_a_websocket_to_h2_is_rejected_and_over_tls_gets_http1(tmp_path):
    handshake = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    async with (
        Http2Upstream() as upstream,
        gateway_to(upstream.url, tmp_path) as gateway,
        RawClient(gateway.port) as client,
    ):
        answer = await client.request("GET", "/", handshake)
        assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_protocol")
        assert "a WebSocket needs HTTP/1.1" in answer.json()["detail"]
    async with RecorderUpstream(tls=server_tls(tmp_path, "http/1.1")) as upstream1:
        upstream1.reply(400, b"seen")
        async with (
            gateway_to(upstream1.url, tmp_path, "auto", trusting(tmp_path)) as gateway,
            RawClient(gateway.port) as client,
        ):
            assert (await client.request("GET", "/", handshake)).body == b"seen"
