"""The way from SIGTERM to exit (contract: shutdown)."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from app.clock import now_s
from app.dataplane.downstream.http1_connection import ClientConnection
from app.dataplane.downstream.tls_connection import TlsConnection
from app.dataplane.proxy.context import Runtime
from app.dataplane.proxy.tunnel import Tunnel

__all__ = ["drain"]

POLL_S = 0.05
TUNNEL_S = 1.0
"""How long a WebSocket may take to end the frame it is in."""
CLOSE_S = 1.0
"""How long an idle connection may take to close (TLS says goodbye first)."""


async def drain(
    runtime: Runtime,
    listeners: Iterable[Any],
    delay_s: float,
    timeout_s: float,
    tell_viewers: Callable[[], None] = lambda: None,
) -> None:
    """Serve on for `delay_s` unready, then accept no more and let what runs end for up to `timeout_s`.

    `tell_viewers` is called with the WebSockets that pass through.
    """
    runtime.draining = True
    if delay_s:
        await asyncio.sleep(delay_s)
    for listener in listeners:
        listener.close()
    deadline_s = now_s() + timeout_s
    for client in _clients(runtime):
        if client.busy:
            client.shutdown()
    tunnels = [tunnel for tunnel in runtime.tunnels if isinstance(tunnel, Tunnel)]
    for tunnel in tunnels:
        tunnel.go_away()
    tell_viewers()
    tunnel_deadline_s = now_s() + min(TUNNEL_S, timeout_s)
    # an idle connection stays open meanwhile: its next request may be on the way
    while (runtime.tunnels or any(client.busy for client in _clients(runtime))) and now_s() < deadline_s:
        await asyncio.sleep(POLL_S)
        if runtime.tunnels and now_s() > tunnel_deadline_s:
            for tunnel in tunnels:
                tunnel.abort()
    for client in _clients(runtime):
        if client.busy:
            client.abort()
        else:
            client.shutdown()
    closed_by_s = now_s() + CLOSE_S
    while runtime.open_clients and now_s() < closed_by_s:  # noqa: ASYNC110 - connections tell nobody
        await asyncio.sleep(POLL_S)
    for client in _clients(runtime):
        client.abort()
    for tunnel in tunnels:
        tunnel.abort()
    await asyncio.sleep(0)


def _clients(runtime: Runtime) -> list[ClientConnection | TlsConnection]:
    """Of TLS: those whose handshake is not complete."""
    return [each for each in runtime.open_clients if isinstance(each, (ClientConnection, TlsConnection))]
