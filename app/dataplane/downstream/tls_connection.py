"""TLS of the public port (RFC 8446, RFC 5246), between the socket and the protocol that speaks HTTP.

The socket is accepted in clear, so a connection counts, and its time runs, from the moment it is accepted:

    accepted ──first bytes──▶ handshake ──complete──▶ established ──close_notify, FIN, fault──▶ closing
        └──────── HEADER_TIMEOUT, or over MAX_CONNECTIONS: aborted ─────────┘

The inner protocol is made when the handshake is complete, and has a transport like any other.

What a connection keeps is bounded, since 10,000 may be idle: bytes pass OpenSSL's memory BIOs in pieces,
because such a BIO never gives back what it once held.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from app.clock import now_s
from app.dataplane.eventloop.timer_wheel import NEVER, Wheel

__all__ = ["TlsConnection", "TlsListener", "TlsSession", "TlsTransport"]

PIECE_BYTES = 8 * 1024
"""A BIO that held one piece keeps 11 KiB. Of 16 KiB: 22 KiB, and bulk transfers 10 % cheaper."""
RECORD_BYTES = 16 * 1024
"""The most plaintext that one record carries (RFC 8446 §5.1)."""


class TlsSession(ssl.SSLObject):
    """The TLS state of one connection, as `get_extra_info("ssl_object")` gives it.

    `server_name`: what the client asked for (SNI, RFC 6066 §3), noted by the context's `sni_callback`.
    """

    server_name: str | None = None


class TlsListener:
    """What the TLS connections of one port share.

    `open_clients` holds every open connection, its handshake complete or not: `max_connections` at most.
    """

    __slots__ = ("context", "handshake_timeout_s", "max_connections", "open_clients", "wheel")

    def __init__(
        self,
        context: ssl.SSLContext,
        open_clients: set[object],
        max_connections: int,
        wheel: Wheel,
        handshake_timeout_s: float,
    ) -> None:
        self.context = context
        self.open_clients = open_clients
        self.max_connections = max_connections
        self.wheel = wheel
        self.handshake_timeout_s = handshake_timeout_s


class TlsTransport(asyncio.Transport):
    """What the inner protocol writes to: encrypted at once, so that the socket alone holds what waits."""

    __slots__ = ("_connection", "_outgoing", "_session", "_socket")

    def __init__(
        self,
        connection: "TlsConnection",
        socket: asyncio.Transport,
        session: ssl.SSLObject,
        outgoing: ssl.MemoryBIO,
    ) -> None:
        self._connection = connection
        self._socket = socket
        self._session = session
        self._outgoing = outgoing

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        socket = self._socket
        if not data or socket.is_closing():
            return
        if len(data) <= PIECE_BYTES:
            self._session.write(data)
            socket.write(self._outgoing.read())
            return
        encrypted = []
        whole = memoryview(data)
        for start in range(0, len(whole), PIECE_BYTES):
            self._session.write(whole[start : start + PIECE_BYTES])
            encrypted.append(self._outgoing.read())
        socket.writelines(encrypted)

    def can_write_eof(self) -> bool:
        """False: no half of a TLS connection is closed alone."""
        return False

    def get_write_buffer_size(self) -> int:
        """Encrypted bytes that the socket has not taken."""
        return self._socket.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._socket.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._socket.set_write_buffer_limits(high, low)

    # Reading

    def is_reading(self) -> bool:
        return self._connection.is_reading()

    def pause_reading(self) -> None:
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        self._connection.resume_reading()

    # The end

    def is_closing(self) -> bool:
        return self._socket.is_closing()

    def close(self) -> None:
        """Lets what was written go out, then close_notify and FIN; that of the client is not waited for."""
        socket = self._socket
        if socket.is_closing():
            return
        with suppress(ssl.SSLError):  # it tells that the client's close_notify has not come
            self._session.unwrap()
        if self._outgoing.pending:
            socket.write(self._outgoing.read())
        socket.close()

    def abort(self) -> None:
        self._socket.abort()

    # What it is

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Besides what the socket knows: `ssl_object`, `sslcontext`, `peercert`, `cipher`."""
        session = self._session
        match name:
            case "ssl_object":
                return session
            case "sslcontext":
                return session.context
            case "peercert":
                return session.getpeercert()
            case "cipher":
                return session.cipher()
        return self._socket.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast(asyncio.BaseProtocol, self._connection.inner)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._connection.inner = cast(asyncio.Protocol, protocol)


class TlsConnection(asyncio.Protocol):
    """The socket's protocol. Until the handshake is complete it stands among the open clients itself.

    `inner` is the protocol above: None before the handshake is complete and after the connection is lost.
    """

    __slots__ = (
        "_held",
        "_incoming",
        "_listener",
        "_make_inner",
        "_outgoing",
        "_paused",
        "_peer_closed",
        "_session",
        "_socket",
        "_transport",
        "armed_tick",
        "deadline_s",
        "inner",
    )

    _socket: asyncio.Transport
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO

    def __init__(self, listener: TlsListener, make_inner: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._make_inner: Callable[[], asyncio.Protocol] | None = make_inner
        self._session: ssl.SSLObject | None = None
        self._transport: TlsTransport | None = None
        self._paused = False
        self._held = b""
        self._peer_closed = False
        self.inner: asyncio.Protocol | None = None
        self.deadline_s = NEVER
        self.armed_tick = 0

    # The socket's events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        listener = self._listener
        if len(listener.open_clients) >= listener.max_connections:
            self.abort()
            return
        listener.open_clients.add(self)
        listener.wheel.set(self, now_s() + listener.handshake_timeout_s)

    def data_received(self, data: bytes) -> None:
        decrypted: list[bytes] = []
        try:
            if len(data) <= PIECE_BYTES:
                self._decrypt(data, decrypted)
            else:
                whole = memoryview(data)
                for start in range(0, len(whole), PIECE_BYTES):
                    self._decrypt(whole[start : start + PIECE_BYTES], decrypted)
        except ssl.SSLError:
            self._fail()
            return
        if self._outgoing.pending:  # of the handshake, or an answer to what is no application data
            self._socket.write(self._outgoing.read())
        if decrypted:
            self._deliver(decrypted[0] if len(decrypted) == 1 else b"".join(decrypted))
        elif self._peer_closed:
            self._deliver(b"")

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

    def _begin(self) -> ssl.SSLObject:
        """Only with the first bytes: a silent connection costs no TLS state (14 KiB)."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = self._listener.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        return self._session

    def _shake_hands(self, session: ssl.SSLObject, make_inner: Callable[[], asyncio.Protocol]) -> None:
        """Raises SSLWantReadError while the client owes a part of it."""
        session.do_handshake()
        self._forget_handshake()
        self.inner = inner = make_inner()
        self._transport = TlsTransport(self, self._socket, session, self._outgoing)
        inner.connection_made(self._transport)

    def _forget_handshake(self) -> None:
        """It is complete, or never will be: the inner protocol counts from now on, or nobody."""
        self._make_inner = None
        self._listener.open_clients.discard(self)
        self._listener.wheel.remove(self)

    def on_deadline(self, now_s: float) -> None:
        """The wheel's call: the handshake was not complete in time."""
        self.abort()

    # What the gateway's drain asks of a client without a request

    busy = False

    def shutdown(self) -> None:
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    # Reading

    def _decrypt(self, piece: bytes | memoryview, decrypted: list[bytes]) -> None:
        """Appends what `piece` completes. Raises SSLError for what is no TLS.

        OpenSSL is not asked for more than there is: to hear that nothing is left takes 4 µs.
        """
        session = self._session or self._begin()
        incoming, make_inner = self._incoming, self._make_inner
        incoming.write(piece)
        try:
            if make_inner is not None:
                self._shake_hands(session, make_inner)
            while incoming.pending:
                data = session.read(RECORD_BYTES)
                if not data:  # close_notify (RFC 8446 §6.1)
                    self._peer_closed = True
                    return
                decrypted.append(data)
        except ssl.SSLWantReadError:
            pass

    def _fail(self) -> None:
        """The client's fault: end the connection, after OpenSSL's alert where that can go out at once."""
        socket = self._socket
        if socket.is_closing():
            return
        if socket.get_write_buffer_size():
            socket.abort()
            return
        if self._outgoing.pending:
            socket.write(self._outgoing.read())
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
