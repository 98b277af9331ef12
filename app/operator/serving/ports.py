"""The operator's two ports: opened with their bounds, closed together. TLS where a certificate is given."""

import asyncio

from app.foundation.serving.bounded_http import Bounds
from app.foundation.serving.bounded_port import bounded_protocol
from app.foundation.serving.listener import listen
from app.foundation.serving.server import OpenServer, open_server, server_config
from app.operator.serving.admin_api import AdminApi
from app.operator.sync.api import SyncApi
from app.operator.sync.tls import SyncTls

__all__ = ["ADMIN_BOUNDS", "SYNC_BOUNDS", "Serving"]

SYNC_BOUNDS = Bounds(head_bytes=32 << 10, header_timeout_s=10.0, idle_timeout_s=75.0, connections=1_024)
"""A gateway keeps one or two connections, its token has at most 16,384 characters. asyncio's TLS holds a
buffer of 256 KiB for each connection, also in its handshake: 270 MiB at the bound."""
ADMIN_BOUNDS = Bounds(head_bytes=32 << 10, header_timeout_s=10.0, idle_timeout_s=75.0, connections=256)

_GRACE_S = 5


class Serving:
    """The ports that are open."""

    def __init__(self) -> None:
        self._servers: list[OpenServer] = []

    async def open(
        self, app: AdminApi | SyncApi, host: str, port: int, bounds: Bounds, tls: SyncTls | None = None
    ) -> int:
        """Opens a port; returns its number. Raises StartFault or ConfigFaults if it cannot be had."""
        variable = "ADMIN_PORT" if isinstance(app, AdminApi) else "SYNC_PORT"
        listener = listen(host, port, variable)
        protocol = bounded_protocol(bounds, None if tls is None else lambda: tls.context)
        self._servers.append(await open_server(listener, server_config(app, protocol, grace_s=_GRACE_S)))
        return int(listener.getsockname()[1])

    async def close(self) -> None:
        """Lets running calls end for a while."""
        for server in self._servers:
            server.end()
        await asyncio.gather(*(server.task for server in self._servers), return_exceptions=True)
