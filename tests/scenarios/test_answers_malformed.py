"""Answers that are malformed, cut off or come unasked: refused or visibly cut, and without after-effects."""

import asyncio

import pytest

from tests.fakes.client import RawClient, Truncated
from tests.fakes.exchange import Exchange, within
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Poison: 1\r\n\r\npoison"

NO_ANSWER = {
    "garbage": b"\x00\x01\x02garbage that is no HTTP\r\n\r\n",
    "the bytes of a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "the banner of another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an answer in HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an answer in HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a version without a number": b"HTTP/1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 99": b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n",
    "a status in letters": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "Content-Length and chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ),
    "chunked and Content-Length": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ),
    "two Content-Length": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a Content-Length list that differs": b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd",
    "a negative Content-Length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "a Content-Length with a plus": b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
    "a Content-Length in hex": b"HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n\r\nabc",
    "a Content-Length beyond all bounds": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
    "an unknown transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "a coding before chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 0\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n",
    "an empty field name": b"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a name": b"HTTP/1.1 200 OK\r\nX\x00A: b\r\nContent-Length: 0\r\n\r\n",
    "a bare CR in a value": b"HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n",
    "a control character in a value": b"HTTP/1.1 200 OK\r\nX-A: a\x07b\r\nContent-Length: 0\r\n\r\n",
    "101 that nobody asked for": (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    ),
    "100 with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc",
    "103 with chunked": b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 8000,
    "an endless field": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 300_000,
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 15_000,
    "a bad chunk size at once": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk size beyond all bounds": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n"
    ),
}
CUT_HEADS = {
    "no byte": b"",
    "half a status line": b"HTTP/1.1 20",
    "a status line": b"HTTP/1.1 200 OK\r\n",
    "half a field": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a head without its empty line": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "an interim answer alone": b"HTTP/1.1 100 Continue\r\n\r\n",
}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
CUT_BODIES = {
    "before Content-Length is reached": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", b" again"),
    "of no byte": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b""),
    "between chunks": (CHUNKED, b"5\r\nhello\r\n"),
    "within a chunk": (CHUNKED, b"64\r\nhell"),
    "within a chunk's size": (CHUNKED, b"6"),
    "before the last empty line": (CHUNKED, b"0\r\n"),
    "within the trailers": (CHUNKED, b"0\r\nX-T: 1\r\n"),
}
BROKEN_BODIES = {
    "a bad chunk size": b"xyz\r\n",
    "a negative chunk size": b"-5\r\nhello\r\n",
    "a chunk size beyond all bounds": b"fffffffffffffffffff\r\n",
    "a chunk longer than its size": b"3\r\nhello\r\n",
    "a chunk without its end": b"3\r\nabcdef0\r\n\r\n",
    "a bad trailer": b"0\r\nX T: 1\r\n\r\n",
}
WITH_UNASKED_BYTES = {
    "a second answer": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + POISON, b"ok"),
    "a second answer after chunks": (GET, CHUNKED + b"0\r\n\r\n" + POISON, b"hello"),
    "garbage after the body": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\x00\x00garbage", b"ok"),
    "a body with 204": (GET, b"HTTP/1.1 204 No Content\r\n\r\n" + POISON, b""),
    "a body with 304": (GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison", b""),
    "a chunked 304": (GET, b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    "a body for HEAD": (HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", b""),
    "a chunked body for HEAD": (HEAD, CHUNKED + b"0\r\n\r\n", b""),
    "an answer and a body for HEAD": (HEAD, POISON + POISON, b""),
}


async def expect_good(client: RawClient, upstream: RecorderUpstream, body: bytes = b"good") -> None:
    upstream.reply(200, body)
    await client.send(GET)
    answer = await client.read_response()
    assert (answer.status, answer.body, answer.get("x-poison")) == (200, body, "")


async def expect_refused(client: RawClient, reason: str, request: bytes = GET) -> None:
    await client.send(request)
    answer = await client.read_response()
    assert (answer.status, answer.get("tidegate-reason")) == (502, reason)


@pytest.mark.parametrize("what", NO_ANSWER)
async def test_what_is_no_answer_is_refused_as_upstream_protocol_and_the_next_request_is_served(what):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(NO_ANSWER[what])
        async with RawClient(gateway.port) as client:
            await expect_refused(client, "upstream_protocol")
            await expect_good(client, upstream)


@pytest.mark.parametrize("ending", ["FIN", "RST"])
@pytest.mark.parametrize("what", CUT_HEADS)
async def test_an_end_before_the_head_is_whole_is_refused_as_upstream_reset(what, ending):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        if ending == "FIN":
            upstream.raw(CUT_HEADS[what], close=True)
        else:
            upstream.reset(CUT_HEADS[what])
        async with RawClient(gateway.port) as client:
            await expect_refused(client, "upstream_reset")
            await expect_good(client, upstream)


@pytest.mark.parametrize("ending", ["FIN", "RST"])
@pytest.mark.parametrize("what", CUT_BODIES)
async def test_an_end_within_the_body_cuts_the_client_visibly(what, ending):
    first, rest = CUT_BODIES[what]
    passed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(first)
        await passed.wait()
        await exchange.send(rest)
        if ending == "RST":
            exchange.reset()
        else:
            await exchange.close()

    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.answer(answer)
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            head = await client.read_head()
            assert head.status == 200
            passed.set()
            with pytest.raises(Truncated):
                await client.read_body(head)
        async with RawClient(gateway.port) as client:
            await expect_good(client, upstream)


@pytest.mark.parametrize("what", BROKEN_BODIES)
async def test_broken_chunks_after_the_head_was_passed_cut_the_client_visibly(what):
    passed = asyncio.Event()
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.pieces(CHUNKED, passed, BROKEN_BODIES[what])
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            head = await client.read_head()
            passed.set()
            with pytest.raises(Truncated):
                await client.read_body(head)
        async with RawClient(gateway.port) as client:
            await expect_good(client, upstream)


async def test_a_reset_cuts_a_body_that_the_end_of_the_connection_ends():
    passed = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await passed.wait()
        exchange.reset()

    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.answer(answer)
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            head = await client.read_head()
            passed.set()
            with pytest.raises(Truncated):
                await client.read_body(head)


@pytest.mark.parametrize("what", WITH_UNASKED_BYTES)
async def test_bytes_after_a_complete_answer_never_reach_the_next_request(what):
    request, data, body = WITH_UNASKED_BYTES[what]
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(data)
        async with RawClient(gateway.port) as client:
            await client.send(request)
            answer = await client.read_response(head=request is HEAD)
            assert (answer.status < 400, answer.body) == (True, body)
            await expect_good(client, upstream)


async def test_bytes_that_follow_a_complete_answer_later_never_reach_the_next_request():
    answered = asyncio.Event()
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", answered, POISON)
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            assert (await client.read_response()).body == b"ok"
            answered.set()
            used = upstream.connections[upstream.requests[0].connection]
            async with within("the gateway to close the connection"):
                await used.peer_closed.wait()
            await expect_good(client, upstream)
        assert len(used.requests) == 1


async def test_an_answer_on_an_idle_connection_is_not_taken_for_the_next_clients():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await expect_good(client, upstream, b"first")
        used = upstream.connections[upstream.requests[0].connection]
        used.writer.write(POISON)
        async with within("the gateway to close the connection"):
            await used.peer_closed.wait()
        async with RawClient(gateway.port) as client:
            await expect_good(client, upstream)


async def test_a_large_body_with_more_bytes_than_announced_ends_where_it_was_announced():
    part = asyncio.Event()
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", part, b"again" + POISON)
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            head = await client.read_head()
            part.set()
            await client.read_body(head)
            assert head.body == b"helloagain"
            await expect_good(client, upstream)


async def test_a_folded_field_does_not_reach_the_client_as_a_fold():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(b"HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nContent-Length: 0\r\n\r\n")
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            answer = await client.read_response()
            assert answer.get("tidegate-reason") == "upstream_protocol" or "two" in answer.get("x-a")
            assert b"\r\n two" not in answer.raw


async def test_lines_that_end_in_a_bare_lf_are_refused():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(b"HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 2\n\nok")
        async with RawClient(gateway.port) as client:
            await expect_refused(client, "upstream_protocol")
            await expect_good(client, upstream)


async def test_equal_content_lengths_are_one():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok")
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            answer = await client.read_response()
            assert answer.status == 502 or (answer.all("content-length"), answer.body) == (["2"], b"ok")


async def test_a_refused_answer_names_no_byte_of_it():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(b"secret-garbage\r\n\r\n")
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            assert b"secret" not in (await client.read_response()).raw
