"""The way from SIGTERM to exit (contract: shutdown)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from app.dataplane.downstream.http1_connection import ClientConnection
from app.dataplane.downstream.http2_connection import Http2Connection
from app.dataplane.downstream.tls_connection import TlsConnection
from app.dataplane.proxy.mirror import MirroredRequest
from app.dataplane.proxy.tunnel import Tunnel
from app.foundation.clock import now_s
from app.foundation.serving.backlog import accept_backlog

__all__ = ["Draining", "drain"]

POLL_S = 0.05
TUNNEL_S = 1.0
"""How long a WebSocket may take to end the frame it is in."""
QUIET_S = 2.0
"""How long a connection that never got `Connection: close` stays open: its next request may be on the way."""
CLOSE_S = 1.0
"""How long an idle connection may take to close (TLS says goodbye first)."""


class Draining(Protocol):
    """The data path's connections; `draining` makes each response its connection's last."""

    draining: bool
    open_clients: set[object]
    tunnels: set[object]
    mirrored: set[object]


async def drain(
    context: Draining,
    listeners: Sequence[Any],
    delay_s: float,
    timeout_s: float,
    end_viewers: Callable[[], None] = lambda: None,
) -> None:
    """Serve on for `delay_s` unready, then accept no more and let what runs end for up to `timeout_s`.

    `listeners`: asyncio's servers. `end_viewers` is called with the WebSockets that pass through.
    """
    began_s = now_s()
    context.draining = True
    if delay_s:
        await asyncio.sleep(delay_s)
    await accept_backlog(listeners)
    for listener in listeners:
        listener.close()
    deadline_s = now_s() + timeout_s
    for client in _clients(context):
        client.prepare_to_end()
    for tunnel in _tunnels(context):
        tunnel.send_close()
    end_viewers()
    tunnels_end_s: dict[Tunnel, float] = {}
    while now_s() < deadline_s:
        now = now_s()
        for client in _clients(context):
            if client.quiet_s(now, began_s) >= QUIET_S:
                client.close()
        for tunnel in _tunnels(context):  # a connection that is still open may yet become one
            tunnel.send_close()
            if now > tunnels_end_s.setdefault(tunnel, now + TUNNEL_S):
                tunnel.abort()
        if not context.open_clients and not context.tunnels:
            break
        await asyncio.sleep(POLL_S)
    for client in _clients(context):
        if client.busy:
            client.cut()
        else:
            client.close()
    closed_by_s = now_s() + CLOSE_S
    while context.open_clients and now_s() < closed_by_s:  # noqa: ASYNC110 - no event says that a connection closed
        await asyncio.sleep(POLL_S)
    for client in _clients(context):
        client.abort()
    for tunnel in _tunnels(context):
        tunnel.abort()
    for copy in tuple(context.mirrored):
        if isinstance(copy, MirroredRequest):
            copy.abandon()
    await asyncio.sleep(0)


def _clients(context: Draining) -> list[ClientConnection | Http2Connection | TlsConnection]:
    """All client connections; of TLS also those whose handshake is not complete."""
    kinds = (ClientConnection, Http2Connection, TlsConnection)
    return [each for each in context.open_clients if isinstance(each, kinds)]


def _tunnels(context: Draining) -> list[Tunnel]:
    return [tunnel for tunnel in context.tunnels if isinstance(tunnel, Tunnel)]
