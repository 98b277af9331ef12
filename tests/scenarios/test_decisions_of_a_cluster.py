"""`tidegate why -n` and `tap -n` as programs, through an API server in memory, to gateways that are real."""

import signal

import pytest

from tests.fakes.client import RawClient
from tests.fakes.fleet import running_fleet
from tests.fakes.process import START_S, Child

CONFIG = """
upstreams: {pay: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: pay, match: {path: {prefix: /}}, upstream: pay, auth: none}]
"""


def asked(server, *words) -> Child:
    return Child.app(*words, env={"KUBECONFIG": str(server.kubeconfig)})


async def send(gateway, request_id):
    async with RawClient(gateway.port) as client:
        await client.request("GET", "/", [("X-Request-ID", request_id)])


async def test_all_gateways_of_a_namespace_are_asked_and_followed(tmp_path):
    async with running_fleet(tmp_path, 2, lambda _: CONFIG) as fleet:
        server, (first, second) = fleet.server, fleet.gateways
        await send(second, "order-4711")
        async with asked(server, "why", "order-4711", "-n", "shop") as why:
            assert await why.wait(START_S) == 0
            assert f"gateway {second.name}:\n  GET by" in why.output
        async with asked(server, "why", "odd", "-n", "shop") as unknown:
            assert await unknown.wait(START_S) == 1
            assert (
                f"error: {first.name}: no decision about 'odd' is kept, nor any other so far"
                in unknown.output
            )
            assert (
                f"error: {second.name}: no decision about 'odd' is kept; there are the last 1"
                in unknown.output
            )
        async with asked(server, "tap", "-n", "shop") as tap:
            await tap.wait_line(rf" {second.name} .*order-4711", START_S)
            await send(first, "order-4712")
            await tap.wait_line(rf" {first.name} .*502 .*upstream_connect .*order-4712", START_S)
            del server.ports["shop", second.name]
            await tap.wait_line(rf"{second.name}: cannot ask pod {second.name}", START_S)
            assert await tap.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("resource", ["endpointslices", "pods/proxy"])
@pytest.mark.parametrize("words", [("why", "x"), ("tap",)])
async def test_a_right_that_is_missing_is_named(tmp_path, resource, words):
    async with running_fleet(tmp_path, 1, lambda _: CONFIG) as fleet:
        fleet.server.forbids.add(resource)
        async with asked(fleet.server, *words, "-n", "shop") as child:
            assert await child.wait(START_S) == 1
            assert "ask for the right" in child.output
