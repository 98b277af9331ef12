"""A probe of a half-open breaker is judged at its response's head, and its upload has a bounded time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from app.foundation.clock import now_s, wall_s
from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.exchange import PeerClosed
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
STREAMS = {
    "NDJSON": b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\n{}\n\r\n",
    "a long download": b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1000,
    "a body until the end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx",
}


def view(gateway: Gateway) -> Any:
    (found,) = [breaker.view(now_s(), wall_s()) for breaker in gateway.breakers.all()]
    return found


@asynccontextmanager
async def half_open(tmp_path: Any, **timeout: str) -> AsyncIterator[tuple[RecorderUpstream, Gateway]]:
    """A gateway whose only breaker lets one probe in."""
    breaker = {"consecutiveFailures": 1, "openDuration": "100ms", "halfOpenRequests": 1}
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker=breaker, timeout=timeout)
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            upstream.reply(500)
            async with RawClient(gateway.port) as client:
                await client.request("GET", "/")
            await until(lambda: view(gateway).state == "half_open", "the breaker to be half-open")
            yield upstream, gateway


async def status(gateway: Gateway) -> tuple[int, str]:
    """Of a stranger's request."""
    async with RawClient(gateway.port) as client:
        answer = await client.request("GET", "/")
    return answer.status, answer.get("tidegate-reason")


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_response_that_goes_on_and_on_keeps_nobody_out(tmp_path, stream):
    async with half_open(tmp_path) as (upstream, gateway):
        never = asyncio.Event()
        upstream.pieces(STREAMS[stream], never)
        async with RawClient(gateway.port) as probe:
            await probe.send(GET)
            assert (await probe.read_head()).status == 200
            await settled(gateway)
            assert (view(gateway).state, view(gateway).probes_in_flight) == ("closed", 0)
            assert [await status(gateway) for _ in range(3)] == [(200, "")] * 3
        never.set()


async def test_a_client_that_reads_slowly_keeps_nobody_out(tmp_path):
    async with half_open(tmp_path) as (upstream, gateway):
        upstream.reply(200, b"x" * 20_000_000)
        async with RawClient(gateway.port, reader_limit_bytes=1024, receive_buffer_bytes=4096) as probe:
            await probe.send(GET)
            assert (await probe.read_head()).status == 200
            await settled(gateway)
            assert await status(gateway) == (200, "")
            probe.abort()


async def test_an_upload_of_a_byte_at_a_time_ends_with_the_requests_time_and_gives_the_probe_back(tmp_path):
    async with half_open(tmp_path, request="2s", idle="1s") as (upstream, gateway):

        async def swallow(exchange: Any) -> None:
            with suppress(PeerClosed):
                await exchange.whole_request()

        upstream.answer(swallow)
        async with RawClient(gateway.port) as probe:
            await probe.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            answer = asyncio.create_task(probe.read_response())
            await upstream.wait_for(2)
            assert await status(gateway) == (503, "breaker_probing")
            with suppress(ConnectionError):
                while not answer.done():
                    await probe.send(b"x")
                    await asyncio.wait([answer], timeout=0.05)
            assert (await answer).status == 408
            assert (await answer).get("tidegate-reason") == "request_timeout"
        await settled(gateway)
        assert view(gateway).probes_in_flight == 0
        assert await status(gateway) == (200, "")
        await settled(gateway)
        assert view(gateway).state == "closed"


async def test_an_upload_that_is_no_probe_may_take_its_time(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, timeout={"request": "1s", "idle": "5s"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\n\r\n")
            answer = asyncio.create_task(client.read_response())
            for _ in range(24):
                await client.send(b"x")
                await asyncio.wait([answer], timeout=0.05)
            await client.send(b"x")
            assert (await answer).status == 200
