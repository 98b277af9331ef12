"""A client's socket, whatever is spoken over it: among how many, whose, whether it is read from, what it takes."""

import asyncio
from typing import Final

from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.eventloop.disconnect_poller import DisconnectPoller
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.entrance import Entrance

__all__ = ["ClientSocket", "client_peer", "join_open_clients"]

HIGH_WATER_BYTES: Final = 256 * 1024


def join_open_clients(
    client: object, transport: asyncio.Transport, context: ProxyContext, entrance: Entrance
) -> bool:
    """Whether `client` is one of the open connections now; False: there are too many, and it is ended."""
    if len(context.open_clients) >= context.settings.max_connections:
        transport.abort()
        return False
    entrance.join(client)
    transport.set_write_buffer_limits(HIGH_WATER_BYTES)
    return True


def client_peer(transport: asyncio.Transport, context: ProxyContext, entrance: Entrance) -> PeerIdentity:
    """Who is at the other end, speaking HTTP/1.1."""
    peer = transport.get_extra_info("peername")
    peer_ip = str(peer[0]) if peer else ""
    scheme = "https" if transport.get_extra_info("sslcontext") else "http"
    if entrance.is_own:  # whose certificate is one for all names
        return context.peer(peer_ip, scheme)
    session = transport.get_extra_info("ssl_object")
    return context.peer(peer_ip, scheme, entrance.port, session.server_name if session is not None else None)


class ClientSocket:
    """`read_paused`: the transport does not read. `_unsent_bytes`: as `takes_more` found them."""

    __slots__ = ("_disconnects", "_unsent_bytes", "read_paused", "transport")

    def __init__(self, transport: asyncio.Transport, disconnects: DisconnectPoller) -> None:
        self.transport = transport
        self._disconnects = disconnects
        self.read_paused = False
        self._unsent_bytes = 0

    def pause_reading(self, *, watched: bool) -> None:
        """`watched`: a client that hangs up meanwhile ends the connection, which a paused transport would not see.

        Not where the client may have sent all that it wants to: it has closed its half then, and reads on.
        """
        if self.transport.is_closing():
            return
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        if watched:
            self._disconnects.watch(self)

    def resume_reading(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def takes_more(self) -> bool:
        """Whether the client is owed bytes, and took some of them since this was last asked."""
        unsent, before = self.transport.get_write_buffer_size(), self._unsent_bytes
        self._unsent_bytes = unsent
        return unsent > 0 and unsent != before

    def abort(self) -> None:
        """The connection ends now, whatever it owes."""
        self.transport.abort()
