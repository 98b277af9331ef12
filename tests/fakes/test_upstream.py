import asyncio
import ssl

import pytest
import trustme

from tests.fakes import answers
from tests.fakes.client import RawClient, Truncated
from tests.fakes.upstream import RecorderUpstream

GET = b"GET /a?b=%2f HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nx-twice: 2\r\n\r\n"


async def test_a_request_is_recorded_as_its_bytes_came():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        await client.send(GET)
        assert (await client.read_response()).status == 200
        (request,) = await up.wait_whole(1)
        assert (request.head, request.method, request.target) == (GET, "GET", "/a?b=%2f")
        assert request.fields == [("Host", "a"), ("X-Twice", "1"), ("x-twice", "2")]
        assert bytes(up.connections[0].received) == GET


async def test_a_chunked_body_and_its_trailers_are_recorded():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        await client.send(head + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
        await client.read_response()
        (request,) = await up.wait_whole(1)
        assert (request.body, request.trailers) == (b"abcde", [("X-T", "1")])


async def test_the_script_answers_in_order_and_connections_are_counted():
    async with RecorderUpstream() as up:
        up.reply(201, b"one", [("X-A", "1")])
        up.reply(200, b"two", chunked=True, trailers=[("X-T", "t")], close=True)
        async with RawClient(up.port) as client:
            first = await client.request("PUT", "/", body=b"x" * 10)
            second = await client.request("GET", "/")
            await client.expect_closed()
        assert (first.status, first.body, first.get("x-a")) == (201, b"one", "1")
        assert (second.body, second.trailers) == (b"two", [("X-T", "t")])
        assert [request.connection for request in up.requests] == [0, 0]
        async with RawClient(up.port) as client:
            await client.request("GET", "/")
        assert len(up.connections) == 2


async def test_an_answer_waits_for_an_event_between_its_pieces():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        gate = asyncio.Event()
        up.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", gate, b"cd")
        await client.send(GET)
        response = await client.read_head()
        assert await client.read(2) == b"ab"
        gate.set()
        assert (response.status, await client.read(2)) == (200, b"cd")


async def test_hanging_up_gives_no_answer():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.hang_up()
        await client.send(GET)
        assert await client.read_until_closed() == b""
        assert not client.was_reset


async def test_a_reset_is_a_reset():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.reset()
        await client.send(GET)
        assert await client.read_until_closed() == b""
        assert client.was_reset


async def test_a_close_within_the_body_is_seen_as_truncation():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.answer(answers.close_mid_body(b"half", 100))
        await client.send(GET)
        with pytest.raises(Truncated) as caught:
            await client.read_response()
        assert caught.value.body == b"half"


async def test_a_peer_that_gives_up_is_noticed():
    async with RecorderUpstream() as up:
        up.never()
        async with RawClient(up.port) as client:
            await client.send(GET)
            await up.wait_for(1)
        request = await up.wait_closed_early()
        assert request.whole
        assert request.closed_at_s == up.connections[0].closed_at_s


async def test_a_peer_that_gives_up_within_its_body_is_noticed():
    async with RecorderUpstream() as up:
        async with RawClient(up.port) as client:
            await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            await up.wait_for(1)
        request = await up.wait_closed_early()
        assert (request.whole, request.body) == (False, b"abc")


async def test_a_served_request_was_not_given_up():
    async with RecorderUpstream() as up:
        async with RawClient(up.port) as client:
            await client.request("GET", "/")
        await up.until(lambda: up.open_connections == 0, "the close")
        assert not up.requests[0].peer_closed_early


async def test_an_upgraded_connection_echoes():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.answer(answers.upgrade_echo())
        await client.send(GET)
        assert (await client.read_head()).status == 101
        await client.send(b"hello")
        assert await client.read(5) == b"hello"


async def test_a_websocket_echoes_a_masked_frame_and_the_close_code():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.answer(answers.websocket_echo())
        await client.send(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        response = await client.read_head()
        assert response.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        await client.send(b"\x81\x82\0\0\0\0hi" + b"\x88\x82\0\0\0\0\x03\xe8")
        assert await client.read(8) == b"\x81\x02hi\x88\x02\x03\xe8"
        await client.expect_closed()


async def test_tls_is_spoken_when_asked_for():
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with (
        RecorderUpstream(tls=context) as up,
        RawClient(up.port, tls=trust, server_name="localhost") as client,
    ):
        assert (await client.request("GET", "/")).status == 200
        assert up.url == f"https://127.0.0.1:{up.port}"


async def test_bodies_are_only_hashed_when_not_kept():
    async with RecorderUpstream(keep_bodies=False) as up, RawClient(up.port) as client:
        await client.request("PUT", "/", body=b"abc")
        (request,) = up.requests
        assert (request.body, request.body_size_bytes) == (b"", 3)
        assert request.body_sha256.startswith("ba7816bf")


async def test_held_bodies_are_not_read():
    gate = asyncio.Event()
    async with RecorderUpstream(hold_bodies=gate) as up, RawClient(up.port) as client:
        await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        (request,) = await up.wait_for(1)
        assert request.body == b""
        gate.set()
        assert (await client.read_response()).status == 200
        assert request.body == b"abc"


async def test_it_listens_again_on_the_same_port():
    async with RecorderUpstream() as up:
        await up.close()
        with pytest.raises(ConnectionError):
            await RawClient(up.port).connect()
        await up.listen()
        async with RawClient(up.port) as client:
            assert (await client.request("GET", "/")).status == 200


async def test_a_malformed_request_fails_the_test():
    up = await RecorderUpstream().__aenter__()
    async with RawClient(up.port) as client:
        await client.send(
            b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        await client.read_until_closed()
    with pytest.raises(AssertionError, match="both Transfer-Encoding"):
        await up.__aexit__(None, None, None)


async def test_ipv6_works():
    async with RecorderUpstream(host="::1") as up, RawClient(up.port, "::1") as client:
        assert (await client.request("GET", "/")).status == 200
        assert up.url == f"http://[::1]:{up.port}"
