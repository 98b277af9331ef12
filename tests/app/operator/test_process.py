"""A whole operator on loopback: real lightkube and kopf against an API server in memory, real ports, real TLS."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.config.sync.message_codec import encode_request
from app.config.sync.messages import SYNC_PATH
from app.config.sync.snapshot import CA_KEY, SNAPSHOT_KEY, decode
from app.foundation.clock import wall_s
from app.foundation.errors import StartFault
from app.operator.kube.client import connect_kube
from app.operator.kube.kinds import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, NAMESPACE, SERVICE
from app.operator.kube.resources import Pod, TokenBearer
from app.operator.policy.conditions import condition_of
from app.operator.process import Operator, run_operator
from app.operator.settings import load_operator_settings
from app.operator.sync.certificates import issue, make_authority
from tests.app.operator.cluster_samples import object_body, service_body_of
from tests.app.operator.samples import SPEC
from tests.fakes.client import RawClient
from tests.fakes.cluster import FakeCluster
from tests.fakes.exchange import within
from tests.fakes.kubernetes_server import KubernetesServer, kubernetes_server
from tests.fakes.process import Child, free_port
from tests.fakes.synced_gateway import SyncedGateway
from tests.fakes.waiting import until

pytestmark = pytest.mark.usefixtures("sessions_of_kopf")


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
        async with within(f"a response with 200 to {path}"):
            while await self.get(path) != 200:  # noqa: ASYNC110 - another program's state
                await asyncio.sleep(0.01)

    async def metric(self, name: str) -> float:
        """A sample without labels on the page of metrics."""
        async with RawClient(self.admin_port) as client:
            await client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            page = (await client.read_response()).body.decode()
        (line,) = [line for line in page.splitlines() if line.startswith(f"{name} ")]
        return float(line.split()[1])

    async def sync(self, gateway: SyncedGateway, ca: bytes = b"") -> int:
        """One call of a gateway over TLS that trusts `ca` alone, by default that of the ConfigMap."""
        trusted = ca or self.cluster.configmaps["tidegate-snapshot"].data[CA_KEY]
        context = ssl.create_default_context(cadata=trusted.decode())
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


Prepare = Callable[[KubernetesServer], None]


@asynccontextmanager
async def running(
    cluster, folder, monkeypatch, prepare: Prepare = lambda _: None, **given: Any
) -> AsyncIterator[Running]:
    """`prepare`: what is done to the API server before the operator starts."""
    ports = {"SYNC_PORT": free_port(), "ADMIN_PORT": free_port()}
    async with kubernetes_server(cluster, folder) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
        prepare(server)
        client, stop = connect_kube(None, tries=1), asyncio.Event()
        numbers = {name: str(port) for name, port in ports.items()}
        operator = Operator(settings(**numbers, **given), client, stop)
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

        async with within("the policy to be programmed"):
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
    cluster.unavailable = True
    async with running(cluster, tmp_path, monkeypatch) as operator:
        await operator.until_it_responds("/livez")
        assert await operator.get("/readyz") == 503
        cluster.unavailable = False
        await operator.until_it_responds("/readyz")


async def test_an_operator_that_waits_for_the_api_server_ends_at_once(tmp_path, monkeypatch):
    cluster = FakeCluster()
    cluster.unavailable = True
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


async def test_a_port_in_use_is_a_start_fault(tmp_path, monkeypatch):
    async with running(FakeCluster(), tmp_path, monkeypatch) as first:
        await first.until_it_responds("/livez")
        client = connect_kube(None, tries=1)
        second = Operator(settings(ADMIN_PORT=str(first.admin_port)), client, asyncio.Event())
        with pytest.raises(StartFault, match=f"ADMIN_PORT: 127.0.0.1:{first.admin_port} cannot be opened"):
            await second.run()
        await client.close()


def test_without_a_cluster_the_start_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(StartFault, match="no cluster to talk to"):
        run_operator(settings())


@asynccontextmanager
async def child(cluster, folder, **given) -> AsyncIterator[Child]:
    """`tidegate operator` as a program of its own."""
    ports = {"SYNC_PORT": str(free_port()), "ADMIN_PORT": str(free_port()), "SYNC_HOST": "127.0.0.1"}
    async with kubernetes_server(cluster, folder) as server:
        env = {"KUBECONFIG": str(server.kubeconfig), **ports, **given}
        async with Child.app("operator", env=env) as made:
            yield made


async def test_sigterm_ends_the_program_with_0(tmp_path):
    async with child(FakeCluster(), tmp_path) as program:
        await program.wait_line("gateways sync at port")
        assert await program.stop() == 0
    assert any('"message":"ended"' in line for line in program.lines)


async def test_a_port_in_use_ends_the_program_with_1_and_says_what_to_set(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with child(FakeCluster(), tmp_path, SYNC_PORT=port) as program:
            assert await program.wait() == 1
    assert any(f"SYNC_PORT: 127.0.0.1:{port} cannot be opened" in line for line in program.lines)


async def test_a_certificate_from_files_is_served(tmp_path, monkeypatch):
    authority = make_authority(wall_s())
    paths = {"SYNC_TLS_CERT_FILE": tmp_path / "tls.crt", "SYNC_TLS_KEY_FILE": tmp_path / "tls.key"}
    for path, content in zip(paths.values(), issue(authority, ("localhost",), wall_s()), strict=True):
        path.write_bytes(content)
    given: dict[str, Any] = {name: str(path) for name, path in paths.items()}
    cluster = FakeCluster()
    gateway = gateway_of(cluster)
    async with running(cluster, tmp_path, monkeypatch, **given) as operator:
        await operator.until_it_responds("/readyz")
        assert await operator.sync(gateway, authority.certificate) == 200
    assert CA_KEY not in cluster.configmaps["tidegate-snapshot"].data


async def test_a_watch_that_ends_by_itself_ends_the_operator(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("app.operator.process.Watch", EndingWatch)
    async with running(FakeCluster(), tmp_path, monkeypatch) as operator:
        assert await operator.ended == 1
        await until(lambda: EndingWatch.joined, "the thread's end")
    assert "the watch ended: kopf ended by itself" in caplog.text


async def test_a_watch_that_starts_again_is_counted(tmp_path, monkeypatch):
    async with running(FakeCluster(), tmp_path, monkeypatch) as operator:
        await operator.until_it_responds("/readyz")
        operator.cluster.apply("orders", SPEC)
        await until(lambda: operator.server.watches == 2, "both watches")
        await until(lambda: operator.cluster.status_of("orders") != {}, "the first policy")
        operator.server.break_watches()
        async with within("the watches' restart to be counted"):
            while await operator.metric("tidegate_operator_watch_restarts_total") < 1.0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


class EndingWatch:
    """One whose thread ends at once."""

    joined = False

    def __init__(self, namespace, selector, listener):
        self.listener = listener

    def start(self):
        self.listener.on_end(None)

    def stop(self):
        pass

    def join(self):
        EndingWatch.joined = True


def first_route(server: KubernetesServer) -> None:
    """A class of ours, a Gateway, a route and the Service behind it."""
    server.objects.missing.clear()
    apply = server.objects.apply
    apply(NAMESPACE, {"metadata": {"name": "shop"}})
    apply(
        GATEWAY_CLASS,
        {"metadata": {"name": "tidegate"}, "spec": {"controllerName": "tidegate.dev/gateway-controller"}},
    )
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    apply(GATEWAY, object_body("web", spec={"gatewayClassName": "tidegate", "listeners": [listener]}))
    apply(SERVICE, service_body_of("orders"))
    rule = {"backendRefs": [{"name": "orders", "port": 80}]}
    apply(HTTP_ROUTE, object_body("orders", spec={"parentRefs": [{"name": "web"}], "rules": [rule]}))


@pytest.mark.parametrize("mode", ["auto", "true"])
async def test_a_route_of_the_cluster_reaches_the_snapshot_and_its_status_says_so(
    tmp_path, monkeypatch, mode
):
    cluster = FakeCluster()
    async with running(
        cluster, tmp_path, monkeypatch, first_route, GATEWAY_API=mode, GATEWAY_SERVICE_TYPE="ClusterIP"
    ) as operator:
        objects = operator.server.objects

        def is_accepted() -> bool:
            parents = objects.status(HTTP_ROUTE, ("shop", "orders")).get("parents", [])
            conditions = [(one["type"], one["status"]) for each in parents for one in each["conditions"]]
            return conditions.count(("Accepted", "True")) == 1 and ("ResolvedRefs", "True") in conditions

        await until(is_accepted, "the route's status")
        tables: Any = decode(cluster.configmaps["tidegate-snapshot"].data[SNAPSHOT_KEY]).tables
        assert [one["name"] for one in tables["upstreams"]] == ["service/shop/orders/80"]
        assert tables["listeners"][0]["port"] >= 20_000
        assert objects.get(SERVICE, ("shop", "tidegate-web")) is not None
        await until(
            lambda: bool(objects.status(GATEWAY, ("shop", "web")).get("addresses")),
            "the Gateway's address",
        )
        conditions = {
            one["type"]: one["status"] for one in objects.status(GATEWAY, ("shop", "web"))["conditions"]
        }
        assert (conditions["Accepted"], conditions["Programmed"]) == ("True", "False")
        assert objects.status(GATEWAY_CLASS, ("", "tidegate"))["supportedFeatures"]


async def test_without_gateway_api_an_operator_watches_what_it_watched(tmp_path, monkeypatch):
    cluster = FakeCluster()
    async with running(cluster, tmp_path, monkeypatch, GATEWAY_API="false") as operator:
        await operator.until_it_responds("/readyz")
        assert operator.server.objects.calls == {}
