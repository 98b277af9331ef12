"""HTTP/2 with the client and with the upstream: a stream on one side is one on the other, and nothing is shared."""

import asyncio
import hashlib

import pytest

from tests.fakes.exchange import within
from tests.fakes.http2_client import Http2Client, StreamCut
from tests.fakes.http2_upstream import Http2Stream, Http2Upstream, never
from tests.fakes.http2_upstream_gateway import gateway_to
from tests.fakes.waiting import until

MIB = 1024 * 1024


async def echo(stream: Http2Stream) -> None:
    """What comes goes back, as it comes; the trailers too."""
    stream.head(200)
    at = 0
    while not (stream.ended and at == len(stream.body)):
        if at == len(stream.body):
            await stream.connection.moved()
            continue
        piece = bytes(stream.body[at:])
        at += len(piece)
        await stream.data(piece)
    stream.send_trailers(stream.trailers or [(b"x-none", b"1")])


async def test_a_stream_passes_both_ways_while_both_sides_still_speak(tmp_path):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(echo)
        async with Http2Client(gateway.port) as client:
            stream = client.open("POST", "/", end=False)
            head = await stream.read_head()
            assert head.status == 200
            for count in range(1, 6):
                await stream.send(b"piece")
                assert await stream.read_body(5 * count) == b"piece" * count
            stream.end([("x-sum", "7")])
            response = await stream.response()
    assert (response.body, response.trailers) == (b"piece" * 5, [("x-sum", "7")])
    assert upstream.streams[0].field(b"via") == b"2 tidegate"


@pytest.mark.one_process("sees the state of a pool")
async def test_fifty_streams_share_one_connection_on_each_side_and_none_gets_anothers_bytes(tmp_path):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.default = echo
        async with Http2Client(gateway.port) as client:

            async def exchange(number: int) -> None:
                body = hashlib.sha256(b"%d" % number).digest() * 1000 * (number % 5 + 1)
                stream = client.open("POST", f"/{number}", end=False)
                for at in range(0, len(body), 20_000):
                    await stream.send(body[at : at + 20_000])
                    await asyncio.sleep(0)
                stream.end([("x-number", str(number))])
                response = await stream.response()
                assert response.body == body
                assert response.trailers == [("x-number", str(number))]

            async with within("all streams"):
                await asyncio.gather(*[exchange(number) for number in range(50)])
        assert [len(each.streams) for each in upstream.connections if each.streams] == [50]
        (pool,) = gateway.bindings.upstreams["main"].addresses
        assert (pool.open, pool.active, pool.state.in_flight) == (1, 0, 0)


async def test_a_stream_that_the_client_resets_is_reset_at_the_upstream_and_no_other(tmp_path):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.default = never()
        async with Http2Client(gateway.port) as client:
            given_up, other = client.open("GET", "/a"), client.open("GET", "/b")
            await upstream.wait_for(2)
            given_up.reset()
            first = next(each for each in upstream.streams if each.path == b"/a")
            await upstream.until(lambda: first.reset_code is not None, "the reset")
            assert (first.reset_code, other.reset_code) == (8, None)
            assert sum(each.reset_code is not None for each in upstream.streams) == 1


@pytest.mark.parametrize("how", ["reset", "lost"])
async def test_a_response_that_the_upstream_cuts_is_cut_for_its_client_only(tmp_path, how):
    go = asyncio.Event()

    async def cut(stream: Http2Stream) -> None:
        stream.head(200)
        await stream.data(b"half")
        await go.wait()
        if how == "reset":
            stream.reset(2)
        else:
            stream.connection.transport.abort()

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(cut)
        async with Http2Client(gateway.port) as client:
            stream = client.open("GET", "/")
            await stream.read_body(4)
            go.set()
            with pytest.raises(StreamCut):
                await stream.response()
            assert (await client.request("GET", "/")).status == 200


async def test_a_client_that_takes_nothing_of_one_stream_stops_that_stream_at_the_upstream_and_no_other(
    tmp_path,
):
    sent = 0

    async def endless(stream: Http2Stream) -> None:
        nonlocal sent
        stream.head(200)
        while True:
            await stream.data(b"x" * 16_384)
            sent += 16_384

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(endless)
        async with Http2Client(gateway.port, credit=False) as client:
            client.open("GET", "/slow")
            await upstream.wait_for(1)
            last, same = -1, 0
            while same < 5:  # it stands still
                same = same + 1 if sent == last else 0
                last = sent
                assert (await client.request("GET", "/")).status == 200
                await asyncio.sleep(0.02)
            # the client's window, the gateway's for it, what is on its way between them
            assert sent < 2 * MIB


async def test_an_upload_that_the_upstream_takes_nothing_of_stops_that_stream_at_the_client_and_no_other(
    tmp_path,
):
    async with Http2Upstream(credits=False) as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(never())
        async with Http2Client(gateway.port) as client:
            slow = client.open("POST", "/slow", end=False)
            sending = asyncio.ensure_future(slow.send(b"x" * 4 * MIB))
            await upstream.wait_for(1)
            await upstream.until(lambda: len(upstream.streams[0].body) == 65_535, "the window's fill")
            for _ in range(3):
                assert (await client.request("GET", "/")).status == 200
            await until(lambda: slow.room_bytes == 0, "the client's window to be used up")
            assert not sending.done()
            slow.reset()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def test_what_an_upstream_refuses_is_sent_again_while_the_client_sends_it(tmp_path):
    async def refuse(stream: Http2Stream) -> None:
        await upstream.until(lambda: len(stream.body) >= 3, "a part of the body")
        stream.reset(7)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(refuse)
        upstream.answer(echo)
        async with Http2Client(gateway.port) as client:
            stream = client.open("POST", "/", end=False)
            await stream.send(b"abc")
            await upstream.wait_for(2)
            await stream.send(b"def", end=True)
            assert (await stream.response()).body == b"abcdef"
