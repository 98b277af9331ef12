"""A connection to a pod's port through the API server, as `kubectl port-forward` makes one: the adapter of websockets.

The kubelet opens it inside the pod, so neither a NetworkPolicy nor a port that listens on loopback alone is in the way.
`v4.channel.k8s.io`: each message begins with its channel, 0 for data and 1 for errors; the first message on each is the
port's number.
"""

import contextlib
from typing import Protocol

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from app.foundation.errors import ClusterError
from app.operator.kube.client import KubeClient

__all__ = ["PodTunnel", "Tunnel", "open_tunnel"]

_PROTOCOL = Subprotocol("v4.channel.k8s.io")
_DATA, _ERROR = 0, 1
_MAX_MESSAGE_BYTES = 4 << 20
_OPEN_S = 10.0
_MAX_CAUSE = 500  # characters
_RIGHT = "it takes `get` and `create` on pods/portforward"


class Tunnel(Protocol):
    """Bytes both ways. `receive`: b"" at the end; raises ClusterError where the pod cannot be reached."""

    async def send(self, data: bytes) -> None: ...
    async def receive(self) -> bytes: ...
    async def close(self) -> None: ...


async def open_tunnel(cluster: KubeClient, namespace: str, pod: str, port: int) -> Tunnel:
    """Raises ClusterError; whether the pod listens is known with the first bytes only."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports={port}"
    try:
        return PodTunnel(await _connected(cluster, path), pod)
    except InvalidStatus as status:
        code = status.response.status_code
        cause = _cause(status.response.body) or f"HTTP {code}"
        raise _fault(pod, code, f"{cause}; {_RIGHT}" if code == 403 else cause) from status
    except (InvalidHandshake, InvalidURI, OSError, TimeoutError) as error:
        raise _fault(pod, 0, str(error) or type(error).__name__) from error


async def _connected(cluster: KubeClient, path: str) -> ClientConnection:
    server = await cluster.api_server()
    return await connect(
        server.websocket_url + path,
        subprotocols=[_PROTOCOL],
        additional_headers=dict(server.headers),
        compression=None,
        open_timeout=_OPEN_S,
        ping_interval=None,  # the pod's end closes what is idle
        close_timeout=1.0,
        max_size=_MAX_MESSAGE_BYTES,
        ssl=server.tls,
    )


class PodTunnel:
    """A `Tunnel` over a WebSocket."""

    def __init__(self, connection: ClientConnection, pod: str) -> None:
        self._connection, self._pod = connection, pod
        self._begun: set[int] = set()

    async def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionClosed):  # `receive` says so
            await self._connection.send(bytes((_DATA,)) + data)

    async def receive(self) -> bytes:
        while True:
            try:
                message = await self._connection.recv(decode=False)
            except ConnectionClosed:
                return b""
            channel, content = message[0] if message else -1, message[1:]
            if channel not in self._begun:
                self._begun.add(channel)  # the port's number
            elif channel == _ERROR and content:
                raise _fault(self._pod, 0, content.decode(errors="replace").strip()[:_MAX_CAUSE])
            elif channel == _DATA and content:
                return content

    async def close(self) -> None:
        await self._connection.close()


def _fault(pod: str, code: int, cause: str) -> ClusterError:
    return ClusterError("open a connection to", f"pod {pod}", code, cause)


def _cause(body: bytes | bytearray | None) -> str:
    """What an error response says: the message of a Status, or its text."""
    text = (body or b"").decode(errors="replace").strip()
    with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError):
        text = str(orjson.loads(text)["message"])
    return text[:_MAX_CAUSE]
