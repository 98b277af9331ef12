"""The cache service under load: prints the table of docs/cache.md. Needs wrk.

    python -m tests.bench.cache_load [--seconds 5]

The service is pinned to one core and wrk to another. Besides requests per second the table tells what the
service did per second of CPU that it really got: on a machine that others use, that is what a core of its own
would give. p99 is taken at half of the rate reached. "By a FastAPI route": the service without its fast lane.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.process import ROOT, free_port
from tests.fakes.valkey import Valkey

KIBIBYTE = "x" * 1024
CONNECTIONS = 32
_PUT = """
local requests, number = {}, 0
local body = string.rep("x", 1024)
function init()
  for i = 1, 1000 do requests[i] = wrk.format("PUT", "/cache/p" .. i .. "?ttl=600", nil, body) end
end
function request()
  number = number % 1000 + 1
  return requests[number]
end
"""
_PACED = """
local pace_ms = tonumber(os.getenv("PACE_MS"))
delay = function() return math.random() * 2 * pace_ms end
"""
_ROUTES_ONLY = """
import sys
import cache.__main__ as process
create_app, protocol_of = process.create_app, process.protocol_of
process.create_app = lambda *args, **options: create_app(*args, **options, fast_lane=False)
process.protocol_of = lambda lane: protocol_of(None)
sys.exit(process.main())
"""


@dataclass(frozen=True)
class Result:
    rps: float
    rps_per_cpu_s: float
    p99_ms: float


@contextmanager
def service(core: str, redis_url: str = "", lane: bool = True) -> Iterator[tuple[int, int]]:
    """Its port and process id; not `lane`: FastAPI's routes answer everything."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1", "REDIS_URL": redis_url}
    program = ["-m", "cache"] if lane else ["-c", _ROUTES_ONLY]
    process = subprocess.Popen(
        ["taskset", "-c", core, sys.executable, *program],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_ready(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def wait_ready(port: int) -> None:
    deadline_s = time.monotonic() + 15
    while run_curl(f"http://127.0.0.1:{port}/readyz") != 0:
        if time.monotonic() > deadline_s:
            raise SystemExit("the service does not start")
        time.sleep(0.05)


def run_curl(*arguments: str) -> int:
    return subprocess.run(["curl", "-sfo", os.devnull, *arguments], check=False).returncode


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(url: str, pid: int, core: str, seconds: int, script: str, pace_ms: float = 0.0) -> Result:
    """`pace_ms` > 0: each connection rests so long between its requests, on average."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + (_PACED if pace_ms else ""))
        file.flush()
        before_s = cpu_s(pid)
        done = subprocess.run(
            [
                "taskset",
                "-c",
                core,
                "wrk",
                "-t1",
                f"-c{CONNECTIONS}",
                f"-d{seconds}",
                "--latency",
                "-s",
                file.name,
                url,
            ],
            env={**os.environ, "PACE_MS": str(pace_ms)},
            capture_output=True,
            text=True,
            check=True,
        )
    used_s = cpu_s(pid) - before_s
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(done.stdout)
    (count,) = re.findall(r"(\d+) requests in", done.stdout)
    (number, unit) = re.findall(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)[0]
    (rps,) = re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return Result(
        float(rps), int(count) / used_s, float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    )


def measured(name: str, url: str, pid: int, core: str, seconds: int, script: str = "") -> None:
    full = load(url, pid, core, seconds, script)
    half = load(url, pid, core, seconds, script, pace_ms=2000 * CONNECTIONS / full.rps)
    print(
        f"| {name} | {full.rps:,.0f} | {full.rps_per_cpu_s:,.0f} | {half.p99_ms:.1f} ms at {half.rps:,.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="prints the cache service's figures")
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    seconds = parser.parse_args().seconds
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed")
    cores = sorted(os.sched_getaffinity(0))
    core, other = str(cores[0]), str(cores[-1])
    print("| call, 1 KiB, 32 connections | requests/s | per CPU second | p99 at half of that |")
    print("|---|---|---|---|")
    for lane, how in ((True, ""), (False, ", by a FastAPI route")):
        with service(core, lane=lane) as (port, pid):
            base = f"http://127.0.0.1:{port}"
            run_curl("-X", "PUT", "-d", KIBIBYTE, f"{base}/cache/k?ttl=600")
            measured(f"GET from memory{how}", f"{base}/cache/k", pid, other, seconds)
            measured(f"PUT to memory{how}", base, pid, other, seconds, _PUT)
    with tempfile.TemporaryDirectory() as folder, Valkey(Path(folder), append_only=True) as valkey:
        for lane, how in ((True, ""), (False, ", by a FastAPI route")):
            with service(core, valkey.url, lane) as (port, pid):
                measured(f"PUT through Valkey{how}", f"http://127.0.0.1:{port}", pid, other, seconds, _PUT)
        with service(core, valkey.url) as (port, pid):
            measured("GET from memory over Valkey", f"http://127.0.0.1:{port}/cache/p1", pid, other, seconds)


if __name__ == "__main__":
    main()
