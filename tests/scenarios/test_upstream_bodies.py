"""Answers as they come: streamed, framed for the client, bounded in memory, edited by the route."""

import asyncio
import hashlib
import json

import pytest

from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.exchange import Exchange, within
from tests.fakes.gateway import running_gateway
from tests.fakes.socket_buffers import kernel_keeps_bytes
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import standstill

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
MIB = 1024 * 1024


async def ask(data: bytes, request: bytes = GET, *, close: bool = False, head: bool = False):
    """The client's answer for an upstream's raw one."""
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(data, close=close)
        async with RawClient(gateway.port) as client:
            await client.send(request)
            return await client.read_response(head=head)


async def test_chunks_pass_with_their_trailers():
    answer = await ask(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    )
    assert (answer.body, answer.trailers) == (b"abcde", [("x-sum", "5")])


async def test_trailers_never_carry_fields_of_the_head():
    answer = await ask(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
        b"Host: b\r\nAuthorization: x\r\nTrailer: y\r\nX-Ok: 1\r\n\r\n"
    )
    assert (answer.body, answer.trailers) == (b"a", [("x-ok", "1")])


@pytest.mark.parametrize("field", [b"Content-Length: 9", b"Transfer-Encoding: gzip"])
async def test_framing_in_trailers_never_reaches_the_client(field):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    answer = await ask(head + field + b"\r\n\r\n")
    assert answer.get("tidegate-reason") == "upstream_protocol" or answer.trailers == []


async def test_a_body_that_the_connections_end_ends_is_chunked_for_the_client():
    answer = await ask(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", close=True)
    assert (answer.body, answer.get("transfer-encoding")) == (b"until the end", "chunked")


async def test_a_chunked_body_for_an_http_1_0_client_ends_with_the_connection():
    answer = await ask(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    )
    assert (answer.body, answer.all("transfer-encoding"), answer.get("connection")) == (b"abc", [], "close")


async def test_an_http_1_0_answer_passes():
    answer = await ask(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert (answer.version, answer.body) == ("HTTP/1.1", b"ok")


async def test_early_hints_pass_and_continue_does_not():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    answer = await ask(
        b"HTTP/1.1 100 Continue\r\n\r\n" + hints + hints + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    assert [(each.status, each.get("link")) for each in answer.interim] == [(103, "</a.css>")] * 2
    assert answer.body == b"ok"


async def test_interim_answers_do_not_reach_an_http_1_0_client():
    answer = await ask(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    )
    assert (answer.interim, answer.body) == ([], b"ok")


async def test_the_length_in_an_answer_to_head_passes():
    head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = await ask(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", head, head=True)
    assert answer.get("content-length") == "1234"


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 0\r\n"])
async def test_204_has_no_framing(framing):
    answer = await ask(b"HTTP/1.1 204 No Content\r\n" + framing + b"\r\n")
    assert (answer.status, answer.all("content-length"), answer.all("transfer-encoding")) == (204, [], [])


async def test_304_keeps_the_length_it_speaks_of():
    answer = await ask(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: x\r\n\r\n")
    assert (answer.status, answer.get("content-length"), answer.get("etag")) == (304, "77", "x")


async def test_an_empty_body_is_complete_at_once():
    assert (await ask(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).get("content-length") == "0"


async def test_hop_by_hop_fields_are_dropped_and_the_rest_passes_unchanged():
    answer = await ask(
        b"HTTP/1.1 299 Most Odd\r\nConnection: X-Hop, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n"
        b"Proxy-Connection: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Server: theirs\r\nContent-Length: 0\r\n\r\n"
    )
    assert (answer.status, answer.reason) == (299, "Most Odd")
    assert answer.all("set-cookie") == ["a=1", "b=2"]
    assert answer.get("server") == "theirs"
    for name in ("x-hop", "keep-alive", "proxy-connection", "connection"):
        assert answer.all(name) == []


@pytest.mark.parametrize("framing", ["chunked", "to the end of the connection"])
async def test_events_arrive_one_by_one_while_the_answer_goes_on(framing):
    turns = [asyncio.Event() for _ in range(3)]
    chunked = framing == "chunked"

    async def answer(exchange: Exchange) -> None:
        coding = b"Transfer-Encoding: chunked\r\n" if chunked else b""
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + coding + b"\r\n")
        for turn in turns:
            await turn.wait()
            await exchange.send(b"9\r\ndata: x\n\n\r\n" if chunked else b"data: x\n\n")
        await exchange.send(b"0\r\n\r\n") if chunked else await exchange.close()

    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.answer(answer)
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            await client.read_head()
            for turn in turns:
                turn.set()
                assert await client.read(14) == b"9\r\ndata: x\n\n\r\n"
            assert await client.read(5) == b"0\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_answer_arrives_whole(chunked):
    body = bytes(range(256)) * (20 * MIB // 256)
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, body, chunked=chunked)
        async with RawClient(gateway.port, reader_limit_bytes=64 * MIB) as client:
            await client.send(GET)
            answer = await client.read_response()
            assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()
            upstream.reply(200, b"next")
            await client.send(GET)
            assert (await client.read_response()).body == b"next"


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_a_large_request_arrives_whole(coding):
    body = bytes(range(256)) * (20 * MIB // 256)
    if coding == "length":
        data = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    else:
        chunks = b"".join(b"10000\r\n" + body[at : at + 65536] + b"\r\n" for at in range(0, len(body), 65536))
        data = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(data)
            assert (await client.read_response()).status == 200
        assert upstream.requests[0].body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.one_process("sees the state of a connection")
async def test_a_client_that_reads_slowly_makes_the_upstream_wait(chunked):
    sent_bytes = 0
    # the upstream's socket and both of the gateway's; then what the gateway keeps itself
    most_bytes = kernel_keeps_bytes(senders=2, receivers=1) + 2 * MIB
    part = b"x" * 65536
    parts = 2 * most_bytes // len(part)

    async def answer(exchange: Exchange) -> None:
        nonlocal sent_bytes
        coding = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (parts * len(part))
        await exchange.send(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n\r\n")
        for _ in range(parts):
            await exchange.send(b"10000\r\n" + part + b"\r\n" if chunked else part)
            sent_bytes += len(part)
        if chunked:
            await exchange.send(b"0\r\n\r\n")

    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.answer(answer)
        slow = RawClient(gateway.port, reader_limit_bytes=1024, receive_buffer_bytes=4096)
        async with slow as client:
            await client.send(GET)
            await client.reader.read(1)
            await standstill(lambda: sent_bytes, "bytes sent", most_bytes)
            (connection,) = gateway.context.open_clients
            assert connection.writer.unsent_bytes() < MIB  # type: ignore[attr-defined]
            taken = 1
            async with within("the rest of the answer"):
                while taken < parts * len(part):
                    taken += len(await client.reader.read(MIB))


async def test_request_and_answer_are_edited_as_the_route_says(tmp_path):
    route = {
        "match": {"path": {"prefix": "/shop"}},
        "rewrite": {"prefix": "/v2", "host": "inner.example"},
        "requestHeaders": {"set": {"X-Team": "shop"}, "add": {"X-Tag": "new"}, "remove": ["X-Secret"]},
        "responseHeaders": {"set": {"Cache-Control": "no-store"}, "remove": ["Server"]},
    }
    async with RecorderUpstream() as upstream:
        upstream.reply(200, b"", [("Server", "theirs"), ("Cache-Control", "public")])
        text = config_text(upstream.url, route=route)
        async with (
            running_gateway(config=text, folder=tmp_path, PATHS="raw") as gateway,
            RawClient(gateway.port) as client,
        ):
            fields = [("Host", "shop.example"), ("X-Secret", "1"), ("X-Tag", "old"), ("X-Team", "no")]
            answer = await client.request("GET", "/shop/a%2Fb/../c?q=1&q=%20", fields)
        (request,) = upstream.requests
        assert request.target == "/v2/a%2Fb/../c?q=1&q=%20"
        assert request.get("host") == "inner.example"
        assert request.get("x-forwarded-host") == "shop.example"
        assert (request.get("x-team"), request.all("x-tag")) == ("shop", ["old", "new"])
        assert request.all("x-secret") == []
        assert (answer.get("cache-control"), answer.all("server")) == ("no-store", [])


async def test_a_redirect_is_answered_without_any_upstream(tmp_path):
    content = {
        "routes": [
            {
                "name": "old",
                "match": {"path": {"prefix": "/old"}},
                "auth": "none",
                "redirect": {"status": 308, "scheme": "https", "host": "new.example", "prefix": "/new"},
            }
        ]
    }
    text = json.dumps(content)
    async with running_gateway(config=text, folder=tmp_path) as gateway, RawClient(gateway.port) as client:
        for _ in range(2):
            answer = await client.request("GET", "/old/a?b=c", [("Host", "a.example")])
            assert (answer.status, answer.get("location")) == (308, "https://new.example/new/a?b=c")


async def test_the_upstream_learns_who_asks_and_through_whom(client_protocol):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            fields = [("Host", "a.example"), ("X-Forwarded-For", "6.6.6.6"), ("X-Request-ID", "mine-1")]
            answer = await client.request("GET", "/", fields)
        (request,) = upstream.requests
        assert request.all("x-forwarded-for") == ["127.0.0.1"]
        assert (request.get("x-forwarded-proto"), request.get("x-forwarded-host")) == ("http", "a.example")
        assert request.get("host") == "a.example"
        assert request.get("via") == f"{client_protocol.removeprefix('HTTP/')} tidegate"
        assert request.get("x-request-id") == answer.get("x-request-id") == "mine-1"
