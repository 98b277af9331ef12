"""`tidegate dashboard` as a program, through an API server in memory, to an operator and a gateway that are real."""

import re
import signal

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.fakes.cluster import FakeCluster
from tests.fakes.fleet import running_fleet
from tests.fakes.kubernetes_server import kubernetes_server
from tests.fakes.process import START_S, Child

pytestmark = pytest.mark.timeout(240)  # several processes start

CONFIG = """
upstreams: {pay: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: pay, match: {path: {prefix: /}}, upstream: pay, auth: none}]
"""


def dashboard(server, *argv) -> Child:
    return Child.app("dashboard", "--no-open", *argv, env={"KUBECONFIG": str(server.kubeconfig)})


async def port_of(child) -> int:
    found = await child.wait_line(r"http://127\.0\.0\.1:(\d+)/monitor", START_S)
    return int(found[1])


async def get(port: int, path: str, name: str = "127.0.0.1") -> httpx.Response:
    """Over a connection of its own, as a browser keeps one for each name."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port}{path}", headers={"Host": f"{name}:{port}"})


async def test_the_fleets_page_and_a_pods_page_with_its_websocket(tmp_path):
    async with running_fleet(tmp_path, 1, lambda _: CONFIG) as fleet, dashboard(fleet.server) as child:
        port = await port_of(child)
        page = await get(port, "/monitor/?dashboard")
        assert (page.status_code, "Tidegate fleet" in page.text) == (200, True)
        assert (await get(port, "/v1/fleet")).json()["podsTotal"] == 1
        assert "Tidegate monitor" in (await get(port, "/monitor", "edge-0.shop.localhost")).text
        foreign = await get(port, "/v1/fleet", "evil.example")
        assert (foreign.status_code, "localhost" in foreign.text) == (403, True)
        unknown = await get(port, "/monitor", "other.shop.localhost")
        assert (unknown.status_code, "no gateway" in unknown.text) == (502, True)
        origin = f"http://edge-0.shop.localhost:{port}"
        feed = origin.replace("http", "ws") + "/monitor/ws"
        async with connect(feed, host="127.0.0.1", port=port, origin=Origin(origin), proxy=None) as socket:
            assert '"type":"snapshot"' in str(await socket.recv(decode=True))
        assert await child.stop(signal.SIGINT) == 0


async def test_one_gateways_page_without_an_operator(tmp_path):
    async with running_fleet(tmp_path, 1, lambda _: CONFIG) as fleet:
        fleet.server.operators.clear()
        async with dashboard(fleet.server, "-n", "shop", "edge-0") as child:
            port = await port_of(child)
            assert "Tidegate monitor" in (await get(port, "/monitor")).text
        async with dashboard(fleet.server, "-n", "shop") as child:
            assert await child.wait(START_S) == 1
            assert "no operator runs in namespace shop" in child.output
            assert "tidegate dashboard -n shop edge-0" in child.output


@pytest.mark.parametrize(
    ("forbids", "argv", "code", "said"),
    [
        ("portforward", (), 1, "it takes `get` and `create` on pods/portforward"),
        ("endpointslices", (), 1, "cannot list endpointslices.*ask for the right"),
        ("", ("edge-9",), 2, "there is no gateway edge-9"),
        ("", ("-n", "Shop"), 2, "--namespace: 'Shop' is not a DNS label"),
        ("", ("Edge",), 2, "POD: 'Edge' is not a DNS subdomain"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(tmp_path, forbids, argv, code, said):
    async with kubernetes_server(FakeCluster(), tmp_path) as server:
        server.operators.append("operator-0")
        server.ports["shop", "operator-0"] = 9
        server.forbids.add(forbids)
        async with dashboard(server, *argv) as child:
            assert await child.wait(START_S) == code
            assert re.search(said, child.output), child.output
            assert child.output.count("\n") == 0


async def test_an_operator_that_does_not_listen_is_told(tmp_path):
    async with kubernetes_server(FakeCluster(), tmp_path) as server:
        server.operators.append("operator-0")
        server.ports["shop", "operator-0"] = 9
        async with dashboard(server) as child:
            assert await child.wait(START_S) == 1
            assert "pod operator-0: cannot connect inside pod operator-0" in child.output
