"""The public port's own pages beside proxied requests: one connection mixes both, in any order."""

import random

import pytest

from app.admin.pages import Page
from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway, settled
from tests.fakes.upstream import RecorderUpstream

OPEN_ROUTE = """
upstreams: {all: {endpoints: ["%s"]}}
routes: [{name: all, match: {path: {prefix: /}}, upstream: all, auth: none}]
"""


def own_paths() -> list[str]:
    seen: list[frozenset[str]] = []
    Page(on_look=seen.append)
    return sorted({*seen[-1], "/metrics"})


BELOW = """
upstreams: {all: {endpoints: ["%s"]}}
routes: [{name: orders, match: {path: {prefix: /orders}}, upstream: all, auth: none}]
"""
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def ask(client, path, **fields):
    return await client.request("GET", path, list(fields.items()))


async def test_each_page_of_our_own_is_served_as_often_as_one_connection_asks(tmp_path):
    async with RecorderUpstream() as upstream:
        config = OPEN_ROUTE % upstream.url
        async with running_gateway(config=config, folder=tmp_path) as gateway:
            for path in own_paths():
                async with RawClient(gateway.port) as client:
                    first = await ask(client, path)
                    for _ in range(3):
                        again = await ask(client, path)
                        assert (again.status, again.get("content-type")) == (
                            first.status,
                            first.get("content-type"),
                        )
        assert upstream.requests == []


@pytest.mark.parametrize("seed", range(4))
async def test_own_pages_refusals_uploads_and_proxied_requests_take_turns_on_one_connection(seed):
    asked = random.Random(seed).choices(
        ["/metrics", "/monitor", "/api", "/api", "refused", "upload", "head"], k=60
    )
    keyed = {"X-API-Key": KEY}
    async with RecorderUpstream() as upstream:
        async with (
            running_gateway(upstream.url, AUTH="key", API_KEY=KEY) as gateway,
            RawClient(gateway.port) as client,
        ):
            for each in asked:
                if each == "refused":
                    assert (await ask(client, "/api")).get("tidegate-reason") == "key_missing"
                elif each == "upload":
                    answer = await client.request("POST", "/stats", list(keyed.items()), b"abcd")
                    assert answer.get("tidegate-reason") == "no_route"
                    assert (await client.request("POST", "/api", list(keyed.items()), b"abcd")).status == 200
                elif each == "head":
                    assert (await client.request("HEAD", "/monitor")).status == 200
                elif each == "/api":
                    assert (await ask(client, each, **keyed)).status == 200
                else:
                    page = await ask(client, each)
                    assert page.status == 200
                    assert page.get("content-type").startswith("text/")
        assert {request.target for request in upstream.requests} <= {"/api"}


async def test_an_own_page_is_served_on_a_connection_whatever_another_one_made_of_its_head():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, EXPOSE="metrics") as gateway:
        async with RawClient(gateway.port) as first, RawClient(gateway.port) as second:
            for client in (first, second, first, second):
                assert (await ask(client, "/api")).status == 200
                assert (await ask(client, "/metrics")).status == 200
                assert (await ask(client, "/monitor")).status == 200  # the upstream's: not exposed here
        assert {request.target for request in upstream.requests} == {"/api", "/monitor"}


async def test_a_browser_that_opens_the_root_is_sent_to_the_monitor(tmp_path):
    config = BELOW % "http://127.0.0.1:9"
    async with (
        running_gateway(config=config, folder=tmp_path) as gateway,
        RawClient(gateway.port) as client,
    ):
        landed = await ask(client, "/", Accept=BROWSER)
        assert (landed.status, landed.get("location")) == (302, "/monitor")
        assert (landed.get("cache-control"), landed.get("vary")) == ("no-store", "accept")
        assert landed.get("x-request-id")
        assert (await client.request("HEAD", "/", [("Accept", BROWSER)])).status == 302
        assert (await ask(client, landed.get("location"), Accept=BROWSER)).status == 200
        await settled(gateway)
        assert gateway.counts.routes[""].requests[b"GET", 302, ""] == 1


@pytest.mark.parametrize(
    ("method", "path", "accept"), [("GET", "/", "*/*"), ("POST", "/", BROWSER), ("GET", "/other", BROWSER)]
)
async def test_other_requests_without_a_route_get_404(method, path, accept, tmp_path):
    config = BELOW % "http://127.0.0.1:9"
    async with (
        running_gateway(config=config, folder=tmp_path) as gateway,
        RawClient(gateway.port) as client,
    ):
        missing = await client.request(method, path, [("Accept", accept)])
        assert (missing.status, missing.get("tidegate-reason")) == (404, "no_route")


async def test_the_root_is_sent_nowhere_where_the_monitor_is_not_exposed(tmp_path):
    config = BELOW % "http://127.0.0.1:9"
    async with (
        running_gateway(config=config, folder=tmp_path, EXPOSE="metrics") as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await ask(client, "/", Accept=BROWSER)).status == 404


async def test_a_route_that_takes_the_root_keeps_it(tmp_path):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(config=OPEN_ROUTE % upstream.url, folder=tmp_path) as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await ask(client, "/", Accept=BROWSER)).status == 200
        assert [request.target for request in upstream.requests] == ["/"]
