"""What a request costs the gateway's process: CPU time of a real one, plain and with everything on."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fakes.process import Child, free_port

pytestmark = pytest.mark.bench

CONNECTIONS = 16
REQUESTS = 500  # on each connection
KEY = "a-key-of-the-tests-0123456789"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n" + b"x" * 200
REQUEST = b"GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: bench\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n"


class Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def ask(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(REQUESTS):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        await reader.readexactly(200)
    writer.close()
    await writer.wait_closed()


def cpu_s(pid: int) -> float:
    """User and system time so far (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def cost_us(env: Mapping[str, str]) -> float:
    """CPU µs of one request, the best of three rounds."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    port = free_port()
    fixed = {
        "PORT": str(port),
        "ADMIN_PORT": "0",
        "CACHE_SERVICE_URL": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
    }
    async with Child.app("gateway", env={**fixed, **env}) as child:
        await child.wait_port(port)
        rounds = []
        for _ in range(3):
            before_s = cpu_s(child.pid)
            await asyncio.gather(*(ask(port) for _ in range(CONNECTIONS)))
            rounds.append((cpu_s(child.pid) - before_s) / (CONNECTIONS * REQUESTS) * 1e6)
    server.close()
    return min(rounds)


async def test_the_features_of_a_request_cost_little_beside_forwarding_it(tmp_path):
    plain_us = await cost_us({"AUTH": "none", "RATE_LIMIT": "off", "ACCESS_LOG": "off"})
    whole_us = await cost_us(
        {"API_KEY": KEY, "RATE_LIMIT": "1000000-S", "ACCESS_LOG": str(tmp_path / "access.log")}
    )
    print(
        f"\nplain: {plain_us:.1f} µs of CPU a request; "
        f"key, limit and log: {whole_us:.1f} µs, ratio {whole_us / plain_us:.2f}"
    )
