"""The operator's ports: opened with their bounds, closed together. TLS where a certificate is given."""

import asyncio
from dataclasses import dataclass
from typing import Any

from app.foundation.serving.bounded_port import bounded_protocol
from app.foundation.serving.bounds import Bounds
from app.foundation.serving.listener import listen
from app.foundation.serving.server import OpenServer, open_server, server_config
from app.operator.sync.tls import SyncTls

__all__ = ["ADMIN_BOUNDS", "SYNC_BOUNDS", "OpenPorts", "Port"]

SYNC_BOUNDS = Bounds(head_bytes=32 << 10, header_timeout_s=10.0, idle_timeout_s=75.0, connections=1_024)
"""A gateway keeps one or two connections, three while somebody looks at the fleet; its token has at most 16,384
characters. asyncio's TLS holds a buffer of 256 KiB for each connection, also in its handshake: 270 MiB at the bound."""
ADMIN_BOUNDS = Bounds(head_bytes=32 << 10, header_timeout_s=10.0, idle_timeout_s=75.0, connections=256)

_GRACE_S = 5


@dataclass(frozen=True, slots=True)
class Port:
    """A port to open. `variable`: what sets `number`, for the message where it cannot be opened."""

    variable: str
    host: str
    number: int
    bounds: Bounds


class OpenPorts:
    """The ports that are open."""

    def __init__(self) -> None:
        self._servers: list[OpenServer] = []

    async def open(self, app: Any, port: Port, tls: SyncTls | None = None) -> int:
        """Serves an ASGI application; returns the port's number. Raises StartFault and ConfigFaults."""
        listener = listen(port.host, port.number, port.variable)
        protocol = bounded_protocol(port.bounds, None if tls is None else lambda: tls.context)
        self._servers.append(await open_server(listener, server_config(app, protocol, grace_s=_GRACE_S)))
        return int(listener.getsockname()[1])

    async def close(self) -> None:
        """Accepts no more, and lets running calls end for a while."""
        for server in self._servers:
            server.end()
        await asyncio.gather(*(server.task for server in self._servers), return_exceptions=True)
