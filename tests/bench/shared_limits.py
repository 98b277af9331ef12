"""What sharing the limits costs: throughput with and without REDIS_URL in one run, and calls to the store.

    python -m tests.bench.shared_limits [--seconds 3] [--rounds 5]

One gateway, a real Valkey, an upstream in this process; load by wrk where it is installed, else by this
process. The rounds with and without alternate, so that a busy machine burdens both. The second table asks at
a fixed pace: the calls follow the clients that are active, not their requests.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import cast

import redis as redis_py
import uvloop

from tests.fakes.process import Child, free_port
from tests.fakes.valkey import Valkey

CONNECTIONS = 32
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n" + b"x" * 200
RULE = {"name": "per-client", "key": "Header", "header": "X-Client", "requests": 1_000_000, "period": "1s"}
PACES = ((1, 20), (1, 80), (1, 320), (10, 8), (10, 32), (50, 8), (50, 16))


class Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not of that class

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


class Gateway:
    def __init__(self, child: Child, port: int) -> None:
        self.child, self.port = child, port

    def cpu_s(self) -> float:
        """User and system time so far (proc(5), stat)."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def gateway(folder: Path, upstream_port: int, **variables: str) -> AsyncIterator[Gateway]:
    spec = {"targetRefs": [{"kind": "Gateway"}], "rateLimit": {"rules": [RULE]}}
    config = folder / "gateway.json"
    config.write_text(json.dumps({"policies": [{"name": "bench", "spec": spec}]}))
    port = free_port()
    environment = {
        "PORT": str(port),
        "ADMIN_PORT": "0",
        "AUTH": "none",
        "ACCESS_LOG": "off",
        "CONFIG_FILE": str(config),
        "CACHE_SERVICE_URL": f"http://127.0.0.1:{upstream_port}",
        **variables,
    }
    async with Child.app("gateway", env=environment) as child:
        await child.wait_port(port)
        yield Gateway(child, port)
        await child.stop()


async def ask(port: int, client: int, requests: int, every_s: float = 0.0) -> int:
    """One connection's requests, one after the other; `every_s`: not faster than that. Returns how many."""
    head = b"GET /x HTTP/1.1\r\nHost: a\r\nX-Client: c%d\r\n\r\n" % client
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began_s = perf_counter()
    for number in range(requests):
        writer.write(head)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        await reader.readexactly(200)
        if every_s:
            await asyncio.sleep(max(0.0, began_s + (number + 1) * every_s - perf_counter()))
    writer.close()
    return requests


async def load(port: int, seconds: float) -> float:
    """Requests per second of one busy client."""
    if wrk := shutil.which("wrk"):
        command = [
            wrk,
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds:g}s",
            "-H",
            "X-Client: c",
            f"http://127.0.0.1:{port}/x",
        ]
        done = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        output, _ = await done.communicate()
        assert b"Non-2xx" not in output, output.decode()
        return float(next(line for line in output.splitlines() if b"Requests/sec" in line).split()[1])
    began_s = perf_counter()
    asked = await asyncio.gather(*(ask(port, 0, int(200 * seconds)) for _ in range(CONNECTIONS)))
    return sum(asked) / (perf_counter() - began_s)


async def throughput(folder: Path, upstream_port: int, valkey: Valkey, seconds: float, rounds: int) -> None:
    rates: dict[str, list[float]] = {"without": [], "with": []}
    costs: dict[str, list[float]] = {"without": [], "with": []}
    async with (
        gateway(folder, upstream_port) as alone,
        gateway(folder, upstream_port, REDIS_URL=valkey.url) as sharing,
    ):
        for which in (alone, sharing):
            await load(which.port, 1.0)
        for _ in range(rounds):
            for name, which in (("without", alone), ("with", sharing)):
                before_s = which.cpu_s()
                rate = await load(which.port, seconds)
                rates[name].append(rate)
                costs[name].append((which.cpu_s() - before_s) / (rate * seconds) * 1e6)
    ratios = [a / b for a, b in zip(rates["with"], rates["without"], strict=True)]
    print("\n| limits | requests/s | CPU of the gateway, µs a request |\n|---|---|---|")
    for name in rates:
        print(f"| {name} REDIS_URL | {median(rates[name]):,.0f} | {median(costs[name]):.1f} |")
    print(f"| ratio (median of {rounds}) | {median(ratios):.2f} | "
          f"{median(costs['without']) / median(costs['with']):.2f} |")  # fmt: skip


@contextmanager
def calls_of(valkey: Valkey) -> Iterator[list[int]]:
    """Scripts that the server ran meanwhile: [lease calls and heartbeats]."""
    with redis_py.Redis.from_url(valkey.url) as admin:
        admin.config_resetstat()
        counted: list[int] = []
        yield counted
        stats = admin.info("commandstats")
        assert isinstance(stats, dict)
        counted.append(stats.get("cmdstat_evalsha", {}).get("calls", 0))


async def calls(folder: Path, upstream_port: int, valkey: Valkey, seconds: float) -> None:
    print("\n| clients | requests/s each | requests/s | calls to the store/s | calls/s a client |")
    print("|---|---|---|---|---|")
    async with gateway(folder, upstream_port, REDIS_URL=valkey.url) as sharing:
        for clients, pace in PACES:
            with calls_of(valkey) as counted:
                began_s = perf_counter()
                requests = int(pace * seconds)
                asked = await asyncio.gather(
                    *(ask(sharing.port, each, requests, 1.0 / pace) for each in range(clients))
                )
                took_s = perf_counter() - began_s
            rate, called = sum(asked) / took_s, counted[0] / took_s
            print(f"| {clients} | {pace} | {rate:,.0f} | {called:.0f} | {called / clients:.1f} |")


async def main(seconds: float, rounds: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    upstream_port = server.sockets[0].getsockname()[1]
    with TemporaryDirectory() as name, Valkey(Path(name) / "valkey") as valkey:
        await throughput(Path(name), upstream_port, valkey, seconds, rounds)
        await calls(Path(name), upstream_port, valkey, seconds)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given.seconds, given.rounds))
    sys.exit(0)
