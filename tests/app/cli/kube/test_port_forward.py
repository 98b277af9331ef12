"""The channel protocol before a server that is played; an API server: `tests/scenarios/test_dashboard.py`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster, User
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from app.cli.kube.port_forward import open_tunnel
from app.foundation.errors import ClusterError
from app.operator.kube.client import KubeClient

PORTS = (b"\x00\x78\x23", b"\x01\x78\x23")


class Played:
    """`says`: messages of the server, after which it closes; `rejects`: a status and a body instead of a handshake."""

    def __init__(self, *says: bytes, rejects: tuple[int, str] | None = None) -> None:
        self.says, self.rejects = says, rejects
        self.heard: list[bytes] = []
        self.asked: Request | None = None

    def process(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked = request
        return None if self.rejects is None else connection.respond(*self.rejects)

    async def talk(self, connection: ServerConnection) -> None:
        self.heard.append(await connection.recv(decode=False))
        for said in self.says:
            await connection.send(said)


@asynccontextmanager
async def cluster_of(played: Played) -> AsyncIterator[KubeClient]:
    server = await serve(
        played.talk,
        "127.0.0.1",
        0,
        subprotocols=["v4.channel.k8s.io"],  # type: ignore[list-item]
        process_request=played.process,
    )
    port = server.sockets[0].getsockname()[1]
    config = KubeConfig.from_one(
        cluster=Cluster(f"http://127.0.0.1:{port}/k8s"), user=User(token="of-ada"), namespace="shop"
    )
    client = KubeClient(AsyncClient(config, namespace="shop", trust_env=False))
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


async def test_data_is_what_is_left_of_the_channels_and_the_port():
    played = Played(*PORTS, b"\x00HTTP/1.1", b"", b"\x00", b"\x02?", b"\x00 200")
    async with cluster_of(played) as cluster:
        tunnel = await open_tunnel(cluster, "shop", "gw-0", 9080)
        await tunnel.send(b"GET /")
        assert [await tunnel.receive() for _ in range(3)] == [b"HTTP/1.1", b" 200", b""]
        await tunnel.send(b"too late")
        await tunnel.close()
    assert played.heard == [b"\x00GET /"]
    assert played.asked is not None
    assert played.asked.path == "/k8s/api/v1/namespaces/shop/pods/gw-0/portforward?ports=9080"
    assert played.asked.headers["Authorization"] == "Bearer of-ada"


async def test_what_the_kubelet_says_is_wrong_is_said():
    played = Played(*PORTS, b"\x01", b"\x01connection refused\n")
    async with cluster_of(played) as cluster:
        tunnel = await open_tunnel(cluster, "shop", "gw-0", 9080)
        await tunnel.send(b"GET /")
        with pytest.raises(ClusterError, match=r"cannot open a connection to pod gw-0: connection refused$"):
            await tunnel.receive()
        await tunnel.close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            403,
            '{"kind": "Status", "message": "ada may not"}',
            "ada may not; it takes `get` and `create` on pods/portf",
        ),
        (404, "gone", "pod gw-0: gone$"),
        (500, "", "HTTP 500$"),
    ],
)
async def test_a_rejection_of_the_api_server_is_said(status, body, said):
    async with cluster_of(Played(rejects=(status, body))) as cluster:
        with pytest.raises(ClusterError, match=said) as caught:
            await open_tunnel(cluster, "shop", "gw-0", 9080)
    assert caught.value.code == status


async def test_an_api_server_that_is_away_is_said():
    async with cluster_of(Played()) as cluster:
        pass
    with pytest.raises(ClusterError) as caught:
        await open_tunnel(cluster, "shop", "gw-0", 9080)
    assert caught.value.code == 0
