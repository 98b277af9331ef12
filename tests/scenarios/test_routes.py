"""Routes of a file through a real gateway: who takes a request, and what reaches the upstream."""

import contextlib

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

CONFIG = """\
upstreams: {{one: {{endpoints: ["{one}"]}}, two: {{endpoints: ["{two}"]}}}}
routes:
  - {{name: all, match: {{path: {{prefix: /}}}}, upstream: one, auth: none}}
  - {{name: long, match: {{path: {{prefix: /a/b}}}}, upstream: two, auth: none, rewrite: {{prefix: /x}}}}
  - {{name: host, match: {{hosts: [h.example], path: {{prefix: /}}}}, upstream: two, auth: none}}
  - {{name: post, match: {{path: {{exact: /post}}, methods: [POST]}}, upstream: two, auth: none}}
  - {{name: away, match: {{path: {{exact: /old}}}}, auth: none, redirect: {{status: 301, host: new.example}}}}
"""


@contextlib.asynccontextmanager
async def serving(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        config = CONFIG.format(one=one.url, two=two.url)
        async with (
            running_gateway(config=config, folder=tmp_path, PATHS="raw") as gateway,
            RawClient(gateway.port) as client,
        ):
            yield one, two, client


@pytest.mark.parametrize(
    ("method", "target", "host", "taken"),
    [
        ("GET", "/", "a", "one /"),
        ("GET", "/a/bc", "a", "one /a/bc"),
        ("GET", "/a/b", "a", "two /x"),
        ("GET", "/a/b/c%2F?q=%20", "a", "two /x/c%2F?q=%20"),
        ("GET", "/z/../y", "H.example:80", "two /z/../y"),
        ("POST", "/post", "a", "two /post"),
        ("GET", "/post", "a", "one /post"),
    ],
)
async def test_the_most_exact_route_takes_the_request(tmp_path, method, target, host, taken):
    async with serving(tmp_path) as (one, two, client):
        assert (await client.request(method, target, [("Host", host)])).status == 200
        seen = [f"one {request.target}" for request in one.requests]
        seen += [f"two {request.target}" for request in two.requests]
        assert seen == [taken]


async def test_a_redirect_is_answered_by_the_gateway(tmp_path):
    async with serving(tmp_path) as (one, two, client):
        answer = await client.request("GET", "/old", [("Host", "old.example")])
        assert (answer.status, answer.get("Location")) == (301, "http://new.example/old")
        assert one.requests == two.requests == []
