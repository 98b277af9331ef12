"""What is asked of a contestant, and whether a run is to be believed."""

import select
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.comparison import processes
from tests.bench.comparison.contestant import Contestant
from tests.bench.comparison.generators import Load, constant_rate, flood
from tests.bench.comparison.http2_generators import http2_flood
from tests.bench.comparison.plain_http import connect, fetch_over
from tests.bench.comparison.upstreams import LARGE

__all__ = ["Load", "idle_connections", "measure", "warm_up"]


def warm_up(contestant: Contestant, load: Load) -> int:
    """A short one, for short runs: 150 requests, one after another."""
    headers = contestant.headers if load.key else {}
    for number in range(150):
        path = f"/r{number * load.routes // 150}/item" if load.routes > 1 else load.path
        contestant.fetch(path, headers)
    return 150


def measure(contestant: Contestant, load: Load, seconds: float, core: int) -> dict[str, Any]:
    """What the generator counted, the contestant's CPU, and under `problems` why not to believe it."""
    try:
        return _one_run(contestant, load, seconds, core)
    except (
        OSError,
        ValueError,
        IndexError,
        subprocess.TimeoutExpired,
    ) as fault:  # it died, or answered no HTTP
        return {"requests": 0, "problems": [f"{type(fault).__name__}: {fault}"]}


def _one_run(contestant: Contestant, load: Load, seconds: float, core: int) -> dict[str, Any]:
    headers = contestant.headers if load.key else {}
    path = f"/r{load.routes - 1}/item" if load.routes > 1 else load.path
    status, length, wire = (0, 0, 0) if load.post or load.grpc else _probe(contestant, load, path, headers)
    meter = processes.Meter(contestant.proc, (contestant.core, core))
    generate = constant_rate if load.rate else http2_flood if load.streams else flood
    run = generate(contestant, load, seconds, core, headers)
    used = meter.stop()
    problems = run.pop("problems")
    if status and (status not in load.expect or (status == 200 and length != load.body)):
        problems.append(f"probe: status {status}, {length} bytes")
    if status and (again := _probe(contestant, load, path, headers)[0]) not in load.expect:
        problems.append(f"probe afterwards: status {again}")
    mean = run.pop("mean_bytes", None)
    slack = 0.05 * wire if load.body >= LARGE else 8
    if mean and wire and abs(mean - wire) > slack and len(load.expect) == 1:
        problems.append(f"mean answer of {mean:.0f} bytes instead of {wire}")
    cost = {"cpu_us": used["cpu_s"] * 1e6 / max(run["requests"], 1)}
    return {**run, **used, **cost, "problems": problems}


def _probe(contestant: Contestant, load: Load, path: str, headers: Mapping[str, str]) -> tuple[int, int, int]:
    """Status, length of the body, bytes on the wire."""
    answer = contestant.fetch(path, headers)
    if answer.status not in load.expect:  # a limit of one a minute may let the first one through
        answer = contestant.fetch(path, headers)
    return answer.status, len(answer.body), answer.wire


def idle_connections(contestant: Contestant, count: int) -> dict[str, Any]:
    """Opens keep-alive connections, one request on each, holds them all, and weighs the contestant."""
    fresh = contestant.proc.rss()
    socks: list[socket.socket] = []
    problems: list[str] = []
    try:
        for _ in range(200):  # let it allocate what one connection at a time needs
            contestant.fetch("/item")
        start = contestant.proc.rss()
        for _ in range(count):
            sock = connect(contestant.place.port, contestant.setup.tls)
            socks.append(sock)
            if (status := fetch_over(sock, "/item", contestant.headers).status) != 200:
                problems.append(f"status {status}")
        time.sleep(0.3)
        full = contestant.proc.rss()
        poller = select.poll()
        for sock in socks:
            poller.register(sock, select.POLLIN | select.POLLRDHUP)
        closed = len(poller.poll(0))
    finally:
        for sock in socks:
            sock.close()
    if closed > count // 100:
        problems.append(f"{closed} of {count} connections were closed")
    return {
        "startup_ms": contestant.startup_s * 1e3,
        "rss_mib": fresh / 2**20,
        "kib_per_connection": (full - start) / 1024 / count,
        "closed": closed,
        "problems": problems[:3],
    }
