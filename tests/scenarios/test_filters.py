"""What a route does to requests and responses on their way: mirrors, cross-origin sharing, edits for one upstream."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway, settled
from tests.fakes.http2_upstream import Http2Upstream
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

FOO = [("Origin", "https://www.foo.example")]
PREFLIGHT = [*FOO, ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "x-a, x-b")]


@contextlib.asynccontextmanager
async def serving(folder: Path, *upstreams: str, **route: Any) -> AsyncIterator[Gateway]:
    """Of one open route `/`; its upstreams are `u0`, `u1`, …"""
    config = {
        "upstreams": {f"u{number}": {"endpoints": [url]} for number, url in enumerate(upstreams)},
        "routes": [
            {"name": "r", "match": {"path": {"prefix": "/"}}, "auth": "none", "upstream": "u0", **route}
        ],
    }
    async with running_gateway(config=json.dumps(config), folder=folder, API_KEY=KEY) as gateway:
        yield gateway


def mirrored(gateway: Gateway, upstream: str = "u1") -> dict[str, int]:
    return dict(gateway.counts.upstream(upstream).mirrored)


# Mirrors


async def test_a_request_goes_to_its_mirrors_too_with_its_body(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two, RecorderUpstream() as three:
        two.reply(500, b"broken")
        route = {
            "mirror": [{"upstream": "u1"}, {"upstream": "u2"}],
            "requestHeaders": {"set": {"X-Set": "1"}, "remove": ["X-Gone"]},
            "rewrite": {"host": "in.example"},
        }
        async with (
            serving(tmp_path, one.url, two.url, three.url, **route) as gateway,
            RawClient(gateway.port) as client,
        ):
            answer = await client.request("POST", "/a?b=c", [("X-Gone", "1"), ("X-Keep", "2")], b"body")
            assert answer.status == 200
            for upstream in (one, two, three):
                (request,) = await upstream.wait_whole(1)
                assert (request.method, request.target, request.body) == ("POST", "/a?b=c", b"body")
                assert (request.get("host"), request.get("x-set"), request.get("x-keep")) == (
                    "in.example",
                    "1",
                    "2",
                )
                assert request.all("x-gone") == []
            await until(lambda: mirrored(gateway) == {"completed": 1}, "the copy's end")
            assert len({upstream.requests[0].get("x-request-id") for upstream in (one, two, three)}) == 1


async def test_a_large_body_reaches_the_mirror_whole(tmp_path):
    body = b"0123456789abcdef" * 40_000
    async with (
        RecorderUpstream() as one,
        RecorderUpstream() as two,
        serving(tmp_path, one.url, two.url, mirror=[{"upstream": "u1"}]) as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await client.request("PUT", "/", (), body)).status == 200
        (first,), (second,) = await one.wait_whole(1), await two.wait_whole(1)
        assert first.body == second.body == body
        await until(lambda: mirrored(gateway) == {"completed": 1}, "the copy's end")


async def test_a_mirror_that_is_not_there_or_never_replies_changes_nothing(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        two.never()
        mirrors = [{"upstream": "u1"}, {"upstream": "u2"}]
        nobody = f"http://127.0.0.1:{free_port()}"
        async with (
            serving(tmp_path, one.url, two.url, nobody, mirror=mirrors) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(4):
                assert (await client.request("GET", "/")).status == 200
            await until(lambda: mirrored(gateway, "u2") == {"failed": 4}, "copies to fail")
            await until(lambda: mirrored(gateway) == {"completed": 3}, "three copies")


async def test_a_share_of_the_requests_is_mirrored(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        mirrors = [{"upstream": "u1", "fraction": {"numerator": 1, "denominator": 2}}]
        async with (
            serving(tmp_path, one.url, two.url, mirror=mirrors) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(100):
                await client.request("GET", "/")
            await settled(gateway)
            await until(lambda: sum(mirrored(gateway).values()) >= 25, "copies of a half")
            assert len(two.requests) <= 75


async def test_a_mirror_may_speak_http2(tmp_path):
    async with RecorderUpstream() as one, Http2Upstream() as two:
        config = {
            "upstreams": {
                "u0": {"endpoints": [one.url]},
                "u1": {"endpoints": [two.url], "protocol": "h2"},
            },
            "routes": [{"name": "r", "auth": "none", "upstream": "u0", "mirror": [{"upstream": "u1"}]}],
        }
        async with (
            running_gateway(config=json.dumps(config), folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for number in range(1, 4):
                assert (await client.request("POST", f"/{number}", (), b"body")).status == 200
                await until(lambda: mirrored(gateway) == {"completed": number}, "the copy's end")  # noqa: B023
            (used,) = [each.streams for each in two.connections if each.streams]
            assert sorted(stream.path for stream in used.values()) == [b"/1", b"/2", b"/3"]
            assert {bytes(stream.body) for stream in used.values()} == {b"body"}


async def test_copies_end_with_the_gateway(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        two.never()
        async with serving(tmp_path, one.url, two.url, mirror=[{"upstream": "u1"}]) as gateway:
            async with RawClient(gateway.port) as client:
                assert (await client.request("GET", "/")).status == 200
            await two.wait_for(1)
            counts = gateway.counts
        assert counts.upstream("u1").mirrored == {"dropped": 1}


# Cross-origin sharing


async def test_the_gateway_replies_to_preflight_requests_itself(tmp_path):
    cors = {
        "allowOrigins": ["https://www.foo.example"],
        "allowMethods": ["PUT"],
        "allowHeaders": ["X-A", "X-B"],
        "allowCredentials": True,
        "maxAge": "1h",
    }
    async with (
        RecorderUpstream() as one,
        serving(tmp_path, one.url, cors=cors, auth="key") as gateway,
        RawClient(gateway.port) as client,
    ):
        answer = await client.request("OPTIONS", "/", PREFLIGHT)
        assert (answer.status, answer.body) == (200, b"")
        grants = {
            name: value
            for name, value in answer.headers
            if name.lower().startswith("access-control-allow") or name.lower() == "access-control-max-age"
        }
        assert grants == {
            "access-control-allow-origin": "https://www.foo.example",
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "PUT",
            "access-control-allow-headers": "x-a, x-b",
            "access-control-max-age": "3600",
        }
        answer = await client.request("OPTIONS", "/", [("Origin", "https://bar.example"), *PREFLIGHT[1:]])
        assert answer.status == 200
        assert answer.all("access-control-allow-origin") == []
        assert one.requests == []


async def test_pages_of_allowed_origins_may_read_responses_and_rejections(tmp_path):
    cors = {"allowOrigins": ["https://*.foo.example"], "exposeHeaders": ["X-B"]}
    async with RecorderUpstream() as one:
        one.reply(200, b"a", [("Access-Control-Allow-Origin", "*")])
        one.reply(200, b"b", [("Access-Control-Allow-Origin", "*")])
        one.hang_up()
        async with serving(tmp_path, one.url, cors=cors) as gateway, RawClient(gateway.port) as client:
            answer = await client.request("GET", "/", FOO)
            assert answer.get("access-control-allow-origin") == "https://www.foo.example"
            assert (answer.get("access-control-expose-headers"), answer.get("vary")) == ("X-B", "origin")
            answer = await client.request("GET", "/")
            assert (answer.all("access-control-allow-origin"), answer.get("vary")) == ([], "origin")
            answer = await client.request("POST", "/", FOO)
            assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_reset")
            assert answer.get("access-control-allow-origin") == "https://www.foo.example"


async def test_options_that_is_no_preflight_request_is_the_upstreams(tmp_path):
    async with RecorderUpstream() as one:
        cors = {"allowOrigins": ["*"]}
        async with serving(tmp_path, one.url, cors=cors) as gateway, RawClient(gateway.port) as client:
            assert (await client.request("OPTIONS", "/", FOO)).get("access-control-allow-origin") == "*"
            assert len(one.requests) == 1


# Filters of one upstream


async def test_edits_of_one_upstream_are_made_for_its_requests_alone(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        upstreams = [
            {
                "name": f"u{number}",
                "requestHeaders": {"set": {"Backend": f"u{number}"}, "add": {"X-A": "backend"}},
                "responseHeaders": {"set": {"X-From": f"u{number}", "X-B": "backend"}},
            }
            for number in range(2)
        ]
        route = {
            "upstream": upstreams,
            "requestHeaders": {"set": {"X-A": "route"}},
            "responseHeaders": {"set": {"X-B": "route"}},
        }
        async with (
            serving(tmp_path, one.url, two.url, **route) as gateway,
            RawClient(gateway.port) as client,
        ):
            seen = []
            for _ in range(40):
                answer = await client.request("GET", "/")
                assert answer.all("x-b") == ["route"]
                seen.append(answer.get("x-from"))
            assert set(seen) == {"u0", "u1"}
            for name, upstream in (("u0", one), ("u1", two)):
                assert len(upstream.requests) == seen.count(name)
                for request in upstream.requests:
                    assert request.get("backend") == name
                    assert request.all("x-a") == ["route", "backend"]


async def test_an_upstreams_share_may_be_rewritten_or_redirected(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        upstreams = [
            {"name": "u0", "rewrite": {"prefix": "/rewritten", "host": "in.example"}},
            {"name": "u1", "redirect": {"prefix": "/redirected", "status": 307}},
        ]
        route = {"upstream": upstreams, "match": {"path": {"prefix": "/prefix"}}}
        async with (
            serving(tmp_path, one.url, two.url, **route) as gateway,
            RawClient(gateway.port) as client,
        ):
            statuses = set()
            for _ in range(40):
                answer = await client.request("GET", "/prefix/original?q", [("Host", "a.example")])
                statuses.add(answer.status)
                if answer.status == 307:
                    assert answer.get("location") == "http://a.example/redirected/original?q"
            assert statuses == {200, 307}
            assert two.requests == []
            assert {(each.target, each.get("host")) for each in one.requests} == {
                ("/rewritten/original?q", "in.example")
            }
