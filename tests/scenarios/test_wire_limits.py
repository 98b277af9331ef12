"""What a client may send, and how long it may take: 408, 413, 414, 431, idle connections, too many of all."""

import asyncio

import pytest

from tests.fakes.client import RawClient
from tests.fakes.exchange import within
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

HOST = b"Host: a.example\r\n"
GET = b"GET /%b HTTP/1.1\r\n" + HOST + b"\r\n"


async def refused(client: RawClient, status: int, reason: str) -> None:
    answer = await client.read_response()
    assert (answer.status, answer.get("Tidegate-Reason")) == (status, reason)
    assert answer.get("Connection") == "close"
    await client.expect_closed()
    assert not client.was_reset


HEADS = {
    "many-small": b"GET /x HTTP/1.1\r\n"
    + HOST
    + b"X-%d: y\r\n" * 2
    + b"X: yyyyyyyyyyyyyyyy\r\n" * 60
    + b"\r\n",
    "one-large-value": b"GET /x HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 1100 + b"\r\n\r\n",
    "one-large-name": b"GET /x HTTP/1.1\r\n" + HOST + b"y" * 1100 + b": x\r\n\r\n",
    "endless-value": b"GET /x HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 1100,
    "endless-name": b"GET /x HTTP/1.1\r\n" + HOST + b"y" * 1100,
}


@pytest.mark.parametrize("pace", ["at-once", "in-pieces"])
@pytest.mark.parametrize("name", HEADS)
async def test_a_head_over_the_limit_is_refused_with_431(name, pace):
    async with RecorderUpstream() as upstream:
        async with (
            running_gateway(upstream.url, MAX_HEAD_BYTES="1Ki") as gateway,
            RawClient(gateway.port) as client,
        ):
            data = HEADS[name]
            for start in range(0, len(data), len(data) if pace == "at-once" else 50):
                await client.send(data[start : start + (len(data) if pace == "at-once" else 50)])
            await refused(client, 431, "head_too_large")
        assert upstream.requests == []


async def test_more_fields_than_allowed_are_refused_with_431():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, MAX_FIELDS="10") as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(b"GET /x HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 9 + b"\r\n")
            assert (await client.read_response()).status == 200
            await client.send(b"GET /x HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 10 + b"\r\n")
            await refused(client, 431, "head_too_large")
        assert len(upstream.requests) == 1


async def test_a_long_pipeline_is_no_large_head():
    async with running_gateway(MAX_HEAD_BYTES="1Ki") as gateway, RawClient(gateway.port) as client:
        await client.send((GET % b"stats") * 100 + (GET % b"stats")[:30])
        for _ in range(100):
            assert (await client.read_response()).status == 404
        await client.send((GET % b"stats")[30:])
        assert (await client.read_response()).status == 404


async def test_a_head_after_a_large_body_is_no_large_head():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, MAX_HEAD_BYTES="1Ki") as gateway,
        RawClient(gateway.port) as client,
    ):
        post = b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000
        await client.send(post + (GET % b"y")[:20])
        assert (await client.read_response()).status == 200
        await client.send((GET % b"y")[20:])
        assert (await client.read_response()).status == 200


@pytest.mark.parametrize("pace", ["at-once", "in-pieces"])
async def test_a_target_over_the_limit_is_refused_with_414(pace):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, MAX_TARGET_BYTES="100") as gateway,
    ):
        async with RawClient(gateway.port) as client:
            await client.send(GET % (b"a" * 99))
            assert (await client.read_response()).status == 200
            data = GET % (b"a" * 100)
            for start in range(0, len(data), len(data) if pace == "at-once" else 7):
                await client.send(data[start : start + (len(data) if pace == "at-once" else 7)])
            await refused(client, 414, "uri_too_long")
        assert len(upstream.requests) == 1


async def test_an_endless_target_is_refused_with_414():
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        await client.send(b"GET /" + b"a" * 40_000)
        await refused(client, 414, "uri_too_long")


async def test_a_body_over_the_limit_is_refused_before_it_comes():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, MAX_BODY_BYTES="10") as gateway:
        async with RawClient(gateway.port) as client:
            assert (await client.request("POST", "/x", body=b"a" * 10)).status == 200
            await client.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 11\r\n\r\n")
            await refused(client, 413, "body_too_large")
        assert len(upstream.requests) == 1


async def test_a_chunked_body_over_the_limit_is_refused_on_its_way():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, MAX_BODY_BYTES="10") as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(
                b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n"
            )
            await upstream.wait_for(1)
            await client.send(b"6\r\nabcdef\r\n0\r\n\r\n" + GET % b"smuggled")
            await refused(client, 413, "body_too_large")
        await upstream.wait_closed_early()
        assert [(request.target, request.whole) for request in upstream.requests] == [("/x", False)]


@pytest.mark.parametrize("body", [b"ff\r\n" + b"a" * 255 + b"\r\n0\r\n\r\n", b"zz\r\n"])
async def test_a_bad_body_in_a_pipeline_is_refused_in_its_turn(body):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, MAX_BODY_BYTES="10") as gateway:
        release = asyncio.Event()
        upstream.pieces(release, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
        async with RawClient(gateway.port) as client:
            await client.send(
                GET % b"1" + b"POST /2 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + body
            )
            await upstream.wait_for(1)
            release.set()
            assert (await client.read_response()).body == b"one"
            status = 400 if body == b"zz\r\n" else 413
            await refused(client, status, "request_malformed" if status == 400 else "body_too_large")
        assert len(upstream.requests) == 1
        assert gateway.context.counts.in_flight == 0


@pytest.mark.parametrize("before", ["first", "second"])
async def test_a_head_that_comes_too_slowly_is_refused_with_408(before):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, HEADER_TIMEOUT="200ms") as gateway,
        RawClient(gateway.port) as client,
    ):
        if before == "second":
            assert (await client.request("GET", "/x")).status == 200
        await client.send(b"GET /x HTTP/1.1\r\nHost: a")
        await refused(client, 408, "request_timeout")


async def test_a_head_that_is_begun_behind_an_answer_has_its_time_too():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, HEADER_TIMEOUT="200ms") as gateway,
        RawClient(gateway.port) as client,
    ):
        await client.send(GET % b"x" + b"GET /y HT")
        assert (await client.read_response()).status == 200
        await refused(client, 408, "request_timeout")


async def test_a_connection_that_never_asks_is_closed():
    async with running_gateway(HEADER_TIMEOUT="200ms") as gateway, RawClient(gateway.port) as client:
        await client.expect_closed()


@pytest.mark.parametrize("extra", [b"", b"\r\n"])
async def test_an_idle_connection_is_closed(extra):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, KEEP_ALIVE_TIMEOUT="200ms") as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await client.request("GET", "/x")).status == 200
        await client.send(extra)
        await client.expect_closed()


async def test_a_body_that_stops_coming_is_refused_with_408(tmp_path):
    async with RecorderUpstream() as upstream:
        config = f"""
upstreams: {{u: {{endpoints: ["{upstream.url}"]}}}}
routes: [{{name: r, match: {{path: {{prefix: /}}}}, upstream: u, auth: none}}]
policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], timeout: {{idle: 200ms}}}}}}]
"""
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nhello")
            await refused(client, 408, "request_timeout")
        await upstream.wait_closed_early()
        assert not upstream.requests[0].whole


async def test_the_unsent_rest_of_a_refused_small_body_is_not_awaited_for_ever():
    async with running_gateway(HEADER_TIMEOUT="200ms") as gateway, RawClient(gateway.port) as client:
        await client.send(b"POST /stats HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nhello")
        assert (await client.read_response()).status == 404
        await client.expect_closed()


@pytest.mark.one_process("a worker has its part of MAX_CONNECTIONS: tests/scenarios/test_workers_sharing.py")
async def test_connections_beyond_the_limit_are_closed_and_the_others_go_on():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, MAX_CONNECTIONS="2") as gateway:
        async with RawClient(gateway.port) as first, RawClient(gateway.port) as second:
            assert (await first.request("GET", "/x")).status == 200
            assert (await second.request("GET", "/x")).status == 200
            async with RawClient(gateway.port) as third:
                assert await third.read_until_closed() == b""
            assert (await first.request("GET", "/x")).status == 200
        async with RawClient(gateway.port) as fourth:
            await upstream.until(lambda: len(gateway.context.open_clients) <= 2, "the first to be gone")
            assert fourth.writer is not None


@pytest.mark.one_process(
    "a worker asks again for a place after 20 ms: tests/scenarios/test_workers_sharing.py"
)
async def test_requests_beyond_the_limit_in_flight_are_refused_as_overloaded():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, MAX_IN_FLIGHT="1") as gateway:
        release = asyncio.Event()
        upstream.pieces(release, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        async with RawClient(gateway.port) as first, RawClient(gateway.port) as second:
            await first.send(GET % b"x")
            await upstream.wait_for(1)
            answer = await second.request("GET", "/y")
            assert (answer.status, answer.get("Tidegate-Reason")) == (503, "overloaded")
            assert int(answer.get("Retry-After")) >= 1
            release.set()
            assert (await first.read_response()).status == 200
            assert (await second.request("GET", "/y")).status == 200


@pytest.mark.one_process("sees the state of a connection")
async def test_a_client_that_takes_no_answer_costs_little_memory_and_is_cut_off():
    async with running_gateway(HEADER_TIMEOUT="200ms", KEEP_ALIVE_TIMEOUT="200ms") as gateway:
        clients = gateway.context.open_clients
        async with RawClient(gateway.port, reader_limit_bytes=1, receive_buffer_bytes=4096) as client:
            client.writer.write((GET % b"stats") * 100_000)
            most_bytes = 0
            async with within("it to come true"):
                while not clients:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                while clients:
                    most_bytes = max(most_bytes, *(each.writer.unsent_bytes() for each in clients))  # type: ignore[attr-defined]
                    await asyncio.sleep(0)
            assert 100_000 < most_bytes < 1_500_000
            client.abort()


@pytest.mark.one_process("sees the state of a connection")
async def test_the_next_request_begins_only_when_the_client_took_the_last_answer():
    large = b"x" * 8_000_000
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, large)
        upstream.reply(200, large)
        async with RawClient(gateway.port, reader_limit_bytes=1000, receive_buffer_bytes=4096) as client:
            await client.send(GET % b"1" + GET % b"2")
            await upstream.wait_for(1)
            client_side = next(iter(gateway.context.open_clients))
            async with within("it to come true"):
                while not client_side.writer.unsent_bytes():  # type: ignore[attr-defined]  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert len(upstream.requests) == 1
            for _ in range(2):
                assert (await client.read_response()).body == large
            assert (await client.request("GET", "/3")).status == 200


async def test_a_slow_reader_of_many_answers_gets_them_all():
    async with (
        running_gateway() as gateway,
        RawClient(gateway.port, reader_limit_bytes=1000, receive_buffer_bytes=4096) as client,
    ):
        client.writer.write((GET % b"stats") * 12_000)
        for _ in range(12_000):
            assert (await client.read_response()).status == 404
        assert (await client.request("GET", "/stats")).status == 404
