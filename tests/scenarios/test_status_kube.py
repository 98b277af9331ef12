"""`tidegate status --kube` reads what an operator serves of gateways that called it."""

import json

import orjson
import pytest

from app.cli.kube.instance_sections import instance_sections
from app.cli.tables import plain_text
from app.config.sync.snapshot import seal
from app.operator.control_plane import new_state
from app.operator.serving.admin_api import AdminApi
from app.operator.serving.operator_view import OperatorView
from tests.app.operator.samples import LINEAGE, WALL_S, breaker, call, pod, policy
from tests.fakes.client import RawClient
from tests.fakes.exchange import within
from tests.fakes.fast_time import run_fast
from tests.fakes.fleet import running_fleet
from tests.fakes.process import START_S, Child


async def served(view: OperatorView, path: str) -> bytes:
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError

    await AdminApi(view)({"type": "http", "path": path, "method": "GET"}, receive, send)
    assert sent[0]["status"] == 200
    body: bytes = sent[1]["body"]
    return body


def test_a_fleet_with_an_outage_and_a_gateway_that_is_too_old_is_told_whole():
    async def play(clock):
        state = new_state(clock)
        view = OperatorView(
            state.policies, state.fleet, state.served, state.attachments, state.counts, state.clock
        )
        state.policies.replace([policy("orders"), policy("limits")])
        state.served.serve(seal(LINEAGE, 7, [], complete=True))
        state.fleet.require({"uid-a": pod("a"), "uid-b": pod("b"), "uid-c": pod("c")}, 0.0)
        down = breaker("orders", "open", reason="probe_failed", down=(WALL_S - 23, 2))
        state.fleet.record_call(call("a", applied=7, breakers=[down, breaker("cache")]), 0.0)
        state.fleet.record_call(call("b", applied=7, errors={("limits", 4): "spec.retry: is unknown"}), 0.0)
        return orjson.loads(await served(view, "/v1/instances"))

    said = run_fast(play)
    text = plain_text(instance_sections("op-0", said))
    assert text.startswith(
        "operator op-0: snapshot 7\n1 of 3 gateways applied it, 1 rejected, 1 pending\norders at a down for "
    )
    assert "2 probes failed" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["a", "orders", "open", "2027-01-15T07:59:37.000Z", "2", "probe", "failed", "shop/orders"] in rows
    assert ["shop/limits", "4", "b", "spec.retry:", "is", "unknown"] in rows


CONFIG = """
upstreams: {pay: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: pay, match: {path: {prefix: /}}, upstream: pay, auth: none}]
policies:
- name: defaults
  spec: {targetRefs: [{kind: Gateway}], circuitBreaker: {consecutiveFailures: 3, openDuration: 1h}}
"""


async def shown(fleet, *words: str) -> str:
    env = {"KUBECONFIG": str(fleet.server.kubeconfig)}
    async with Child.app("status", "--kube", "-n", "shop", *words, env=env) as status:
        assert await status.wait(START_S) == 0
        return status.output


@pytest.mark.timeout(240)  # several processes start
async def test_gateways_and_their_operator_as_programs(tmp_path):
    async with running_fleet(tmp_path, 2, lambda _: CONFIG) as fleet:
        first, second = fleet.gateways
        async with RawClient(first.port) as client:
            for _ in range(4):
                await client.request("GET", "/")
        async with within("the report of the breaker", START_S):
            while " down for " not in (text := await shown(fleet)):
                pass
        head, applied, outage = text.splitlines()[:3]
        assert head.startswith(f"operator {fleet.server.operators[0]}: snapshot ")
        assert applied == "2 of 2 gateways applied it"
        assert outage.startswith(f"pay at {first.name} down for ")
        rows = [line.split() for line in text.splitlines()]
        assert [row[1] for row in rows if row[:1] == ["shop"]] == [first.name, second.name]
        (instance, _) = json.loads(await shown(fleet, "-o", "json"))[fleet.server.operators[0]]["instances"]
        assert [one["breaker"] for one in instance["down"]] == ["pay"]


@pytest.mark.timeout(240)
async def test_an_operator_without_gateways_says_so(tmp_path):
    async with running_fleet(tmp_path, 0, lambda _: CONFIG) as fleet:
        assert "no gateway takes traffic" in await shown(fleet)
