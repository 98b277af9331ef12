"""Routes at listeners, through real sockets: whose listener gets a request, and which of its routes count."""

import contextlib
from collections.abc import Set
from typing import Any

import pytest

from app.config.sync.snapshot import pack
from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.http2_client import Http2Client
from tests.fakes.process import free_port
from tests.fakes.sync_server import IN_POD, SyncServer
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

CONFIG = """\
upstreams: {{one: {{endpoints: ["{one}"]}}, two: {{endpoints: ["{two}"]}}}}
listeners:
  - {{name: any, port: {port}}}
  - {{name: wild, port: {port}, hosts: ["*.example.com"]}}
  - {{name: exact, port: {port}, hosts: [a.example.com]}}
routes:
  - {{name: own, upstream: one, auth: none}}
  - {{name: any, listeners: [any], upstream: one, auth: none}}
  - {{name: wild, listeners: [wild], upstream: two, auth: none, match: {{path: {{prefix: /w}}}}}}
  - name: exact
    listeners: [exact]
    matches: [{{path: {{exact: {path}}}}}, {{methods: [PUT], headers: {{X-Stage: beta}}}}]
    upstream: two
    auth: none
"""


def found_by(gateway: Gateway) -> Set[str]:
    """The upstreams of the cluster that it knows something about."""
    assert gateway.bindings.discovered is not None
    return gateway.bindings.discovered.names


@contextlib.asynccontextmanager
async def serving(folder):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        port = free_port()

        def text(path="/x"):
            return CONFIG.format(one=one.url, two=two.url, port=port, path=path)

        async with running_gateway(config=text(), folder=folder) as gateway:
            yield gateway, port, (one, two), text


@pytest.mark.parametrize(
    ("method", "target", "host", "fields", "taken"),
    [
        ("GET", "/", "other.example", [], "one"),
        ("GET", "/w/1", "b.example.com", [], "two"),
        ("GET", "/", "b.example.com", [], None),  # the listener of all hosts does not step in
        ("GET", "/x", "A.Example.com:80", [], "two"),
        ("PUT", "/y", "a.example.com", [("X-Stage", "beta")], "two"),
        ("PUT", "/y", "a.example.com", [], None),
    ],
)
async def test_the_most_specific_listener_gets_a_request_and_only_its_routes_count(
    tmp_path, method, target, host, fields, taken
):
    async with serving(tmp_path) as (_, port, (one, two), _text), RawClient(port) as client:
        response = await client.request(method, target, [("Host", host), *fields])
        seen = ["one"] * len(one.requests) + ["two"] * len(two.requests)
        assert seen == ([taken] if taken else [])
        assert (response.status, response.get("Tidegate-Reason")) == (
            (200, "") if taken else (404, "no_route")
        )


async def test_the_own_port_serves_only_routes_without_listeners(tmp_path):
    async with serving(tmp_path) as (gateway, _port, (one, two), _text), RawClient(gateway.port) as client:
        assert (await client.request("GET", "/w/1", [("Host", "b.example.com")])).status == 200
        assert (len(one.requests), len(two.requests)) == (1, 0)


async def test_over_http2_each_stream_finds_its_listener(tmp_path):
    async with serving(tmp_path) as (_, port, (one, two), _text), Http2Client(port) as client:
        assert (await client.request("GET", "/", [("Host", "other.example")])).status == 200
        assert (await client.request("GET", "/w", [("Host", "b.example.com")])).status == 200
        assert (len(one.requests), len(two.requests)) == (1, 1)


async def test_all_matches_of_a_route_are_one_route_in_the_metrics(tmp_path):
    async with serving(tmp_path) as (gateway, port, _, _text):
        async with RawClient(port) as client:
            await client.request("GET", "/x", [("Host", "a.example.com")])
            await client.request("PUT", "/y", [("Host", "a.example.com"), ("X-Stage", "beta")])
        await settled(gateway)
        async with RawClient(gateway.port) as client:
            page = (await client.request("GET", "/metrics")).body.decode()
        assert 'tidegate_request_duration_seconds_count{route="exact"} 2' in page


async def test_a_match_that_was_edited_is_in_force_for_connections_that_are_open(tmp_path):
    async with serving(tmp_path) as (gateway, port, _, text), RawClient(port) as client:
        host = [("Host", "a.example.com")]
        assert (await client.request("GET", "/x", host)).status == 200
        sequence = gateway.context.plans.table.sequence
        (tmp_path / "gateway.yaml").write_text(text("/z"))
        await until(lambda: gateway.context.plans.table.sequence > sequence, "the edit in force")
        assert (await client.request("GET", "/x", host)).status == 404
        assert (await client.request("GET", "/z", host)).status == 200


SERVICE, GONE = "service/shop/orders/8080", "service/shop/gone/80"


def tables(port, *rules):
    routes = [
        {
            "name": f"httproute/shop/web/{number}",
            "listeners": ["shop/web/http"],
            "matches": [{"path": {"prefix": path}, "methods": ["GET"]}],
            "upstream": upstream,
            "auth": "none",
        }
        for number, (path, upstream) in enumerate(rules)
    ]
    return {
        "listeners": [{"name": "shop/web/http", "port": port, "publicPort": 80}],
        "upstreams": [
            {"name": SERVICE, "discovered": True},
            {"name": GONE, "missing": "Service shop/gone does not exist"},
        ],
        "routes": routes,
    }


async def test_the_clusters_routes_are_served_beside_those_of_the_file(tmp_path):
    port = free_port()
    config = "routes: [{name: file, redirect: {host: file.example}, auth: none}]"
    async with SyncServer() as server, RecorderUpstream() as pod:
        server.feeds.endpoints.replace({SERVICE: ((pod.host, pod.port),)})
        variables: Any = {"CONTROL_PLANE_URL": server.url, **IN_POD}
        async with running_gateway(config=config, folder=tmp_path, **variables) as gateway:
            await server.give(tables=tables(port, ("/", SERVICE), ("/gone", GONE)))
            async with RawClient(port) as client:
                await until(lambda: found_by(gateway) == {SERVICE}, "its endpoints")
                assert (await client.request("GET", "/")).status == 200
                gone = await client.request("GET", "/gone")
                assert (gone.status, gone.get("Tidegate-Reason")) == (500, "no_backend")
                other_method = await client.request("PUT", "/")
                assert (other_method.status, other_method.get("Tidegate-Reason")) == (404, "no_route")
            async with RawClient(gateway.port) as client:
                assert (await client.request("GET", "/")).get("Location").startswith("http://file.example")


async def test_a_boot_copy_with_tables_that_cannot_be_used_stops_no_gateway(tmp_path):
    port = free_port()
    mounted = tmp_path / "snapshot.json.gz"
    async with SyncServer() as server:
        bad = tables(port, ("/", "service/shop/unknown/80"))
        mounted.write_bytes(pack(server.snapshot(tables=bad)))
        variables: Any = {"SNAPSHOT_FILE": str(mounted), **IN_POD}
        async with running_gateway(**variables) as gateway:
            assert gateway.snapshots.held is None
            async with RawClient(gateway.port) as client:
                assert (await client.request("GET", "/x")).status == 502
