"""TLS of the public port (RFC 8446, RFC 5246), between the socket and the protocol that speaks HTTP.

The socket is accepted in clear, so a connection counts, and its time runs, from the moment it is accepted:

    accepted ──first bytes──▶ handshake ──complete──▶ established ──close_notify, FIN, fault──▶ closing
        └──────── HEADER_TIMEOUT, or over MAX_CONNECTIONS: aborted ─────────┘

The inner protocol is made when the handshake is complete, and has a transport like any other.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from app.dataplane.downstream.tls_records import TlsRecords
from app.dataplane.downstream.tls_transport import InnerProtocol, TlsSession, TlsTransport
from app.dataplane.eventloop.timer_wheel import NEVER, Wheel
from app.dataplane.proxy.entrance import Entrance
from app.foundation.clock import now_s

__all__ = ["TlsConnection", "TlsListener"]


class TlsListener:
    """What the TLS connections of one port share. `context` may be replaced: handshakes that begin later take it.

    At most `max_connections` are open, of all ports, their handshake complete or not.
    """

    __slots__ = ("context", "entrance", "handshake_timeout_s", "max_connections", "wheel")

    def __init__(
        self,
        context: ssl.SSLContext,
        entrance: Entrance,
        max_connections: int,
        wheel: Wheel,
        handshake_timeout_s: float,
    ) -> None:
        self.context = context
        self.entrance = entrance
        self.max_connections = max_connections
        self.wheel = wheel
        self.handshake_timeout_s = handshake_timeout_s


class TlsConnection(asyncio.Protocol):
    """The socket's protocol. Until the handshake is complete it stands among the open clients itself.

    `inner` is the protocol above: None before the handshake is complete and after the connection is lost.
    `_records`: only once the first bytes have come, so that a silent connection costs no TLS state (14 KiB).
    `_held`: what came while `inner` paused reading as it was made.
    """

    __slots__ = (
        "_held",
        "_listener",
        "_make_inner",
        "_paused",
        "_records",
        "_socket",
        "_transport",
        "armed_tick",
        "deadline_s",
        "inner",
    )

    _socket: asyncio.Transport

    def __init__(self, listener: TlsListener, make_inner: Callable[[str | None], InnerProtocol]) -> None:
        """`make_inner`: from the protocol that both sides agreed on (ALPN, RFC 7301), None where they named none."""
        self._listener = listener
        self._make_inner: Callable[[str | None], InnerProtocol] | None = make_inner
        self._records: TlsRecords | None = None
        self._transport: TlsTransport | None = None
        self._paused = False
        self._held = b""
        self.inner: InnerProtocol | None = None
        self.deadline_s = NEVER
        self.armed_tick = 0

    # The socket's events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        listener = self._listener
        if listener.entrance.clients_of_all >= listener.max_connections:
            self.abort()
            return
        listener.entrance.join(self)
        listener.wheel.set(self, now_s() + listener.handshake_timeout_s)

    def data_received(self, data: bytes) -> None:
        records = self._records
        if records is None:
            records = self._records = TlsRecords(self._listener.context)
        try:
            decrypted = records.decrypt(data)
        except ssl.SSLError:
            self._fail(records)
            return
        if records.outgoing.pending:  # of the handshake, or a reply to what is no application data
            self._socket.write(records.outgoing.read())
        make_inner = self._make_inner
        if make_inner is not None and records.established:
            self._establish(make_inner, records)
        if decrypted or records.peer_closed:
            self._deliver(decrypted)

    def eof_received(self) -> None:
        """None: the socket closes itself, and the inner protocol hears that the connection is lost."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_handshake()
        inner, self.inner, self._transport = self.inner, None, None  # no cycle is left to the collector
        if inner is not None:
            inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self.inner is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        if self.inner is not None:
            self.inner.resume_writing()

    # Handshake

    def _establish(self, make_inner: Callable[[str | None], InnerProtocol], records: TlsRecords) -> None:
        self._forget_handshake()
        self.inner = inner = make_inner(records.session.selected_alpn_protocol())
        self._transport = TlsTransport(self, self._socket, records.session, records.outgoing)
        inner.connection_made(self._transport)

    def _forget_handshake(self) -> None:
        """It is complete, or never will be: the inner protocol counts from now on, or nobody."""
        self._make_inner = None
        self._listener.entrance.leave(self)
        self._listener.wheel.remove(self)

    def on_deadline(self, now_s: float) -> None:
        """The wheel's call: the handshake was not complete in time."""
        self.abort()

    # What the gateway's drain asks of a client without a request

    busy = False

    def prepare_to_end(self) -> None:
        """Its first response will say that it is the last one."""

    def quiet_s(self, now: float, since_s: float) -> float:
        return now - since_s

    def close(self) -> None:
        self._socket.close()

    def cut(self) -> None:
        self._socket.abort()

    def abort(self) -> None:
        self._socket.abort()

    # Reading

    def _fail(self, records: TlsRecords) -> None:
        """The client's fault: end the connection, after OpenSSL's alert where that can go out at once."""
        socket, session = self._socket, records.session
        if socket.is_closing():
            return
        is_unwanted = isinstance(session, TlsSession) and session.is_unwanted
        if socket.get_write_buffer_size() or is_unwanted:
            socket.abort()
            return
        if records.outgoing.pending:
            socket.write(records.outgoing.read())
        socket.close()

    def _deliver(self, data: bytes) -> None:
        inner = self.inner
        if inner is None or self._socket.is_closing():
            return
        if self._paused:  # by `inner.connection_made`, while more than the handshake had come
            self._held += data
            return
        if data:
            inner.data_received(data)
        if self._peer_closed and not self._paused:
            self._end()

    @property
    def _peer_closed(self) -> bool:
        return self._records is not None and self._records.peer_closed

    def _end(self) -> None:
        """The client will send no more: as at the end of a plain stream, the connection is closed."""
        if self.inner is not None and self._transport is not None:
            self.inner.eof_received()
            self._transport.close()

    def is_reading(self) -> bool:
        return not self._paused and not self._socket.is_closing()

    def pause_reading(self) -> None:
        if not self._socket.is_closing():
            self._paused = True
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        if not self._paused or self._socket.is_closing():
            return
        self._paused = False
        if self._held or self._peer_closed:
            asyncio.get_running_loop().call_soon(self._deliver_held)  # never within the caller
        else:
            self._socket.resume_reading()

    def _deliver_held(self) -> None:
        if self._paused:
            return
        held, self._held = self._held, b""
        self._deliver(held)
        if not self._paused and not self._socket.is_closing():
            self._socket.resume_reading()
