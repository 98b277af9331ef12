"""Request bodies on their way: intact whatever the framing and the reads, with trailers and 100-continue."""

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

HOST = b"Host: a.example\r\n"
MEGABYTES = bytes(range(256)) * 4096 * 3
SMALL = b"a small body of some bytes"


def chunked(body: bytes, size: int, trailers: bytes = b"") -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize("path", [b"/x", b"/stats"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_body_sent_byte_by_byte_arrives_intact(framing, path):
    if framing == "length":
        head, body = b"Content-Length: %d\r\n\r\n" % len(SMALL), SMALL
    else:
        head, body = b"Transfer-Encoding: chunked\r\n\r\n", chunked(SMALL, 7)
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            data = b"POST " + path + b" HTTP/1.1\r\n" + HOST + head + body
            for index in range(len(data)):
                await client.send(data[index : index + 1])
            answer = await client.read_response()
            if path == b"/stats":
                assert answer.status == 404
                assert upstream.requests == []
                return
            assert answer.status == 200
            assert (await client.request("GET", "/next")).status == 200
        assert upstream.requests[0].body == SMALL
        assert upstream.requests[0].whole


@pytest.mark.parametrize("step", [997, 65_537, 1 << 20])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_megabytes_arrive_intact_whatever_the_pieces(framing, step):
    if framing == "length":
        head, body = b"Content-Length: %d\r\n\r\n" % len(MEGABYTES), MEGABYTES
    else:
        head, body = b"Transfer-Encoding: chunked\r\n\r\n", chunked(MEGABYTES, 9_999)
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            data = b"POST /x HTTP/1.1\r\n" + HOST + head + body + b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"
            for start in range(0, len(data), step):
                await client.send(data[start : start + step])
            assert (await client.read_response()).status == 200
            assert (await client.read_response()).status == 200
        assert upstream.requests[0].body == MEGABYTES
        assert upstream.requests[1].target == "/next"


async def test_pipelined_bodies_stay_apart():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            post = b"POST /%d HTTP/1.1\r\n" + HOST
            await client.send(
                post % 1
                + b"Content-Length: 3\r\n\r\none"
                + post % 2
                + b"Transfer-Encoding: chunked\r\n\r\n"
                + chunked(b"two", 2)
                + post % 3
                + b"Content-Length: 0\r\n\r\n"
                + post % 4
                + b"Content-Length: 4\r\n\r\nfour"
            )
            for _ in range(4):
                assert (await client.read_response()).status == 200
        assert [request.body for request in upstream.requests] == [b"one", b"two", b"", b"four"]


async def test_a_large_pipelined_body_that_waits_for_its_turn_arrives_intact():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(
                b"GET /1 HTTP/1.1\r\n"
                + HOST
                + b"\r\nPOST /2 HTTP/1.1\r\n"
                + HOST
                + b"Content-Length: %d\r\n\r\n" % len(MEGABYTES)
                + MEGABYTES
            )
            for _ in range(2):
                assert (await client.read_response()).status == 200
        assert upstream.requests[1].body == MEGABYTES


async def test_extensions_of_chunks_are_not_passed_on():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(
                b"POST /x HTTP/1.1\r\n"
                + HOST
                + b'Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n'
            )
            assert (await client.read_response()).status == 200
        assert upstream.requests[0].body == b"hello"
        assert b";a=b" not in bytes(upstream.connections[0].received)


async def test_a_thousand_tiny_chunks_in_one_read_are_no_abuse():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(
                b"POST /x HTTP/1.1\r\n"
                + HOST
                + b"Transfer-Encoding: chunked\r\n\r\n"
                + chunked(b"ab" * 20_000, 2)
            )
            assert (await client.read_response()).status == 200
        assert upstream.requests[0].body == b"ab" * 20_000


async def test_allowed_trailers_pass_and_the_others_never_do():
    trailers = (
        b"X-Checksum: abc\r\nHost: evil\r\nX-API-Key: k\r\nAuthorization: b\r\nX-Forwarded-For: 1.1.1.1\r\n"
    )
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(
                b"POST /x HTTP/1.1\r\n"
                + HOST
                + b"Transfer-Encoding: chunked\r\n\r\n"
                + chunked(b"hello", 5, trailers)
            )
            assert (await client.read_response()).status == 200
        request = upstream.requests[0]
        assert [(name.lower(), value) for name, value in request.trailers] == [("x-checksum", "abc")]
        assert request.all("X-Checksum") == []


async def test_more_trailers_than_fields_are_allowed_are_dropped():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, MAX_FIELDS="5") as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(
                b"POST /x HTTP/1.1\r\n"
                + HOST
                + b"Transfer-Encoding: chunked\r\n\r\n"
                + chunked(b"hello", 5, b"X-A: b\r\n" * 6)
            )
            assert (await client.read_response()).status == 200
        assert upstream.requests[0].whole
        assert upstream.requests[0].trailers == []


EXPECTING = b"POST /%b HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"


async def test_a_client_that_expects_100_is_told_to_go_on():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(EXPECTING % b"x")
            assert (await client.read_interim()).status == 100
            await client.send(b"hello")
            assert (await client.read_response()).status == 200
            assert (await client.request("GET", "/next")).status == 200
        assert upstream.requests[0].body == b"hello"
        assert upstream.requests[0].all("Expect") == []


async def test_a_refused_client_that_expects_100_is_not_told_to_go_on():
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        await client.send(EXPECTING % b"stats")
        answer = await client.read_response()
        assert (answer.status, answer.interim, answer.get("Connection")) == (404, [], "close")
        await client.expect_closed()


async def test_an_http10_expectation_is_ignored():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        RawClient(gateway.port) as client,
    ):
        await client.send(EXPECTING.replace(b"1.1", b"1.0") % b"x" + b"hello")
        answer = await client.read_response()
        assert (answer.status, answer.interim) == (200, [])


async def test_a_refused_request_with_a_small_body_keeps_the_connection():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(b"POST /stats HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n")
            answer = await client.read_response()
            assert (answer.status, answer.all("Connection")) == (404, [])
            await client.send(b"hello")
            assert (await client.request("GET", "/next")).status == 200
        assert [request.target for request in upstream.requests] == ["/next"]


@pytest.mark.parametrize("framing", [b"Content-Length: 3000000", b"Transfer-Encoding: chunked"])
async def test_a_refused_request_with_a_large_body_gets_its_answer_before_the_close(framing):
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        await client.send(b"POST /stats HTTP/1.1\r\n" + HOST + framing + b"\r\n\r\n")
        body = b"x" * 100_000
        client.writer.write(body if b"Length" in framing else b"186a0\r\n" + body + b"\r\n")
        answer = await client.read_response()
        assert (answer.status, answer.get("Connection")) == (404, "close")
        await client.expect_closed()
        assert not client.was_reset


async def test_an_answer_before_the_body_ends_the_connection_after_it():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", early=True)
        async with RawClient(gateway.port) as client:
            await client.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nhello")
            answer = await client.read_response()
            assert (answer.status, answer.body, answer.get("Connection")) == (403, b"no", "close")
            await client.expect_closed()
