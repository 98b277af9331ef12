"""What viewers of the monitor cost the gateway: `python -m tests.bench.viewers`.

The small scenario (key, limit, breaker, metrics, JSON log on; small answers) runs in rounds of equal length,
in turn without and with viewers; each round's CPU of the gateway's process is divided by its requests, and
the best round of each kind is taken. Then the same with so little traffic that what viewers cost by
themselves shows: they take that share of a core from full load too, since their messages go by the second
and not by the request. Viewers run in a process of their own and throw away what they get. With `--breakers N` requests
go to N upstreams in turn, each with a route, a limit rule and a breaker of its own; `--dead M` of them fail, so that
breakers open, probe and open again.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.test_gateway_cost import ANSWER, KEY, REQUEST, Upstream, cpu_s
from tests.fakes.process import Child, free_ports

CONNECTIONS = 32
DEAD_PORT = 9
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


def config_of(breakers: int, dead: int, upstream_port: int) -> str:
    """So many upstreams, each with a route, a limit and a breaker; all at one server, `dead` of them at none."""
    names = [f"service-{number:02}" for number in range(breakers)]
    ports = [DEAD_PORT if number < dead else upstream_port for number in range(breakers)]
    rule = {"key": "Client", "requests": 1_000_000_000, "period": "1h"}
    policies = [
        {
            "name": name,
            "spec": {
                "targetRefs": [{"kind": "Route", "name": name}],
                "rateLimit": {"rules": [{"name": "per-client", **rule}]},
            },
        }
        for name in names
    ]
    routes = [{"name": name, "match": {"path": {"prefix": f"/{name}"}}, "upstream": name} for name in names]
    upstreams = {
        name: {"endpoints": [f"http://127.0.0.1:{port}"]} for name, port in zip(names, ports, strict=True)
    }
    return json.dumps({"upstreams": upstreams, "routes": routes, "policies": policies})


def requests_of(breakers: int) -> list[bytes]:
    if not breakers:
        return [REQUEST]
    return [REQUEST.replace(b" /x ", f" /service-{number:02} ".encode()) for number in range(breakers)]


async def load(port: int, seconds: float, pause_s: float, requests: Sequence[bytes]) -> int:
    """Requests answered in that time over CONNECTIONS connections, one at a time, with pauses between."""
    end_s = time.monotonic() + seconds
    turns = itertools.cycle(requests)

    async def ask() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answered = 0
        while time.monotonic() < end_s:
            writer.write(next(turns))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 50")), head
            await reader.readexactly(int(LENGTH.findall(head)[0]))
            answered += 1
            if pause_s:
                await asyncio.sleep(pause_s)
        writer.close()
        await writer.wait_closed()
        return answered

    return sum(await asyncio.gather(*(ask() for _ in range(CONNECTIONS))))


async def watch(port: int, viewers: int) -> None:
    """`viewers` feeds, read and thrown away, until the process is ended."""
    from websockets.asyncio.client import connect

    received = [0] * viewers

    async def view(number: int) -> None:
        url = f"ws://127.0.0.1:{port}/monitor/ws"
        async with connect(url, compression=None, max_size=None) as socket:
            async for message in socket:
                received[number] += 1
                if received[number] == 1:
                    assert json.loads(message)["type"] == "snapshot"
                if min(received) == 3:
                    print("watching", flush=True)

    await asyncio.gather(*(view(number) for number in range(viewers)))


@asynccontextmanager
async def watched_by(viewers: int, port: int) -> AsyncIterator[None]:
    """That many viewers, who have their first messages."""
    if not viewers:
        yield
        return
    argv = [sys.executable, "-m", "tests.bench.viewers", "--watch", str(port), "--viewers", str(viewers)]
    async with Child(argv) as child:
        await child.wait_line("watching", 30.0)
        yield


async def measure(given: argparse.Namespace) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    upstream_port = server.sockets[0].getsockname()[1]
    port, admin_port = free_ports(2)
    with TemporaryDirectory() as folder:
        env = {
            "PORT": str(port), "ADMIN_PORT": str(admin_port), "API_KEY": KEY, "RATE_LIMIT": "1000000000-H",
            "ACCESS_LOG": str(Path(folder) / "access.log"),
            "CACHE_SERVICE_URL": f"http://127.0.0.1:{upstream_port}",
        }  # fmt: skip
        if given.breakers:
            file = Path(folder) / "gateway.yaml"
            file.write_text(config_of(given.breakers, given.dead, upstream_port))
            env["CONFIG_FILE"] = str(file)
        async with Child.app("gateway", env=env) as gateway:
            await gateway.wait_port(port)
            await load(port, 1.0, 0.0, requests_of(given.breakers))
            if not given.quiet:
                await compare_full(gateway.pid, port, given)
            await compare_quiet(gateway.pid, port, given)
    server.close()


async def compare_full(pid: int, port: int, given: argparse.Namespace) -> None:
    viewers, rounds, seconds, sent = given.viewers, given.rounds, given.seconds, requests_of(given.breakers)
    cost: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds):
        for watched in (number % 2 == 0, number % 2 == 1):
            async with watched_by(viewers if watched else 0, port):
                before_s = cpu_s(pid)
                requests = await load(port, seconds, 0.0, sent)
                cost[watched].append((cpu_s(pid) - before_s) / requests * 1e6)
    alone, watched_us = min(cost[False]), min(cost[True])  # what else runs here only ever adds
    spread = statistics.median(cost[False]) / alone - 1
    print(f"full load, CPU of a request: {alone:.1f} µs alone, {watched_us:.1f} µs with {viewers} viewers")
    print(f"  {100 * (watched_us / alone - 1):+.1f} % (the median round alone: {100 * spread:+.1f} %)")


async def compare_quiet(pid: int, port: int, given: argparse.Namespace) -> None:
    viewers, rounds, seconds, sent = given.viewers, given.rounds, given.seconds, requests_of(given.breakers)
    share: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for watched in (False, True):
            async with watched_by(viewers if watched else 0, port):
                before_s = cpu_s(pid)
                await load(port, seconds, 1.0, sent)
                share[watched].append((cpu_s(pid) - before_s) / seconds)
    alone, with_viewers = (100 * statistics.mean(share[watched]) for watched in (False, True))
    print(f"{CONNECTIONS} requests/s: {alone:.2f} % of a core alone, {with_viewers:.2f} % watched")
    print(f"  {viewers} viewers take {with_viewers - alone:.2f} % of a core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--breakers", type=int, default=0)
    parser.add_argument("--dead", type=int, default=0, help="so many of their upstreams accept no connection")
    parser.add_argument("--quiet", action="store_true", help="little traffic only")
    parser.add_argument("--watch", type=int, metavar="PORT", help="be the viewers of that port")
    given = parser.parse_args()
    assert len(ANSWER) > 200
    if given.watch:
        asyncio.run(watch(given.watch, given.viewers))
        return
    print(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f}")
    asyncio.run(measure(given))


if __name__ == "__main__":
    main()
