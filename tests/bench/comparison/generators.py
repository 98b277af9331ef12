"""The load generators: wrk as fast as it goes, oha at a constant rate."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.comparison.contestant import Contestant
from tests.bench.comparison.install import OHA
from tests.bench.comparison.processes import Proc, workdir

__all__ = ["Load", "constant_rate", "fields", "flood", "generate"]

DONE = """
done = function(s, l, r)
  io.write(string.format("\\nRESULT %d %d %d %d %d %d %d %d %d %d\\n", s.requests, s.duration, s.bytes,
    s.errors.connect, s.errors.read, s.errors.write, s.errors.timeout, s.errors.status,
    l:percentile(50), l:percentile(99)))
end
"""
ROUND_ROBIN = """
local made, at = {}, 0
init = function() for i = 1, %d do made[i] = wrk.format("GET", "/r" .. (i - 1) .. "/item") end end
request = function() at = at %% #made + 1; return made[at] end
"""
VARIED = """
local agents = {
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0", "okhttp/5.1.0"}
local made, at = {}, 0
init = function()
  for i = 1, %d do
    local fields = {}
    for name, value in pairs(wrk.headers) do fields[name] = value end
    fields["User-Agent"] = agents[i %% 4 + 1]
    fields["Accept"] = "application/json, text/plain, */*"
    fields["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8"
    fields["Accept-Encoding"] = "gzip, deflate, br, zstd"
    fields["Referer"] = "https://shop.example.com/orders?page=" .. i
    fields["Cookie"] = string.format("session=%%08x%%08x; theme=dark; consent=1", i * 2654435761 %% 4294967296, i)
    fields["Traceparent"] = string.format("00-%%016x%%016x-%%016x-01", i, i * 40503, i * 7)
    made[i] = wrk.format("GET", string.format("/item/%%d?sort=price&page=%%d", i, i %% 97), fields)
  end
end
request = function() at = at %% #made + 1; return made[at] end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """`expect`, `body`: the status that every answer must have, and its length where that is 200."""

    path: str = "/item"
    connections: int = 64
    expect: tuple[int, ...] = (200,)
    body: int = 248
    post: int = 0  # bytes to send
    key: bool = True
    streams: int = 0  # at once on each connection, over HTTP/2; 0: HTTP/1.1
    grpc: bool = False  # unary calls; only over HTTP/2
    routes: int = 1  # spread over /r0 … /rN-1
    rate: int = 0  # requests per second; 0: as fast as it goes
    varied: int = 0  # so many different requests in turn, with a browser's fields; 0: one and the same


def flood(
    contestant: Contestant, load: Load, seconds: float, core: int, headers: Mapping[str, str]
) -> dict[str, Any]:
    place, scheme = contestant.place, "https" if contestant.setup.tls else "http"
    words = f"-t1 -c{load.connections} -d{max(round(seconds), 1)}s --timeout 10s"
    script = place.write("load.lua", _script(load))
    url = f"{scheme}://127.0.0.1:{place.port}{load.path}"
    argv = ["wrk", *words.split(), "-s", script, *fields(headers), url]
    text = generate(argv, core, seconds + 15)
    counts = next((line.split()[1:] for line in text.splitlines() if line.startswith("RESULT")), None)
    if not counts:
        return {"requests": 0, "rps": 0.0, "problems": [f"wrk failed: {text.strip()[-200:]}"]}
    requests, micros, size, connects, reads, writes, timeouts, refused, p50, p99 = map(int, counts)
    counted = {
        "connect errors": connects,
        "read errors": reads,
        "write errors": writes,
        "timeouts": timeouts,
    }
    problems = [f"{count} {what}" for what, count in counted.items() if count]
    wrong = refused if 200 in load.expect else requests - refused
    if wrong > (0 if 200 in load.expect else 3):  # a limit of one a minute lets one through now and then
        problems.append(f"{wrong} of {requests} answers with another status than {load.expect[0]}")
    mean = size / max(requests, 1)
    if load.post and mean < load.body:
        problems.append(f"mean answer of {mean:.0f} bytes, shorter than the body")
    return {
        "requests": requests,
        "rps": requests / (micros / 1e6),
        "mbps": size / micros,
        "p50_ms": p50 / 1e3,
        "p99_ms": p99 / 1e3,
        "mean_bytes": None if load.post else mean,
        "problems": problems,
    }


def constant_rate(
    contestant: Contestant, load: Load, seconds: float, core: int, headers: Mapping[str, str]
) -> dict[str, Any]:
    """Latency counts from the moment a request was due, so a stall is seen by all the requests it delays."""
    words = f"--no-tui --output-format json -z {seconds}s -q {load.rate} -c {load.connections}"
    switches = ["--latency-correction", "--disable-compression", "--insecure"]
    url = f"http://127.0.0.1:{contestant.place.port}{load.path}"
    text = generate([str(OHA), *words.split(), *switches, *fields(headers), url], core, seconds + 30)
    try:
        result = json.loads(text[text.index("{") :])
    except ValueError:
        return {"requests": 0, "rps": 0.0, "problems": [f"oha failed: {text.strip()[-200:]}"]}
    statuses = {int(status): count for status, count in result["statusCodeDistribution"].items()}
    requests = sum(statuses.values())
    errors = result["errorDistribution"]
    problems = [f"{count}× {what}" for what, count in errors.items() if what != "aborted due to deadline"]
    if set(statuses) - set(load.expect):
        problems.append(f"statuses {statuses}")
    size = result["summary"]["sizePerRequest"]
    if size != load.body:
        problems.append(f"mean body of {size} bytes instead of {load.body}")
    at = result["latencyPercentiles"]
    return {
        "requests": requests,
        "rps": requests / seconds,
        "kept_up": requests >= 0.98 * load.rate * seconds,
        "p50_ms": at["p50"] * 1e3,
        "p99_ms": at["p99"] * 1e3,
        "p999_ms": at["p99.9"] * 1e3,
        "problems": problems,
    }


def _script(load: Load) -> str:
    script = DONE
    if load.post:
        script += f'wrk.method = "POST"; wrk.body = string.rep("p", {load.post}); '
        script += 'wrk.headers["Content-Type"] = "text/plain"'
    if load.routes > 1 or load.path == "/r":
        script += ROUND_ROBIN % load.routes
    if load.varied:
        script += VARIED % load.varied
    return script


def fields(headers: Mapping[str, str]) -> list[str]:
    return [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]


def generate(argv: list[str], core: int, limit_s: float) -> str:
    out = workdir() / "generator.txt"
    with out.open("wb") as sink:
        proc = Proc(argv, core, sink)
    try:
        proc.popen.wait(limit_s)
    finally:
        proc.stop()
    return out.read_text(errors="replace")
