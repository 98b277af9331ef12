"""Upstreams of HTTP/2 that end streams and connections: what is sent again, what is cut, what is a timeout."""

import asyncio

import pytest
from hyperframe.frame import (
    GoAwayFrame,
    RstStreamFrame,
)

from tests.fakes.client import RawClient, Truncated
from tests.fakes.config import config_text
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_upstream import Http2Stream, Http2Upstream, never, reply
from tests.fakes.http2_upstream_gateway import (
    expect_bad_gateway,
    gateway_to,
)
from tests.fakes.waiting import until

# --- requests that the upstream did nothing with -----------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.one_process("a worker has connections of its own to an upstream")
async def test_above_the_last_id_of_a_goaway_requests_are_sent_again_and_below_it_they_end(tmp_path, method):
    go = asyncio.Event()

    async def wait(stream: Http2Stream) -> None:
        await stream.whole()
        await go.wait()
        stream.head(200, end=True)

    async def leave(stream: Http2Stream) -> None:
        await stream.whole()
        goaway = GoAwayFrame(0)
        goaway.last_stream_id = stream.stream_id - 2
        stream.connection.raw(goaway)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(wait)
        upstream.answer(leave)
        async with RawClient(gateway.port) as below, RawClient(gateway.port) as above:
            await below.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await upstream.wait_for(1)
            answer = await above.request(method, "/", (), b"body" if method == "POST" else b"")
            assert answer.status == 200
            first, second, third = upstream.streams
            assert first.connection is second.connection is not third.connection
            assert bytes(third.body) == (b"body" if method == "POST" else b"")
            go.set()
            assert (await below.read_response()).status == 200
            await upstream.until(lambda: first.connection.closed, "the end of the retired connection")
        (route,) = gateway.context.plans.plans
        assert route.targets[0].counts.retries == {"unprocessed": 1}


async def test_a_stream_that_is_refused_is_sent_elsewhere(tmp_path):
    async def refuse(stream: Http2Stream) -> None:
        stream.reset(7)

    breaker = {"consecutiveFailures": 1, "openDuration": "1m"}
    async with Http2Upstream() as bad, Http2Upstream() as good:
        bad.default = refuse
        text = config_text(bad.url, good.url, upstream={"protocol": "h2"}, circuitBreaker=breaker)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(4):
                assert (await client.request("POST", "/", (), b"x")).status == 200
    assert len(good.streams) == 4
    assert bad.streams


async def test_an_upstream_that_refuses_everything_is_asked_four_times(tmp_path):
    async def refuse(stream: Http2Stream) -> None:
        stream.reset(7)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.default = refuse
        async with RawClient(gateway.port) as client:
            await expect_bad_gateway(client, "upstream_reset", "did not take the request")
    assert len(upstream.streams) == 4


@pytest.mark.parametrize("how", ["reset", "goaway", "close"])
async def test_an_end_amid_the_response_cuts_it_visibly(tmp_path, how):
    passed = asyncio.Event()

    async def answer(stream: Http2Stream) -> None:
        stream.head(200)
        await stream.data(b"half")
        await passed.wait()
        if how == "reset":
            stream.reset(2)
        elif how == "goaway":
            stream.connection.h2.close_connection(error_code=2)
            stream.connection.flush()
            stream.connection.transport.close()
        else:
            stream.connection.transport.abort()

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(answer)
        async with RawClient(gateway.port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await client.read_head()
            passed.set()
            with pytest.raises(Truncated):
                await client.read_body(head)


async def test_a_reset_without_error_after_the_whole_response_is_a_good_response(tmp_path):
    """RFC 9113 §8.1: so it says that it does not want the rest of the request."""

    async def answer(stream: Http2Stream) -> None:
        stream.head(413, [(b"content-length", b"2")])
        await stream.data(b"no", end=True)
        frame = RstStreamFrame(stream.stream_id)
        stream.connection.raw(frame)

    async with Http2Upstream(credits=False) as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(answer)
        async with RawClient(gateway.port) as client:
            await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10_000)
            answered = await client.read_response()
            assert (answered.status, answered.body) == (413, b"no")
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/")).status == 200


@pytest.mark.one_process("sees the state of a pool")
async def test_requests_survive_an_upstream_that_retires_its_connections_all_the_time(tmp_path):
    """As servers do that bound a connection's age: GOAWAY, the requests below it end."""

    async def leave(stream: Http2Stream) -> None:
        await stream.whole()
        if stream.stream_id % 10 == 1 and stream.stream_id > 1:
            goaway = GoAwayFrame(0)
            goaway.last_stream_id = stream.stream_id
            stream.connection.raw(goaway)
        stream.head(200, end=True)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.default = leave

        async def client() -> list[int]:
            async with RawClient(gateway.port) as one:
                return [(await one.request("POST", "/", (), b"x")).status for _ in range(40)]

        statuses = await asyncio.gather(*[client() for _ in range(5)])
        assert {status for each in statuses for status in each} == {200}
        assert len(upstream.connections) > 5
        (pool,) = gateway.bindings.upstreams["main"].addresses
        await until(lambda: pool.open == upstream.open_connections, "the count of what is open")
        assert pool.state.in_flight == 0


async def test_a_head_that_takes_too_long_is_upstream_timeout(tmp_path):
    async with Http2Upstream() as upstream:
        upstream.default = never()
        async with gateway_to(upstream.url, tmp_path, timeout={"request": "1s"}) as gateway:
            async with RawClient(gateway.port) as client:
                answer = await client.request("GET", "/")
                assert (answer.status, answer.get("tidegate-reason")) == (504, "upstream_timeout")
            assert upstream.streams[0].connection.closed is False
            upstream.default = reply()
            async with RawClient(gateway.port) as client:
                assert (await client.request("GET", "/")).status == 200


async def test_an_upload_that_the_upstream_never_takes_is_upstream_timeout(tmp_path):
    async with Http2Upstream(credits=False) as upstream:
        upstream.default = never()
        async with (
            gateway_to(upstream.url, tmp_path, timeout={"request": "300ms", "idle": "300ms"}) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
            sending = asyncio.ensure_future(client.send(b"x" * 9_000_000))
            answer = await client.read_response()
            assert (answer.status, answer.get("tidegate-reason")) == (504, "upstream_timeout")
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
