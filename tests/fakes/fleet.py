"""A whole fleet on loopback: an API server in memory, the operator and gateways as processes, real TLS and tokens.

async with running_fleet(folder, 3) as fleet:
    await fleet.until(lambda seen: len(seen["pods"]) == 3, "three pods")
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from app.config.sync.snapshot import CA_KEY
from app.operator.kube.resources import Pod, TokenBearer
from tests.fakes.cluster import FakeCluster
from tests.fakes.exchange import within
from tests.fakes.kubernetes_server import KubernetesServer, kubernetes_server
from tests.fakes.process import START_S, Child, free_port, free_ports
from tests.fakes.waiting import until

__all__ = ["Fleet", "FleetGateway", "running_fleet"]


class FleetGateway:
    """A gateway that runs: `host` its own address, `port` the public one, `admin_port`, and its process."""

    def __init__(self, name: str, host: str, port: int, admin_port: int, child: Child) -> None:
        self.name, self.host, self.port, self.admin_port, self.child = name, host, port, admin_port, child

    def silence(self) -> None:
        """It stands still, its connections stay open."""
        self.child.signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.child.signal(signal.SIGCONT)


class Fleet:
    """The operator's admin port is at `url`; `server`: the API server, which forwards ports to all of them.

    `operator`: its process. `sync_url`: where gateways call it.
    """

    def __init__(self, url: str, sync_url: str, server: KubernetesServer, operator: Child) -> None:
        self.url, self.sync_url, self.server, self.operator = url, sync_url, server, operator
        self.gateways: list[FleetGateway] = []

    async def look(self) -> dict[str, Any]:
        """`GET /v1/fleet`."""
        async with httpx.AsyncClient(trust_env=False) as client:
            found = await client.get(f"{self.url}/v1/fleet")
        assert found.status_code == 200, found.text
        seen: dict[str, Any] = json.loads(found.content)
        return seen

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], what: str, seconds: float = START_S
    ) -> dict[str, Any]:
        """Looks again and again; the first picture that is wanted."""
        async with within(what, seconds):
            while not wanted(seen := await self.look()):  # noqa: ASYNC110 - another program's state
                await asyncio.sleep(0.1)
            return seen


@asynccontextmanager
async def running_fleet(
    folder: Path,
    gateways: int,
    config: Callable[[int], str],
    *,
    prepare: Callable[[KubernetesServer], Awaitable[None]] | None = None,
    host: Callable[[int], str] = lambda _: "127.0.0.1",
    operator_env: Mapping[str, str] = MappingProxyType({}),
    **env: str,
) -> AsyncIterator[Fleet]:
    """`config`: the file of each gateway, by its number from 0, `host` its address; `env`: of each of them.

    `prepare`: what is done to the API server before the operator starts.
    """
    cluster = FakeCluster()
    sync_port, admin_port = free_ports(2)
    ports = {"SYNC_PORT": str(sync_port), "ADMIN_PORT": str(admin_port), "SYNC_HOST": "127.0.0.1"}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(kubernetes_server(cluster, folder))
        if prepare is not None:
            await prepare(server)
        operator = await stack.enter_async_context(
            Child.app("operator", env={"KUBECONFIG": str(server.kubeconfig), **ports, **operator_env})
        )
        await operator.wait_line("gateways sync at port", START_S)
        await until(lambda: CA_KEY in cluster.configmaps["tidegate-snapshot"].data, "the CA", START_S)
        (folder / "ca.crt").write_bytes(cluster.configmaps["tidegate-snapshot"].data[CA_KEY])
        server.operators.append("operator-0")
        server.ports["shop", "operator-0"] = admin_port
        sync_url = f"https://localhost:{sync_port}"
        fleet = Fleet(f"http://127.0.0.1:{admin_port}", sync_url, server, operator)
        for number in range(gateways):
            place = {"CONTROL_PLANE_URL": sync_url, "HOST": host(number), **env}
            made = _gateway(folder, number, cluster, place, config(number))
            await stack.enter_async_context(made.child)
            stack.callback(made.wake)
            server.ports["shop", made.name] = made.admin_port
            fleet.gateways.append(made)
        for one in fleet.gateways:
            await one.child.wait_port(one.port, one.host, timeout_s=START_S)
        yield fleet


def _gateway(
    folder: Path, number: int, cluster: FakeCluster, given: Mapping[str, str], config: str
) -> FleetGateway:
    name, file, token = f"edge-{number}", folder / f"edge-{number}.yaml", f"a.b.uid-edge-{number}"
    file.write_text(config)
    (folder / f"{name}.token").write_text(token)
    cluster.tokens[token] = TokenBearer("shop", "tidegate-gateway", name, f"uid-{name}")
    cluster.add_pod(Pod(f"uid-{name}", name, "shop", "edge"))
    env = dict(given)
    port, admin_port = free_port(), free_port()
    env |= {
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "ACCESS_LOG": "off",
        "RATE_LIMIT": "off",
        "POD_NAME": name,
        "POD_UID": f"uid-{name}",
        "POD_NAMESPACE": "shop",
        "GATEWAY_NAME": "edge",
        "CONTROL_PLANE_TOKEN_FILE": str(folder / f"{name}.token"),
        "CONTROL_PLANE_CA_FILE": str(folder / "ca.crt"),
    }
    child = Child.app("gateway", "--config", str(file), env=env)
    return FleetGateway(name, env["HOST"], port, admin_port, child)
