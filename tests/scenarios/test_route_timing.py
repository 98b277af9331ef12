"""What a route itself says of timeouts and retries, as HTTPRoute does in `timeouts` and `retry`."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import answers
from tests.fakes.client import RawClient
from tests.fakes.exchange import Exchange
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

FAST = {"base": "1ms", "max": "2ms"}
FAILURES = ["ConnectError", "Reset", "Timeout"]


@contextlib.asynccontextmanager
async def client_of(
    folder: Path, upstream: RecorderUpstream, *policies: dict[str, Any], **route: Any
) -> AsyncIterator[RawClient]:
    """Of a gateway with one route; its breaker opens for nothing that the tests do."""
    breaker = {"targetRefs": [{"kind": "Gateway"}], "circuitBreaker": {"consecutiveFailures": 100}}
    config = {
        "upstreams": {"u": {"endpoints": [upstream.url]}},
        "routes": [{"name": "r", "auth": "none", "upstream": "u", **route}],
        "policies": [{"name": "breaker", "spec": breaker}, *policies],
    }
    async with (
        running_gateway(config=json.dumps(config), folder=folder) as gateway,
        RawClient(gateway.port) as client,
    ):
        yield client


def failing(times: int, status: int) -> Any:
    """Fails so often, then succeeds; `status` 0: by a connection that is reset."""
    left = [times]

    async def answer(exchange: Exchange) -> None:
        left[0] -= 1
        if left[0] < 0:
            await answers.reply(200)(exchange)
        elif status:
            await answers.reply(status)(exchange)
        else:
            exchange.reset()

    return answer


@pytest.mark.parametrize(
    ("codes", "attempts", "failures", "status", "expected"),
    [
        ([500], 3, 2, 500, 200),
        ([500], 3, 4, 500, 500),
        ([500], 3, 2, 503, 503),
        ([500, 502, 503, 504], 2, 1, 502, 200),
        ([500, 502, 503, 504], 2, 3, 504, 504),
        ([500, 502, 503, 504], 0, 1, 503, 503),
        ([500], 3, 2, 0, 200),
    ],
)
async def test_httproute_retry(tmp_path, codes, attempts, failures, status, expected):
    """The cases of that conformance test, and of the one for connections that are reset."""
    async with RecorderUpstream() as upstream:
        upstream.default = failing(failures, status)
        retry = {"attempts": attempts, "on": [*FAILURES, *codes], "backoff": FAST}
        async with client_of(tmp_path, upstream, retry=retry) as client:
            assert (await client.request("GET", "/")).status == expected
            tries = failures + 1 if expected == 200 else 1 + (attempts if status in codes else 0)
            assert len(upstream.requests) == tries


@pytest.mark.parametrize("bound", [{"request": "100ms"}, {"perTry": "100ms"}])
async def test_httproute_timeout(tmp_path, bound):
    """The conformance tests for `request` and for `backendRequest`."""
    async with RecorderUpstream() as upstream, client_of(tmp_path, upstream, timeout=bound) as client:
        upstream.never()
        answer = await client.request("GET", "/")
        assert (answer.status, answer.get("tidegate-reason")) == (504, "upstream_timeout")


async def test_an_attempt_that_takes_too_long_is_tried_again_within_the_request(tmp_path):
    async with RecorderUpstream() as upstream:
        route = {
            "timeout": {"perTry": "500ms", "request": "10s"},
            "retry": {"attempts": 2, "on": FAILURES, "backoff": FAST},
        }
        async with client_of(tmp_path, upstream, **route) as client:
            upstream.never()
            upstream.never()
            assert (await client.request("GET", "/")).status == 200
            assert len(upstream.requests) == 3


async def test_attempts_end_with_the_request(tmp_path):
    async with RecorderUpstream() as upstream:
        route = {
            "timeout": {"request": "150ms"},
            "retry": {
                "attempts": 5,
                "on": [*FAILURES, 500],
                "backoff": {"min": "1m", "base": "1m", "max": "1m"},
            },
        }
        async with client_of(tmp_path, upstream, **route) as client:
            upstream.reply(500)
            answer = await client.request("GET", "/")
            assert (answer.status, answer.get("tidegate-reason")) == (504, "upstream_timeout")
            assert len(upstream.requests) == 1


async def test_a_policy_for_the_route_beats_what_it_says_and_one_for_the_gateway_does_not(tmp_path):
    retry = {"attempts": 1, "on": [500], "backoff": FAST}
    gateway = {"name": "g", "spec": {"targetRefs": [{"kind": "Gateway"}], "retry": {"attempts": 0}}}
    route = {"name": "p", "spec": {"targetRefs": [{"kind": "Route", "name": "r"}], "retry": {"attempts": 0}}}
    for policies, status in (((gateway,), 200), ((gateway, route), 500)):
        async with RecorderUpstream() as upstream:
            upstream.default = failing(1, 500)
            async with client_of(tmp_path, upstream, *policies, retry=retry) as client:
                assert (await client.request("GET", "/")).status == status
