"""What a request over HTTP/2 costs the gateway's process, with everything on, to an upstream of either version."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.bench.test_gateway_cost import KEY, Upstream, cpu_s
from tests.fakes.http2_client import Http2Client
from tests.fakes.http2_upstream import Http2Upstream
from tests.fakes.process import Child, free_port

pytestmark = pytest.mark.bench

CONNECTIONS = 4
STREAMS = 8
REQUESTS = 25  # on each stream's place, one after another
FIELDS = [("User-Agent", "bench"), ("X-API-Key", KEY)]
CONFIG = """
upstreams: {{up: {{endpoints: ["http://127.0.0.1:{port}"], protocol: {protocol}}}}}
routes: [{{name: all, match: {{path: {{prefix: /}}}}, upstream: up, auth: key}}]
"""


@asynccontextmanager
async def upstream_port(protocol: str) -> AsyncIterator[int]:
    if protocol == "h2":
        async with Http2Upstream() as upstream:
            yield upstream.port
        return
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def ask(client: Http2Client) -> None:
    for number in range(REQUESTS):
        response = await client.request("GET", f"/x/{number}", FIELDS)
        assert response.status == 200, response


@pytest.mark.parametrize("protocol", ["http1", "h2"])
async def test_a_request_over_http2_works_on_many_streams_and_costs(tmp_path, protocol):
    port = free_port()
    env = {"PORT": str(port), "ADMIN_PORT": "0", "API_KEY": KEY, "ACCESS_LOG": str(tmp_path / "access.log")}
    async with upstream_port(protocol) as behind:
        config = tmp_path / "tidegate.yaml"
        config.write_text(CONFIG.format(port=behind, protocol=protocol))
        async with Child.app(
            "gateway", env={**env, "CONFIG_FILE": str(config), "RATE_LIMIT": "1000000-S"}
        ) as child:
            await child.wait_port(port)
            clients = [Http2Client(port, timeout_s=60.0) for _ in range(CONNECTIONS)]
            for client in clients:
                await client.connect()
            before_s = cpu_s(child.pid)
            await asyncio.gather(*(ask(client) for client in clients for _ in range(STREAMS)))
            cost_us = (cpu_s(child.pid) - before_s) / (CONNECTIONS * STREAMS * REQUESTS) * 1e6
            for client in clients:
                await client.close()
            assert await child.stop() == 0
    print(f"\nHTTP/2 to an upstream with {protocol}: {cost_us:.0f} µs of CPU a request")
    lines = (tmp_path / "access.log").read_text().splitlines()
    assert [json.loads(line)["protocol"] for line in lines] == ["HTTP/2"] * CONNECTIONS * STREAMS * REQUESTS
