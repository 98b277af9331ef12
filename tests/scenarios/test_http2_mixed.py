"""One connection of HTTP/2 that mixes everything, beside HTTP/1.1 connections that do the same one by one.

Statuses, reasons, header fields, log lines and counts must be the same, whatever order the streams end in.
"""

import asyncio
import contextlib
import json
from collections import Counter
from typing import Any

import pytest

from tests.fakes import answers
from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway, settled
from tests.fakes.http2_client import Http2Client, StreamCut
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

CONFIG = """
upstreams: {{one: {{endpoints: ["{url}"]}}, gone: {{endpoints: ["http://127.0.0.1:9"]}}}}
routes:
  - {{name: open, match: {{path: {{prefix: /open}}}}, upstream: one, auth: none}}
  - {{name: keyed, match: {{path: {{prefix: /keyed}}}}, upstream: one}}
  - {{name: gone, match: {{path: {{prefix: /gone}}}}, upstream: gone, auth: none}}
  - {{name: old, match: {{path: {{prefix: /old}}}}, auth: none, redirect: {{path: /new, status: 308}}}}
  - {{name: limited, match: {{path: {{prefix: /limited}}}}, upstream: one, auth: none}}
{more}
policies:
  - name: two
    spec:
      targetRefs: [{{kind: Route, name: limited}}]
      rateLimit: {{rules: [{{name: r, key: Global, requests: 2, period: 1h}}]}}
"""
ADDED = "  - {name: added, match: {path: {prefix: /added}}, upstream: one, auth: none}"
Step = tuple[str, str, list[tuple[str, str]], bytes]
"""Method, target, fields and body of a request."""

KEYED = [("x-api-key", KEY)]

BEFORE: list[Step] = [
    ("GET", "/open/a?b=c", [], b""),
    ("HEAD", "/open/a", [], b""),
    ("POST", "/open/small", [], b"small"),
    ("PUT", "/open/large", [], b"x" * 300_000),
    ("POST", "/open/too-large", [], b"x" * 2_000_000),
    ("GET", "/keyed/none", [], b""),
    ("GET", "/keyed/unknown", [("x-api-key", "nobody")], b""),
    ("GET", "/keyed/known", KEYED, b""),
    ("GET", "/gone", [], b""),
    ("GET", "/old/x", [], b""),
    ("GET", "/nowhere", [], b""),
    ("GET", "/added", [], b""),
    ("GET", "/open/.%2e/x", [], b""),
    ("GET", "/open", [(f"x-{number}", "a") for number in range(110)], b""),
    ("GET", "/open/" + "x" * 9000, [], b""),
    ("POST", "/open/expects", [("expect", "something")], b""),
    ("GET", "/metrics", [], b""),
    ("GET", "/metrics", [], b""),
    *[("GET", "/limited", [], b"")] * 5,
    *[("GET", f"/open/{number}", [], b"") for number in range(30)],
]
AFTER: list[Step] = [("GET", "/added", [], b""), ("GET", "/open/again", [], b"")]
TOLD = (
    "content-type",
    "www-authenticate",
    "location",
    "retry-after",
    "ratelimit-policy",
    "cache-control",
    "allow",
)


def said(step, response):
    """What a client is told, but for what differs with every request."""
    method, target, *_ = step
    told = {name: response.get(name) for name in TOLD}
    body = response.body if "/metrics" not in target else b""
    if response.get("content-type") == "application/problem+json":
        body = json.dumps({**json.loads(body), "requestId": ""}).encode() if body else b""
    assert target.startswith("/metrics") or response.get("x-request-id")
    return method, target[:40], response.status, response.get("tidegate-reason"), tuple(told.items()), body


async def over_http2(client, steps):
    """All at once, on one connection."""

    async def one(step):
        method, target, fields, body = step
        length = [("content-length", str(len(body)))] if body else []
        stream = client.open(method, target, [("host", "a.example"), *fields, *length], end=not body)
        if body:
            with contextlib.suppress(StreamCut):  # it was rejected amid its upload
                await stream.send(body, end=True)
        await client.until(lambda: stream.ended or client.lost, f"{method} {target[:40]}")
        assert stream.head is not None
        return said(step, stream.head)

    return await asyncio.gather(*[one(step) for step in steps])


async def over_http1(port, steps):
    """One after the other, each on a connection of its own."""
    found = []
    for step in steps:
        method, target, fields, body = step
        async with RawClient(port) as client:
            found.append(
                said(step, await client.request(method, target, [("host", "a.example"), *fields], body))
            )
    return found


def logged(file):
    """What the log says, but for what differs with every request."""
    apart = {"ts", "request_id", "duration_ms", "upstream_ms", "protocol", "endpoint"}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        if line["status"] == 413:
            del line["bytes_in"]  # how much had come
    kept = [{name: value for name, value in line.items() if name not in apart} for line in lines]
    return Counter(json.dumps(line, sort_keys=True) for line in kept)


async def ran(folder, protocol):
    """Everything said, logged and counted in one run."""
    folder.mkdir()
    log, file = folder / "log", folder / "gateway.yaml"
    async with RecorderUpstream() as upstream:
        upstream.default = answers.reply(200, b"from the upstream")
        given: dict[str, Any] = {
            "API_KEY": KEY,
            "ACCESS_LOG": str(log),
            "MAX_BODY_BYTES": "1000000",
            "AUTH": "key",
        }
        config = CONFIG.format(url=upstream.url, more="")
        async with running_gateway(config=config, folder=folder, **given) as gateway:
            async with Http2Client(gateway.port) as client:
                for steps in (BEFORE, AFTER):
                    if steps is AFTER:
                        file.write_text(CONFIG.format(url=upstream.url, more=ADDED))
                        await until(lambda: len(gateway.context.plans.plans) == 6, "the edit")
                    found = (
                        over_http2(client, steps) if protocol == "HTTP/2" else over_http1(gateway.port, steps)
                    )
                    if steps is BEFORE:
                        before = await found
                after = await found
                assert not client.goaways
            await settled(gateway)
            counted = {
                (route, *key): number
                for route, cells in gateway.context.counts.routes.items()
                for key, number in cells.requests.items()
            }
            assert gateway.context.counts.internal_errors == gateway.context.counts.in_flight == 0
    return before, after, logged(log), counted


@pytest.mark.timeout(120)
async def test_one_connection_that_mixes_everything_is_served_as_many_of_http_1_1_are(tmp_path):
    before2, after2, log2, counted2 = await ran(tmp_path / "2", "HTTP/2")
    before1, after1, log1, counted1 = await ran(tmp_path / "1", "HTTP/1.1")
    assert sorted(before2) == sorted(before1)
    assert after2 == after1
    assert log2 == log1
    assert counted2 == counted1
    statuses = {status for _, _, status, *_ in before2}
    assert statuses == {200, 308, 400, 401, 404, 413, 414, 417, 429, 431, 502}
