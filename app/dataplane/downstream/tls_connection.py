"""TLS of the public port (RFC 8446, RFC 5246), between the socket and the protocol that speaks HTTP.

The socket is accepted in clear, so a connection counts, and its time runs, from the moment it is accepted:

    accepted ──first bytes──▶ handshake ──complete──▶ established ──close_notify, FIN, fault──▶ closing
        └──────── HEADER_TIMEOUT, or over MAX_CONNECTIONS: aborted ─────────┘

The inner protocol is made when the handshake is complete, and has a transport like any other.

Two things about OpenSSL shape the code. A memory BIO never gives back what it once held, and 10,000
connections may be idle: so bytes pass record by record. And asking for a record that is not whole yet takes
4 µs, more than to decrypt a small request: so OpenSSL is only asked for records that are.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from app.dataplane.downstream.tls_transport import InnerProtocol, TlsTransport
from app.dataplane.eventloop.timer_wheel import NEVER, Wheel
from app.foundation.clock import now_s

__all__ = ["TlsConnection", "TlsListener"]

PLAINTEXT_BYTES = 16 * 1024
"""The most that one record carries (RFC 8446 §5.1)."""
HEADER_BYTES = 5
"""Of a record: type, version, length (RFC 8446 §5.1)."""
MOST_RECORD_BYTES = HEADER_BYTES + PLAINTEXT_BYTES + 2048
"""RFC 5246 §6.2.3; a longer one is given to OpenSSL at once, which rejects it."""
SHORT_BYTES = 12 * 1024
ROOM_BYTES = 12_800
"""A BIO grows to 4/3 of what it must hold: by these to 17 KiB, which a record fits; by the record to 22."""


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


class TlsConnection(asyncio.Protocol):
    """The socket's protocol. Until the handshake is complete it stands among the open clients itself.

    `inner` is the protocol above: None before the handshake is complete and after the connection is lost.
    `_missing_bytes` of a record that has begun are still to come; `_tail` is a header that is not whole.
    `_aligned`: the handshake is complete and the next byte begins a record.
    """

    __slots__ = (
        "_aligned",
        "_has_begun",
        "_has_room",
        "_held",
        "_incoming",
        "_listener",
        "_make_inner",
        "_missing_bytes",
        "_outgoing",
        "_paused",
        "_peer_closed",
        "_session",
        "_socket",
        "_tail",
        "_transport",
        "armed_tick",
        "deadline_s",
        "inner",
    )

    _socket: asyncio.Transport
    _session: ssl.SSLObject
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO

    def __init__(self, listener: TlsListener, make_inner: Callable[[], InnerProtocol]) -> None:
        self._listener = listener
        self._make_inner: Callable[[], InnerProtocol] | None = make_inner
        self._has_begun = False
        self._transport: TlsTransport | None = None
        self._tail = b""
        self._missing_bytes = 0
        self._aligned = False
        self._has_room = False
        self._paused = False
        self._held = b""
        self._peer_closed = False
        self.inner: InnerProtocol | None = None
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
        try:
            size = len(data)
            if (
                self._aligned
                and HEADER_BYTES < size <= SHORT_BYTES
                and size == HEADER_BYTES + (data[3] << 8 | data[4])
            ):
                # one whole record, as most requests are: 1 µs less than the general way
                self._incoming.write(data)
                decrypted = self._session.read(size)
                self._peer_closed = not decrypted
            else:
                decrypted = self._cut(data)
        except ssl.SSLWantReadError:  # a record without application data
            decrypted = b""
        except ssl.SSLError:
            self._fail()
            return
        if self._outgoing.pending:  # of the handshake, or a reply to what is no application data
            self._socket.write(self._outgoing.read())
        if decrypted or self._peer_closed:
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

    def _begin(self) -> None:
        """Only with the first bytes: a silent connection costs no TLS state (14 KiB)."""
        self._has_begun = True
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = self._listener.context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _shake_hands(self, make_inner: Callable[[], InnerProtocol]) -> None:
        """Raises SSLWantReadError while the client owes a part of it."""
        self._session.do_handshake()
        self._forget_handshake()
        self.inner = inner = make_inner()
        self._transport = TlsTransport(self, self._socket, self._session, self._outgoing)
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

    def prepare_to_end(self) -> None:
        """Its first response will say that it is the last one."""

    def quiet_s(self, now: float, since_s: float) -> float:
        return now - since_s

    def close(self) -> None:
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    # Reading

    def _cut(self, received: bytes) -> bytes:
        """Hands `received` to OpenSSL record by record; the last one may be incomplete."""
        if not self._has_begun:
            self._begin()
        data = memoryview(self._tail + received) if self._tail else memoryview(received)
        self._tail = b""
        decrypted = []
        at, size = 0, len(data)
        while at < size and not self._peer_closed:
            if not self._missing_bytes:
                if size - at < HEADER_BYTES:
                    self._tail = bytes(data[at:])
                    break
                self._missing_bytes = HEADER_BYTES + (data[at + 3] << 8 | data[at + 4])
                if self._missing_bytes > SHORT_BYTES and not self._has_room:
                    self._make_room()
            end = min(at + self._missing_bytes, size)
            self._missing_bytes -= end - at
            decrypted.append(self._decrypt(data[at:end]))
            at = end
        self._aligned = self._make_inner is None and not self._missing_bytes and not self._tail
        return b"".join(decrypted)

    def _make_room(self) -> None:
        """Once, before the first large record."""
        if not self._incoming.pending:
            self._has_room = True
            self._incoming.write(bytes(ROOM_BYTES))
            self._incoming.read()

    def _decrypt(self, piece: memoryview) -> bytes:
        """The application data of the record that `piece` completes. Raises SSLError for what is no TLS."""
        self._incoming.write(piece)
        make_inner = self._make_inner
        try:
            if make_inner is not None:
                self._shake_hands(make_inner)
            elif not 0 < self._missing_bytes <= MOST_RECORD_BYTES:
                data = self._session.read(PLAINTEXT_BYTES)
                self._peer_closed = not data  # close_notify (RFC 8446 §6.1)
                return data
        except ssl.SSLWantReadError:
            pass
        return b""

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
