"""The fleet from the operator's admin port: three gateways and an operator as processes, an API server in memory."""

import asyncio
import json

import httpx
import pytest

from tests.fakes.exchange import within
from tests.fakes.fleet import FleetGateway, running_fleet

pytestmark = pytest.mark.timeout(240)  # several processes start

DEAD = "http://127.0.0.1:9"


def config(number: int) -> str:
    """`pay` reaches nothing; the last gateway gives up later than the others."""
    failures = 3 if number < 2 else 5
    return f"""
upstreams:
  pay: {{endpoints: ["{DEAD}"]}}
  shop: {{endpoints: ["{DEAD}"]}}
routes:
  - {{name: pay, match: {{path: {{prefix: /pay}}}}, upstream: pay, auth: none}}
  - {{name: shop, match: {{path: {{prefix: /shop}}}}, upstream: shop, auth: none}}
policies:
  - name: defaults
    spec: {{targetRefs: [{{kind: Gateway}}], circuitBreaker: {{consecutiveFailures: {failures}, openDuration: 1h}}}}
"""


def states(seen):
    return {one["pod"]: one["reports"] for one in seen["pods"]}


async def state(client: httpx.AsyncClient, gateway: FleetGateway) -> str:
    """Of the breaker `pay`, as that gateway says."""
    found = await client.get(f"http://127.0.0.1:{gateway.admin_port}/v1/breakers/pay")
    return str(found.json()["state"])


async def test_a_fleet_of_three_with_one_silent(tmp_path):
    async with running_fleet(tmp_path, 3, config) as fleet:
        await fleet.until(lambda seen: states(seen) == dict.fromkeys(names(fleet), "live"), "all report")
        async with httpx.AsyncClient(trust_env=False) as client:
            for gateway in fleet.gateways[:2]:
                for _ in range(3):
                    await client.get(f"http://127.0.0.1:{gateway.port}/pay/x")
                async with within("the breaker, which the next request meets open"):
                    while await state(client, gateway) != "open":  # noqa: ASYNC110 - another program's state
                        await asyncio.sleep(0.02)
                await client.get(f"http://127.0.0.1:{gateway.port}/pay/x")

        def open_at_two(seen) -> bool:
            row = next(row for row in seen["rows"] if row["breaker"] == "pay")
            return [cell["state"] for cell in row["cells"]] == ["open", "open", "closed"]

        def counted(seen) -> bool:
            return open_at_two(seen) and seen["sums"]["failedPerS"] == 0.6

        seen = await fleet.until(counted, "the breaker of two pods, and six failures in ten seconds")
        assert seen["rows"][0]["breaker"] == "pay", "what loses requests comes first"
        assert all(cell["downSince"] <= seen["now"] for cell in seen["rows"][0]["cells"][:2])
        assert seen["sums"]["pods"] == 3
        (differing,) = (one for one in seen["differences"] if one["target"] == "Upstream/pay")
        assert [
            (json.loads(one["value"])["consecutiveFailures"], one["pods"]) for one in differing["values"]
        ] == [(3, ["edge-0", "edge-1"]), (5, ["edge-2"])]

        fleet.gateways[1].silence()
        seen = await fleet.until(lambda seen: states(seen)["edge-1"] == "silent", "one is silent")
        assert (states(seen)["edge-0"], states(seen)["edge-2"]) == ("live", "live"), "it holds nobody up"
        assert seen["sums"]["pods"] == 2
        assert open_at_two(seen), "what it said last is still shown"
        silent = seen["pods"][1]
        assert silent["heardAt"] < seen["now"]

        fleet.gateways[1].wake()
        await fleet.until(lambda seen: states(seen)["edge-1"] == "live", "it is back")


async def test_an_operator_without_gateways_says_so(tmp_path):
    async with running_fleet(tmp_path, 0, config) as fleet:
        seen = await fleet.look()
        assert (seen["pods"], seen["rows"], seen["differences"]) == ([], [], [])
        assert seen["operator"]["missing"] == []


def names(fleet) -> list[str]:
    return [one.name for one in fleet.gateways]
