"""A whole operator on loopback: real lightkube and kopf against an API server in memory, real ports, real TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from app.config.sync.messages import SYNC_PATH, encode_request
from app.config.sync.snapshot import CA_KEY
from app.foundation.errors import StartFault
from app.operator.kube.client import connect_kube
from app.operator.kube.resources import Pod, TokenBearer
from app.operator.policy.status import condition_of
from app.operator.process import Operator, run_operator
from app.operator.settings import load_operator_settings
from tests.app.operator.samples import SPEC
from tests.fakes.client import RawClient
from tests.fakes.cluster import FakeCluster
from tests.fakes.kubernetes_server import KubernetesServer, kubernetes_server
from tests.fakes.process import free_port
from tests.fakes.synced_gateway import SyncedGateway
from tests.fakes.waiting import until


@dataclass
class Running:
    """An operator that runs; `ended`: its exit code, later."""

    server: KubernetesServer
    cluster: FakeCluster
    sync_port: int
    admin_port: int
    stop: asyncio.Event
    ended: "asyncio.Task[int]"

    async def get(self, path: str) -> int:
        """The status of a request to the admin port; 0 while it is closed."""
        try:
            async with RawClient(self.admin_port) as client:
                await client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                return (await client.read_response()).status
        except OSError:
            return 0

    async def until_it_responds(self, path: str) -> None:
        """With 200, to requests for `path`."""
        while await self.get(path) != 200:  # noqa: ASYNC110 - another program's state
            await asyncio.sleep(0.01)

    async def sync(self, gateway: SyncedGateway) -> int:
        """One call of a gateway over TLS that trusts the CA of the ConfigMap alone."""
        ca = self.cluster.configmaps["tidegate-snapshot"].data[CA_KEY].decode()
        context = ssl.create_default_context(cadata=ca)
        body = encode_request(gateway.request(0))
        head = f"POST {SYNC_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.{gateway.pod.uid}\r\n"
        async with RawClient(self.sync_port, tls=context, server_name="localhost") as client:
            await client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            response = await client.read_response()
        if response.status == 200:
            gateway.take(response.body)
        return response.status


def settings(**given: str):
    return load_operator_settings({"SYNC_HOST": "127.0.0.1", **given})


@asynccontextmanager
async def running(cluster, folder, monkeypatch) -> AsyncIterator[Running]:
    ports = {"SYNC_PORT": free_port(), "ADMIN_PORT": free_port()}
    async with kubernetes_server(cluster, folder) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
        client, stop = connect_kube(None, tries=1), asyncio.Event()
        operator = Operator(settings(**{name: str(port) for name, port in ports.items()}), client, stop)
        ended = asyncio.ensure_future(operator.run())
        try:
            yield Running(server, cluster, ports["SYNC_PORT"], ports["ADMIN_PORT"], stop, ended)
        finally:
            stop.set()
            await asyncio.wait({ended})
            await client.close()


def gateway_of(cluster) -> SyncedGateway:
    gateway = SyncedGateway(Pod("uid-gw-0", "gw-0", "shop", "edge"))
    cluster.tokens["a.b.uid-gw-0"] = TokenBearer("shop", "tidegate-gateway", "gw-0", "uid-gw-0")
    cluster.add_pod(gateway.pod)
    return gateway


async def test_an_edit_reaches_a_gateway_and_the_status_and_the_operator_ends_with_0(tmp_path, monkeypatch):
    cluster = FakeCluster()
    gateway = gateway_of(cluster)
    async with running(cluster, tmp_path, monkeypatch) as operator:
        await operator.until_it_responds("/readyz")
        await until(lambda: operator.server.watches == 2, "both watches")
        cluster.apply("orders", SPEC)

        def programmed() -> bool:
            found = condition_of(cluster.status_of("orders"), "Programmed")
            return found is not None and found["status"] == "True"

        while not programmed():
            assert await operator.sync(gateway) in (200, 204)
            await asyncio.sleep(0.02)
        await until(
            lambda: "Applied" in {one["reason"] for one in operator.server.events.values()}, "the Event"
        )
        operator.stop.set()
        assert await operator.ended == 0
        assert await operator.get("/livez") == 0


async def test_an_api_server_that_is_unavailable_at_the_start_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("app.operator.process._AGAIN_S", 0.01)
    cluster = FakeCluster()
    cluster.away = True
    async with running(cluster, tmp_path, monkeypatch) as operator:
        await operator.until_it_responds("/livez")
        assert await operator.get("/readyz") == 503
        cluster.away = False
        await operator.until_it_responds("/readyz")


async def test_an_operator_that_waits_for_the_api_server_ends_at_once(tmp_path, monkeypatch):
    cluster = FakeCluster()
    cluster.away = True
    async with running(cluster, tmp_path, monkeypatch) as operator:
        await operator.until_it_responds("/livez")
        operator.stop.set()
        assert await operator.ended == 0


async def test_a_missing_secret_is_a_start_fault_that_says_what_to_do(tmp_path, monkeypatch):
    cluster = FakeCluster()
    cluster.secrets.clear()
    async with running(cluster, tmp_path, monkeypatch) as operator:
        with pytest.raises(StartFault, match="apply the chart's roles and objects"):
            await operator.ended


async def test_a_part_that_fails_ends_the_operator_with_1(tmp_path, monkeypatch, caplog):
    async def ends(*_):
        raise StartFault("the watch ended: kopf ended by itself")

    monkeypatch.setattr("app.operator.process._watch", ends)
    async with running(FakeCluster(), tmp_path, monkeypatch) as operator:
        assert await operator.ended == 1
    assert "the operator ends: the watch ended" in caplog.text


async def test_a_port_in_use_is_a_start_fault(tmp_path, monkeypatch):
    async with running(FakeCluster(), tmp_path, monkeypatch) as first:
        await first.until_it_responds("/livez")
        client = connect_kube(None, tries=1)
        second = Operator(settings(ADMIN_PORT=str(first.admin_port)), client, asyncio.Event())
        with pytest.raises(StartFault, match=f"port {first.admin_port} of 127.0.0.1"):
            await second.run()
        await client.close()


def test_without_a_cluster_the_start_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(StartFault, match="no cluster to talk to"):
        run_operator(settings())
