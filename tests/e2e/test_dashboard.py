"""`tidegate dashboard` before a real API server and kubelet: the fleet's page, and a pod's with its WebSocket."""

import asyncio
import json
import os

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.e2e.cluster import eventually
from tests.fakes.process import Child

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]
NAMESPACE = "e2e-dashboard"
GATEWAYS = 2
START_S = 60.0


CONFIG = {
    "upstreams": {"shop": {"endpoints": ["http://127.0.0.1:9"]}},
    "routes": [{"name": "shop", "match": {"path": {"prefix": "/"}}, "upstream": "shop", "auth": "none"}],
}


@pytest.fixture(scope="module")
def installed(space):
    space.install(
        "--set",
        f"gateway.replicas={GATEWAYS},cache.enabled=false,valkey.enabled=false,tests.enabled=false",
        "--set-json",
        f"gateway.config={json.dumps(CONFIG)}",
    )
    eventually(lambda: len(space.gateways()) == GATEWAYS, "every gateway to be ready", 60)
    return space


async def test_the_page_over_all_gateways_and_one_of_them(installed):
    pod = installed.gateways()[0]["metadata"]["name"]
    env = {"KUBECONFIG": os.environ["KUBECONFIG"]}
    async with Child.app("dashboard", "--no-open", "-n", NAMESPACE, env=env) as child:
        found = await child.wait_line(r"http://127\.0\.0\.1:(\d+)/monitor", START_S)
        port = int(found[1])
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            assert "Tidegate fleet" in (await client.get("/monitor/")).text
            while not await all_report(client):  # noqa: ASYNC110 - another program's state
                await asyncio.sleep(0.5)
        origin = f"http://{pod}.{NAMESPACE}.localhost:{port}"
        feed = origin.replace("http", "ws") + "/monitor/ws"
        async with connect(feed, host="127.0.0.1", port=port, origin=Origin(origin), proxy=None) as socket:
            assert '"type":"snapshot"' in str(await socket.recv(decode=True))


async def all_report(client: httpx.AsyncClient) -> bool:
    seen = (await client.get("/v1/fleet")).json()
    return [one["reports"] for one in seen["pods"]] == ["live"] * GATEWAYS
