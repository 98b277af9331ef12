"""The client's connection: pipelining, keep-alive, HTTP/1.0, HEAD, upgrades that are dropped, hanging up."""

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.upstream import RecorderUpstream

HOST = b"Host: a.example\r\n"
GET = b"GET /%b HTTP/1.1\r\n" + HOST + b"\r\n"


async def test_pipelined_requests_are_answered_in_their_order():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        for number in range(5):
            upstream.reply(200, b"%d" % number)
        async with RawClient(gateway.port) as client:
            await client.send(b"".join(GET % (b"%d" % number) for number in range(5)))
            for number in range(5):
                assert (await client.read_response()).body == b"%d" % number
        assert [request.target for request in upstream.requests] == [f"/{number}" for number in range(5)]


async def test_refused_forwarded_and_head_requests_share_one_pipeline():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"first")
        upstream.reply(200, b"second")
        upstream.reply(200, b"third")
        async with RawClient(gateway.port) as client:
            await client.send(
                GET % b"a"
                + GET % b"stats"
                + b"HEAD /b HTTP/1.1\r\n"
                + HOST
                + b"\r\nPOST /stats HTTP/1.1\r\n"
                + HOST
                + b"Content-Length: 5\r\n\r\nhello"
                + GET % b"c"
            )
            assert (await client.read_response()).body == b"first"
            assert (await client.read_response()).get("Tidegate-Reason") == "no_route"
            head = await client.read_response(head=True)
            assert (head.status, head.get("Content-Length"), head.body) == (200, "6", b"")
            assert (await client.read_response()).get("Tidegate-Reason") == "no_route"
            assert (await client.read_response()).body == b"third"


async def test_two_hundred_refused_requests_at_once_are_all_answered():
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        await client.send((GET % b"stats") * 200)
        for _ in range(200):
            assert (await client.read_response()).status == 404
        assert gateway.context.counts.internal_errors == 0


async def test_two_thousand_requests_with_a_dropped_upgrade_at_once_are_all_answered():
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        await client.send(
            (b"GET /stats HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n") * 2000
        )
        for _ in range(2000):
            assert (await client.read_response()).status == 404
        assert gateway.context.counts.internal_errors == 0


async def test_a_pipeline_goes_on_while_the_first_answer_is_awaited():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"one")
        upstream.reply(200, b"two")
        async with RawClient(gateway.port) as client:
            await client.send(GET % b"1" + (GET % b"2")[:20])
            assert (await client.read_response()).body == b"one"
            await client.send((GET % b"2")[20:])
            assert (await client.read_response()).body == b"two"


@pytest.mark.parametrize("path", [b"forwarded", b"stats"])
async def test_nothing_is_read_after_a_request_that_closes(path):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(
                b"GET /" + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + GET % b"next"
            )
            answer = await client.read_response()
            assert answer.get("Connection") == "close"
            await client.expect_closed()
            assert not client.was_reset
        assert "/next" not in [request.target for request in upstream.requests]


async def test_a_connection_serves_many_requests():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            for number in range(20):
                assert (await client.request("GET", f"/{number}")).status == 200
        assert len(upstream.requests) == 20


async def test_empty_lines_before_a_request_are_skipped():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        RawClient(gateway.port) as client,
    ):
        await client.send(b"\r\n\r\n" + GET % b"x" + b"\r\n")
        assert (await client.read_response()).status == 200
        await client.send(b"\r\n")
        await client.send(GET % b"y")
        assert (await client.read_response()).status == 200


async def test_an_http10_client_gets_a_body_that_the_close_ends():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"hello", chunked=True)
        async with RawClient(gateway.port) as client:
            await client.send(b"GET /x HTTP/1.0\r\n\r\n")
            answer = await client.read_response()
            assert (answer.body, answer.all("Transfer-Encoding")) == (b"hello", [])
            assert answer.get("Connection") == "close"


async def test_an_http10_client_that_asks_for_keep_alive_is_kept_where_the_length_is_known():
    kept = b"GET /x HTTP/1.0\r\n" + HOST + b"Connection: Keep-Alive\r\n\r\n"
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"hello")
        upstream.reply(204)
        upstream.reply(404, b"")
        async with RawClient(gateway.port) as client:
            for status, body in ((200, b"hello"), (204, b""), (404, b"")):
                await client.send(kept)
                answer = await client.read_response()
                assert (answer.status, answer.body) == (status, body)
                assert answer.get("Connection") == "keep-alive"
            upstream.reply(200, b"unknown", chunked=True)
            await client.send(kept)
            answer = await client.read_response()
            assert (answer.body, answer.get("Connection")) == (b"unknown", "close")


async def test_a_rejected_http10_client_is_kept_too():
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        for _ in range(2):
            await client.send(b"GET /stats HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = await client.read_response()
            assert (answer.status, answer.get("Connection")) == (404, "keep-alive")


async def test_an_http10_client_that_asks_for_nothing_is_closed():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"hello")
        async with RawClient(gateway.port) as client:
            await client.send(b"GET /x HTTP/1.0\r\n" + HOST + b"\r\n")
            assert (await client.read_response()).get("Connection") == "close"
            await client.expect_closed()


async def test_a_head_request_keeps_the_connection():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"hello")
        async with RawClient(gateway.port) as client:
            assert (await client.request("HEAD", "/x")).get("Content-Length") == "5"
            assert (await client.request("GET", "/y")).status == 200
        assert upstream.requests[0].method == "HEAD"


async def test_a_refused_head_request_gets_no_body():
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        answer = await client.request("HEAD", "/stats")
        assert (answer.status, answer.body) == (404, b"")
        assert int(answer.get("Content-Length")) > 0
        assert (await client.request("GET", "/stats")).json()["reason"] == "no_route"


async def test_a_target_in_absolute_form_names_the_host():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(b"GET http://b.example:81/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert (await client.read_response()).status == 200
        assert (upstream.requests[0].target, upstream.requests[0].get("Host")) == ("/x?y", "b.example:81")


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
DROPPED = {
    "without-body": (b"GET /x HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n", b""),
    "content-length": (
        b"POST /x HTTP/1.1\r\n" + HOST + UPGRADE + b"Content-Length: 5\r\n\r\nhello",
        b"hello",
    ),
    "body-that-looks-like-a-request": (
        b"POST /x HTTP/1.1\r\n"
        + HOST
        + UPGRADE
        + b"Content-Length: %d\r\n\r\n" % len(GET % b"z")
        + GET % b"z",
        GET % b"z",
    ),
    "chunked": (
        b"POST /x HTTP/1.1\r\n"
        + HOST
        + UPGRADE
        + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
        b"hello",
    ),
    "websocket-with-body": (
        b"GET /x HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
    ),
    "http10": (b"GET /x HTTP/1.0\r\n" + HOST + UPGRADE + b"\r\n", b""),
}


@pytest.mark.parametrize("pace", ["at-once", "byte-by-byte"])
@pytest.mark.parametrize("name", DROPPED)
async def test_an_upgrade_but_websocket_is_dropped_and_the_connection_goes_on(name, pace):
    data, body = DROPPED[name]
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            if pace == "at-once":
                await client.send(data + GET % b"next")
            else:
                for index in range(len(data)):
                    await client.send(data[index : index + 1])
            assert (await client.read_response()).status == 200
            if name != "http10":
                if pace != "at-once":
                    await client.send(GET % b"next")
                assert (await client.read_response()).status == 200
        first = upstream.requests[0]
        assert (first.body, first.whole, first.all("Upgrade"), first.all("HTTP2-Settings")) == (
            body,
            True,
            [],
            [],
        )
        assert [request.target for request in upstream.requests[1:]] == ["/next"] * (name != "http10")


async def test_a_client_that_half_closes_has_hung_up_and_its_request_is_given_up():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.never()
        async with RawClient(gateway.port) as client:
            await client.send(GET % b"x")
            await upstream.wait_for(1)
            client.half_close()
            await client.expect_closed()
        await upstream.wait_closed_early()
        await settled(gateway)
        counts = gateway.context.counts
        assert sum(cells.requests.get((b"GET", 499, ""), 0) for cells in counts.routes.values()) == 1
        assert counts.in_flight == 0


async def test_a_page_of_our_own_in_a_pipeline_is_served_in_its_turn():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"one")
        async with RawClient(gateway.port) as client:
            await client.send(GET % b"x" + GET % b"metrics" + GET % b"y")
            assert (await client.read_response()).body == b"one"
            assert b"tidegate_requests_total" in (await client.read_response()).body
            assert (await client.read_response()).status == 200
        assert [request.target for request in upstream.requests] == ["/x", "/y"]


async def test_pages_of_our_own_and_forwarded_requests_share_a_connection():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        RawClient(gateway.port) as client,
    ):
        for _ in range(2):
            assert (await client.request("GET", "/x")).status == 200
            page = await client.request("GET", "/metrics")
            assert page.status == 200
            assert b"tidegate_requests_total" in page.body
        await client.send(GET % b"metrics" + GET % b"y")
        assert b"tidegate_requests_total" in (await client.read_response()).body
        assert (await client.read_response()).status == 200
