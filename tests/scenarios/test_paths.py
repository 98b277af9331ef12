"""Paths that name one thing to the gateway and another to the server behind it."""

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.upstream import RecorderUpstream

CONFIG = """\
upstreams: {{shop: {{endpoints: ["{shop}"]}}}}
routes:
  - {{name: public, match: {{path: {{prefix: /public}}}}, upstream: shop, auth: none}}
  - {{name: all, match: {{path: {{prefix: /}}}}, upstream: shop}}
"""
OUTSIDE = [
    "/public/../secret",
    "/public/%2e%2e/secret",
    "/public/.%2E/secret",
    "/public/..%2fsecret",
    "/public/..%2Fsecret",
    "/public%2f..%2fsecret",
    "/public/..\\secret",
    "/public\\..\\secret",
    "/public/..%5csecret",
    "/public/%2e%2e%5Csecret",
    "/public/./../secret",
    "/public/..",
    "/public/.",
    "/public/%2E",
    "/public/../secret?q=1",
    "http://a.example/public/../secret",
]
ORDINARY = [
    "/public/a%2Fb",
    "/public/a%5Cb",
    "/public/a\\b",
    "/public/.well-known/x",
    "/public/a..b/...",
    "/public/x?to=/../y&z=%2e%2e",
    "/public/%252e%252e/x",
]


@pytest.fixture
async def shop():
    async with RecorderUpstream() as upstream:
        yield upstream


@pytest.mark.parametrize("target", OUTSIDE)
async def test_a_dot_segment_never_leads_past_the_route_that_wants_a_key(shop, tmp_path, target):
    config = CONFIG.format(shop=shop.url)
    async with running_gateway(config=config, folder=tmp_path, API_KEY=KEY) as gateway:
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", target, [("Host", "a.example")])
            assert (answer.status, answer.get("tidegate-reason")) == (400, "request_malformed")
            assert "a . or .. segment" in answer.json()["detail"]
            assert answer.get("connection") == "close"
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/public/x", [("Host", "a.example")])).status == 200
    assert [request.target for request in shop.requests] == ["/public/x"]


@pytest.mark.parametrize("target", ORDINARY)
async def test_every_other_path_goes_on_byte_for_byte(shop, tmp_path, target):
    config = CONFIG.format(shop=shop.url)
    async with (
        running_gateway(config=config, folder=tmp_path, API_KEY=KEY) as gateway,
        RawClient(gateway.port) as client,
    ):
        for _ in range(3):
            assert (await client.request("GET", target, [("Host", "a.example")])).status == 200
    assert [request.target for request in shop.requests] == [target] * 3


async def test_raw_paths_are_forwarded_as_they_came(shop, tmp_path):
    config = CONFIG.format(shop=shop.url)
    async with (
        running_gateway(config=config, folder=tmp_path, API_KEY=KEY, PATHS="raw") as gateway,
        RawClient(gateway.port) as client,
    ):
        for target in OUTSIDE[:-1]:
            assert (await client.request("GET", target, [("Host", "a.example")])).status == (
                401 if target.startswith(("/public%2f", "/public\\")) else 200
            ), target
    sent = [request.target for request in shop.requests]
    assert sent == [target for target in OUTSIDE[:-1] if target.startswith("/public/")]
