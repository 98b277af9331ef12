"""The operator's two ports: opened with their bounds, closed together. TLS where a certificate is given."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from uvicorn.config import Config
from uvicorn.server import Server

from app.admin.bounded_http import Bounds
from app.admin.bounded_port import bounded_protocol
from app.foundation.errors import StartFault
from app.operator.serving.admin_api import AdminApi
from app.operator.sync.api import SyncApi
from app.operator.sync.tls import SyncTls

__all__ = ["ADMIN_BOUNDS", "SYNC_BOUNDS", "Serving"]

SYNC_BOUNDS = Bounds(head_bytes=32 << 10, header_timeout_s=10.0, idle_timeout_s=75.0, connections=1_024)
"""A gateway keeps one or two connections, its token has at most 16,384 characters. asyncio's TLS holds a
buffer of 256 KiB for each connection, also in its handshake: 270 MiB at the bound."""
ADMIN_BOUNDS = Bounds(head_bytes=32 << 10, header_timeout_s=10.0, idle_timeout_s=75.0, connections=256)

_GRACE_S = 5


class _Server(Server):
    """uvicorn's server without its signal handlers: parked polls get their response first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """The ports that are open."""

    def __init__(self) -> None:
        self._servers: list[tuple[_Server, asyncio.Task[None]]] = []

    async def open(
        self, app: AdminApi | SyncApi, host: str, port: int, bounds: Bounds, tls: SyncTls | None = None
    ) -> int:
        """Opens a port; returns its number. Raises StartFault if it is in use."""
        listener = _listen(host, port)
        config = Config(
            app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        protocol = bounded_protocol(bounds, None if tls is None else lambda: tls.context)
        config.http = protocol  # type: ignore[assignment]  # uvicorn calls it as it would a class
        server = _Server(config)
        task = asyncio.ensure_future(server.serve(sockets=[listener]))
        self._servers.append((server, task))
        while not server.started:
            if task.done():
                raise StartFault(f"port {port} of {host} cannot be served")
            await asyncio.sleep(0.005)
        return int(listener.getsockname()[1])

    async def close(self) -> None:
        """Lets running calls end for a while."""
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._servers), return_exceptions=True)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartFault(f"port {port} of {host} cannot be opened: {error.strerror or error}") from error
    return listener
