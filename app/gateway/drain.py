"""The way from SIGTERM to exit (contract: shutdown)."""

import asyncio
from collections.abc import Iterable
from typing import Any

from app.clock import now_s
from app.dataplane.runtime import Runtime
from app.dataplane.tunnel import Tunnel
from app.dataplane.wire import ClientConnection

__all__ = ["drain"]

POLL_S = 0.05
TUNNEL_S = 1.0
"""How long a WebSocket may take to end the frame it is in."""


async def drain(runtime: Runtime, listeners: Iterable[Any], delay_s: float, timeout_s: float) -> None:
    """Serve on for `delay_s` unready, then accept no more and let what runs end for up to `timeout_s`."""
    runtime.draining = True
    if delay_s:
        await asyncio.sleep(delay_s)
    for listener in listeners:
        listener.close()
    for client in tuple(runtime.open_clients):
        if isinstance(client, ClientConnection):
            client.shutdown()
    tunnels = [tunnel for tunnel in runtime.tunnels if isinstance(tunnel, Tunnel)]
    for tunnel in tunnels:
        tunnel.go_away()
    deadline_s = now_s() + timeout_s
    tunnel_deadline_s = now_s() + min(TUNNEL_S, timeout_s)
    while (runtime.open_clients or runtime.tunnels) and now_s() < deadline_s:
        await asyncio.sleep(POLL_S)
        if runtime.tunnels and now_s() > tunnel_deadline_s:
            for tunnel in tunnels:
                tunnel.abort()
    for client in tuple(runtime.open_clients):
        if isinstance(client, ClientConnection):
            client.abort()
    for tunnel in tunnels:
        tunnel.abort()
    await asyncio.sleep(0)
