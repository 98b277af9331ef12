"""A client that sends on and on without waiting holds one exchange and one read's bytes, and is seen to leave."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FLOOD = GET * (255 * 1024 // len(GET))
CONNECTIONS = 20
FLOODING_CONNECTIONS = 5  # each sends 2 MB of requests
MOST_UNREAD_BYTES = 512 * 1024
"""Of a connection: one read of the loop's buffer, and what the head before it left."""


def held(*names: str) -> int:
    """How many requests and exchanges of the data plane are alive."""
    gc.collect()
    return sum(
        type(each).__name__ in names and type(each).__module__.startswith("app.dataplane")
        for each in gc.get_objects()
    )


def unread_bytes(gateway: Gateway) -> list[int]:
    clients: Any = gateway.context.open_clients
    return [client.reader.unread_bytes for client in clients]


def unsent_bytes(gateway: Gateway) -> list[int]:
    clients: Any = gateway.context.open_clients
    return [client.transport.get_write_buffer_size() for client in clients]


async def still(seen: Callable[[], object]) -> None:
    """Until it is the same for a while: the flood is taken as far as it will be."""
    before, same = None, 0
    while same < 10:
        await asyncio.sleep(0.02)
        now = seen()
        before, same = now, same + 1 if now == before else 0


@pytest.mark.one_process("counts its objects")
async def test_each_connection_holds_one_exchange_however_much_it_sends():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        exchanges, requests = held("Exchange"), held("Request")  # constants of other tests in this process
        for _ in range(CONNECTIONS):
            upstream.never()
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(RawClient(gateway.port)) for _ in range(CONNECTIONS)]
            for client in clients:
                client.writer.write(FLOOD)
            await upstream.wait_for(CONNECTIONS)
            await still(lambda: sum(unread_bytes(gateway)))
            assert gateway.context.counts.in_flight == CONNECTIONS
            assert held("Exchange") - exchanges <= CONNECTIONS
            assert held("Request") - requests <= CONNECTIONS
            assert max(unread_bytes(gateway)) <= MOST_UNREAD_BYTES
            for client in clients:
                client.abort()  # a FIN would wait behind what is not read
            await until(lambda: gateway.context.counts.in_flight == 0, "all exchanges to end")


@pytest.mark.one_process("counts its objects")
async def test_without_a_key_a_client_that_reads_nothing_is_answered_no_further():
    async with running_gateway(AUTH="key", API_KEY=KEY) as gateway, AsyncExitStack() as stack:
        exchanges, requests = held("Exchange"), held("Request")
        for _ in range(FLOODING_CONNECTIONS):
            client = RawClient(gateway.port, reader_limit_bytes=1024, receive_buffer_bytes=4096)
            await stack.enter_async_context(client)
            client.writer.write(FLOOD * 8)
        await still(lambda: sum(unread_bytes(gateway)))
        assert held("Exchange") - exchanges <= 1
        assert held("Request") - requests <= FLOODING_CONNECTIONS
        assert max(unread_bytes(gateway)) <= MOST_UNREAD_BYTES
        assert max(unsent_bytes(gateway)) <= MOST_UNREAD_BYTES


async def test_others_are_answered_while_a_flood_is():
    async with running_gateway(AUTH="key", API_KEY=KEY) as gateway, RawClient(gateway.port) as flood:
        reading = asyncio.create_task(flood.reader.read(-1))
        flood.writer.write(FLOOD * 4)
        cells = gateway.context.counts.routes
        await until(lambda: any(each.requests for each in cells.values()), "the flood to begin")
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/metrics")).status == 200
        assert not reading.done()
        flood.half_close()
        await reading


@pytest.mark.parametrize("before", [16, 17, 40])
async def test_a_client_that_leaves_after_many_rejections_ends_the_upstreams_work(before):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.never()
        client = RawClient(gateway.port)
        await client.connect()
        await client.send(GET.replace(b"GET /", b"GET /stats") * before + GET)
        for _ in range(before):
            assert (await client.read_response()).status == 404
        await upstream.wait_for(1)
        await client.close()
        await upstream.wait_closed_early()


@pytest.mark.parametrize("leave", ["close", "abort"])
async def test_a_client_with_a_request_waiting_that_leaves_ends_the_upstreams_work(leave):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.never()
        client = RawClient(gateway.port)
        await client.connect()
        await client.send(GET + GET)
        await upstream.wait_for(1)
        if leave == "abort":
            client.abort()
        await client.close()
        await upstream.wait_closed_early()
        await until(lambda: gateway.context.counts.in_flight == 0, "the exchange to end")
        assert len(upstream.requests) == 1
