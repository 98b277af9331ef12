"""Paths that name one thing to the gateway and another to the server behind it."""

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.process import Child, free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

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
async def test_a_dot_segment_never_leads_past_the_route_that_wants_a_key(
    shop, tmp_path, target, client_protocol
):
    config = CONFIG.format(shop=shop.url)
    async with running_gateway(config=config, folder=tmp_path, API_KEY=KEY) as gateway:
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", target, [("Host", "a.example")])
            assert (answer.status, answer.get("tidegate-reason")) == (400, "request_malformed")
            assert "a . or .. segment" in answer.json()["detail"]
            assert answer.get("connection") == ("close" if client_protocol == "HTTP/1.1" else "")
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


async def test_a_long_forwarded_field_of_a_trusted_proxy_holds_nobody_up(shop):
    """30 KB of quotes that close nothing: a quadratic reader misses the client's time limit of 5 s."""
    async with (
        running_gateway(shop.url, TRUSTED_PROXIES="127.0.0.0/8") as gateway,
        RawClient(gateway.port) as client,
    ):
        for value in ('"' + '\\"' * 15_000, "for=" + " " * 30_000 + '"x"'):
            fields = [("Host", "a.example"), ("Forwarded", value)]
            assert (await client.request("GET", "/x", fields)).status == 200
    assert [request.get("x-forwarded-for") for request in shop.requests] == ["127.0.0.1"] * 2


async def test_the_gateway_tells_at_load_and_reload_what_is_valid_but_dangerous(shop, tmp_path, caplog):
    config = CONFIG.format(shop=shop.url)
    slow = config.replace("{prefix: /}", "{regex: '/(a+)+b'}")
    async with running_gateway(config=slow, folder=tmp_path, API_KEY=KEY, PATHS="raw") as gateway:
        told = [record.message for record in caplog.records if "dangerous" in record.message]
        assert [line.split(": ")[2] for line in told] == ["routes[1].match.path.regex", "routes[0]"]
        caplog.clear()
        (tmp_path / "gateway.yaml").write_text(config)
        await until(lambda: gateway.context.plans.table.sequence == 2, "the edit")
        assert sum("dangerous" in record.message for record in caplog.records) == 1


PAGES = ["/metrics", "/stats", "/livez", "/readyz", "/openapi.json", "/docs", "/docs/oauth2-redirect"]
KEYS = ["/cache/a", "/cache/stats", "/cache/a%2Fb", "/%63ache/a", "/cache", "/cach%65?prefix=s"]


def spellings(page: str) -> list[str]:
    """Targets that the cache service may take for `page`."""
    encoded = [f"{page[:at]}%{ord(page[at]):02x}{page[at + 1 :]}" for at in range(1, len(page))]
    whole = "/" + "".join(f"%{ord(letter):02X}" for letter in page[1:])
    return [page, *encoded, whole, page + "?q=1", page + "%0A", page + "%0a?q=1", "http://a.example" + page]


def stranger(page: str) -> list[str]:
    """Targets below or beside `page`, which the cache service may take for it in another version."""
    return [page + "/", page + "/x", page + "%2Fx", "/" + page, "//" + page, "/%2F" + page[1:]]


async def test_a_clients_key_never_opens_the_cache_services_own_pages():
    """However a page is spelt: asked directly the service answers, through the gateway it is no route."""
    port = free_port()
    async with Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1"}) as service:
        await service.wait_port(port)
        async with (
            running_gateway(f"http://127.0.0.1:{port}", API_KEY=KEY, AUTH="key", EXPOSE="none") as gateway,
            RawClient(gateway.port) as client,
            RawClient(port) as direct,
        ):
            fields = [("Host", "a.example"), ("X-API-Key", KEY)]
            for target in [each for page in PAGES for each in spellings(page)]:
                assert (await direct.request("GET", target, fields)).status == 200, target
                for _ in range(2):
                    answer = await client.request("GET", target, fields)
                    assert (answer.status, answer.get("tidegate-reason")) == (404, "no_route"), target
            for target in [each for page in PAGES for each in stranger(page)]:
                answer = await client.request("GET", target, fields)
                assert (answer.status, answer.get("tidegate-reason")) == (404, "no_route"), target
            for target in ["/statsx", "/stat", "/doc", "/Stats", "/x/stats", "/%2573tats"]:
                answer = await client.request("GET", target, fields)
                assert (answer.status, answer.get("tidegate-reason")) == (404, ""), target
            for target in KEYS:
                assert (await client.request("GET", target, fields)).get("tidegate-reason") == "", target
