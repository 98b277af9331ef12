"""The load generators for HTTP/2: h2load with one and the same request, `varied-http2` with requests that differ."""

import re
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.bench.comparison.contestant import Contestant
from tests.bench.comparison.generators import Load, fields, generate
from tests.bench.comparison.install import VARIED_HTTP2
from tests.bench.comparison.upstreams import MESSAGE

__all__ = ["http2_flood"]

_GRPC = {"content-type": "application/grpc", "te": "trailers"}
_COUNTS = re.compile(
    r"finished in .*?, (?P<rps>[\d.]+) req/s.*"
    r"requests: .*? (?P<done>\d+) done, (?P<succeeded>\d+) succeeded, \d+ failed, (?P<errored>\d+) errored, "
    r"(?P<timeouts>\d+) timeout.*"
    r"headers \(.*?\), \S+ \((?P<data>\d+)\) data",
    re.DOTALL,
)


def http2_flood(
    contestant: Contestant, load: Load, seconds: float, core: int, headers: Mapping[str, str]
) -> dict[str, Any]:
    """As `generators.flood`, over `load.streams` streams of each connection."""
    run = (
        _varied(contestant, load, seconds, core, headers)
        if load.varied
        else _same(contestant, load, seconds, core, headers)
    )
    problems, mean = run["problems"], run.pop("body_bytes", 0) / max(run["requests"], 1)
    in_flight = load.connections * load.streams * load.body  # bytes of the last ones may have come, too
    if run["requests"] and not load.body <= mean <= load.body + in_flight / run["requests"]:
        problems.append(f"mean body of {mean:.0f} bytes instead of {load.body}")
    if load.grpc and not problems:
        problems += _grpc_problems(contestant, load, headers)
    return run


def _same(
    contestant: Contestant, load: Load, seconds: float, core: int, headers: Mapping[str, str]
) -> dict[str, Any]:
    log = contestant.place.folder / "h2load.tsv"
    argv = ["h2load", "-D", str(max(round(seconds), 1)), "-c", str(load.connections), "-m", str(load.streams)]
    argv += [f"--log-file={log}", *fields({**headers, **(_GRPC if load.grpc else {})})]
    if load.grpc:
        argv += ["-d", _message(contestant)]
    text = generate([*argv, _url(contestant, load)], core, seconds + 15)
    counts = _COUNTS.search(text)
    if not counts:
        return {"requests": 0, "rps": 0.0, "problems": [f"h2load failed: {text.strip()[-200:]}"]}
    requests, succeeded = int(counts["done"]), int(counts["succeeded"])
    problems = [
        f"{count} {what}"
        for what, count in (("errors", int(counts["errored"])), ("timeouts", int(counts["timeouts"])))
        if count
    ]
    if succeeded != requests:
        problems.append(f"{requests - succeeded} of {requests} answers with another status than 200")
    latencies = sorted(
        int(line.rsplit("\t", 1)[1]) for line in log.read_text().splitlines() if "\t200\t" in line
    )
    log.unlink()
    return {
        "requests": requests,
        "rps": float(counts["rps"]),
        "body_bytes": int(counts["data"]),
        **{
            name: latencies[int(len(latencies) * share)] / 1e3
            for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99))
            if latencies
        },
        "problems": problems,
    }


def _varied(
    contestant: Contestant, load: Load, seconds: float, core: int, headers: Mapping[str, str]
) -> dict[str, Any]:
    sizes = [contestant.place.port, load.connections, load.streams, seconds, load.varied]
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = generate([str(VARIED_HTTP2), *map(str, sizes), *lines], core, seconds + 15)
    counts = next((line.split()[1:] for line in text.splitlines() if line.startswith("RESULT")), None)
    if not counts:
        return {"requests": 0, "rps": 0.0, "problems": [f"varied-http2 failed: {text.strip()[-200:]}"]}
    requests, micros, size, *bad, p50, p99 = map(int, counts)
    names = (
        "connect errors",
        "read errors",
        "write errors",
        "streams reset",
        "answers with another status than 200",
    )
    return {
        "requests": requests,
        "rps": requests / (micros / 1e6),
        "body_bytes": size,
        "p50_ms": p50 / 1e3,
        "p99_ms": p99 / 1e3,
        "problems": [f"{count} {what}" for what, count in zip(names, bad, strict=True) if count],
    }


def _grpc_problems(contestant: Contestant, load: Load, headers: Mapping[str, str]) -> list[str]:
    """h2load sees no trailers: one call by nghttp does."""
    argv = ["nghttp", "-v", "-d", _message(contestant), *fields({**headers, **_GRPC}), _url(contestant, load)]
    told = subprocess.run(argv, capture_output=True, timeout=10, check=False).stdout
    return [] if b"grpc-status: 0" in told else ["a call ended without `grpc-status: 0`"]


def _message(contestant: Contestant) -> str:
    path = contestant.place.folder / "message"
    path.write_bytes(MESSAGE)
    return str(path)


def _url(contestant: Contestant, load: Load) -> str:
    scheme = "https" if contestant.setup.tls else "http"
    return f"{scheme}://127.0.0.1:{contestant.place.port}{load.path}"
