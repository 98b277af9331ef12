"""The gauge of upstream connections tells the sockets that are open, whatever clients do."""

import asyncio
import re

import pytest
import uvloop

from app.gateway.process import Gateway
from tests.fakes import answers
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
CLIENTS = 200


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}


async def gauges(gateway: Gateway) -> dict[str, float]:
    """Of `tidegate_upstream_connections`, by state."""
    async with RawClient(gateway.admin_port) as admin:
        answer = await admin.request("GET", "/metrics")
    assert answer.status == 200, answer.body
    body = answer.body.decode()
    found = re.findall(r'^tidegate_upstream_connections\{.*state="(\w+)".*\} (\S+)$', body, re.MULTILINE)
    return {state: float(number) for state, number in found}


async def hang_up_at_once(port: int, ticks: int) -> None:
    """Its request and its reset, `ticks` turns of the loop apart."""
    client = RawClient(port)
    await client.connect()
    client.writer.write(GET)
    for _ in range(ticks):
        await asyncio.sleep(0)
    client.abort()


@pytest.mark.parametrize(
    "answer", [answers.never(), answers.reply(200, b"x" * 1000)], ids=["never", "at-once"]
)
@pytest.mark.one_process("sees the state of a pool")
async def test_clients_that_hang_up_at_once_leave_no_connection_counted_that_is_gone(answer):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, ADMIN_PORT=str(free_port())) as gateway,
    ):
        upstream.default = answer
        for start in range(0, CLIENTS, 20):
            await asyncio.gather(
                *(hang_up_at_once(gateway.port, number % 8) for number in range(start, start + 20))
            )
        await until(lambda: gateway.context.counts.in_flight == 0, "every exchange to end")
        upstream.default = answers.reply()
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/good")).status == 200
        (pool,) = gateway.bindings.upstreams["cache"].addresses
        await until(lambda: pool.open == upstream.open_connections, "the pool to count what is open")
        assert pool.state.in_flight == 0
        assert await gauges(gateway) == {"idle": upstream.open_connections, "active": 0}
