"""What is asked of a contestant, the upstreams behind it, and whether a run is to be believed."""

import json
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.comparison import processes
from tests.bench.comparison.contestant import Contestant
from tests.bench.comparison.generators import Load, constant_rate, flood
from tests.bench.comparison.launches import nginx_argv
from tests.bench.comparison.plain_http import connect, fetch, fetch_over
from tests.fakes.process import free_port

__all__ = [
    "ANSWER",
    "LARGE",
    "POSTED",
    "SMALL",
    "DeadUpstream",
    "Load",
    "idle_connections",
    "measure",
    "start_upstream",
    "warm_up",
]

SMALL = json.dumps({"id": 1, "name": "item", "text": "a" * 211})
POSTED, ANSWER, LARGE = 10 * 1024, 1024, 1024 * 1024


def start_upstream(core: int) -> int:
    """The port of an nginx that answers all that the scenarios ask for."""
    folder, port = processes.workdir() / "upstream", free_port()
    (folder / "files").mkdir(parents=True)
    (folder / "files/large").write_bytes(b"x" * LARGE)
    (folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 15000; }}
http {{ access_log off; server_tokens off; keepalive_requests 1000000000; sendfile on;
 default_type application/json;
 server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}/files;
  location / {{ return 200 '{SMALL}'; }}
  location = /post {{ return 200 '{"b" * ANSWER}'; }}
  location = /echo {{ return 200 '$http_x_request_id|$http_x_forwarded_for|$http_x_api_key'; }}
  location = /large {{ }} }} }}""")
    processes.Proc(nginx_argv(folder, str(folder / "nginx.conf")), core, subprocess.DEVNULL)
    for _ in range(500):
        try:
            if fetch(port, "/", {}).body.decode() == SMALL:
                return port
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("the upstream did not start")


class DeadUpstream:
    """Accepts and resets every connection, and counts them: how often an open breaker still lets through."""

    def __init__(self) -> None:
        self.contacts = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.contacts += 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()


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
    status, length, wire = (0, 0, 0) if load.post else _probe(contestant, load, path, headers)
    meter = processes.Meter(contestant.proc, (contestant.core, core))
    generate = constant_rate if load.rate else flood
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
