"""The socket of a viewer of the monitor (RFC 6455): the adapter of websockets, which speaks the protocol.

Imported with the first viewer. uvicorn hands over the connection with its head; no task runs per viewer.
"""

import asyncio
from collections.abc import Set
from contextlib import suppress
from http import HTTPStatus
from logging import getLogger
from typing import Protocol, cast

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from app.admin.commands import Garbage
from app.admin.feed.feed import Viewer
from app.admin.feed.frames import PING_FRAME
from app.admin.feed.origin import objection
from app.admin.pages import FEED_PATH
from app.foundation.clock import now_s
from app.foundation.reply import problem

__all__ = ["ViewerHub", "ViewerSocket"]

MAX_MESSAGE_BYTES = 65_536
MAX_MESSAGES_PER_S = 20
MOST_UNANSWERED_PINGS = 2
CLOSE_S = 2.0
"""How long the other side may take to close; what it still sends is discarded."""

# RFC 6455 §7.4.1
SHUTTING_DOWN, UNSUPPORTED_DATA, INVALID_DATA = 1001, 1003, 1007
POLICY, INTERNAL_ERROR, TRY_LATER = 1008, 1011, 1013

_quiet = getLogger("tidegate.monitor.protocol")
_quiet.disabled = True  # it would log each bad frame of a stranger with its bytes


class ViewerHub(Protocol):
    """Where viewers come together."""

    @property
    def why_full(self) -> str | None:
        """Why there is no place for another viewer, in at most 123 bytes (RFC 6455 §5.5); None while there is."""
        ...

    def join(self, viewer: Viewer) -> None: ...
    def leave(self, viewer: Viewer) -> None: ...

    def on_message(self, viewer: Viewer, address: str, text: bytes, *, is_admin: bool) -> None:
        """A message came from `address`, by the admin port or the public one.

        Raises Garbage for anything outside the protocol.
        """
        ...


class ViewerSocket(asyncio.Protocol, Viewer):
    """`connections`: where uvicorn keeps what it must shut down; `names`: see `origin.objection`.

    `is_admin`: the connection came by the admin port, not the public one.
    """

    def __init__(self, hub: ViewerHub, connections: set[object], names: Set[str], *, is_admin: bool) -> None:
        Viewer.__init__(self)
        self._hub = hub
        self._names = names
        self._is_admin = is_admin
        self._connections = connections
        self._conn = ServerProtocol(max_size=MAX_MESSAGE_BYTES, logger=_quiet)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parts: list[bytes] = []
        self._unanswered_pings = 0
        self._second, self._in_second = 0, 0
        self._ending: asyncio.TimerHandle | None = None
        self._address = ""

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._hub.leave(self)
        if self._ending is not None:
            self._ending.cancel()

    def pause_writing(self) -> None:
        self._transport.pause_reading()  # a viewer that reads no replies gets no further ones

    def resume_writing(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> None:
        """Returns None, so that the transport closes itself."""

    def data_received(self, data: bytes) -> None:
        conn = self._conn
        conn.receive_data(data)
        for event in conn.events_received():
            if isinstance(event, Request):
                self._greet(event)
            elif isinstance(event, Frame) and conn.state is OPEN:
                self._take(event)
        if conn.handshake_exc is not None and not self._transport.is_closing():
            self._reject(400, f"the handshake cannot be read: {conn.handshake_exc}")
            return
        self._flush()
        if conn.state is not OPEN:
            self._end()

    # What comes

    def _greet(self, request: Request) -> None:
        hosts = request.headers.get_all("Host")
        origins = request.headers.get_all("Origin")
        # two fields make no origin
        origin = ", ".join(origins) if origins else None
        if request.path.partition("?")[0] != FEED_PATH:
            self._reject(404, f"WebSockets are served at {FEED_PATH}")
        elif why := objection(origin, hosts[0] if hosts else "", self._names):
            self._reject(403, why)
        else:
            response = self._conn.accept(request)
            if response.status_code != 101:
                self._reject(response.status_code, str(self._conn.handshake_exc))
                return
            self._conn.send_response(response)
            if (full := self._hub.why_full) is not None:
                self.close(TRY_LATER, full)
            else:
                self._flush()
                self._hub.join(self)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._unanswered_pings = 0
        elif frame.opcode is Opcode.BINARY:
            self.close(UNSUPPORTED_DATA, "messages are text")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                text, self._parts = b"".join(self._parts), []
                self._message(text)

    def _message(self, text: bytes) -> None:
        second = int(now_s())
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        if self._in_second > MAX_MESSAGES_PER_S:
            self.close(POLICY, f"more than {MAX_MESSAGES_PER_S} messages a second")
            return
        try:
            self._hub.on_message(self, self._address, text, is_admin=self._is_admin)
        except Garbage as garbage:
            self.close(INVALID_DATA, str(garbage))

    # What goes

    @property
    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def send(self, frames: bytes) -> None:
        """Whole frames; nothing once the connection is closing."""
        if self._conn.state is OPEN and not self._transport.is_closing():
            self._transport.write(frames)

    def beat(self) -> None:
        """To be called every 20 s: send a ping, or end the connection where two pings got no reply."""
        if self._unanswered_pings >= MOST_UNANSWERED_PINGS:
            self.close(INTERNAL_ERROR, "no reply to two pings")
            return
        self._unanswered_pings += 1
        self.send(PING_FRAME)

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; after CLOSE_S the connection is cut."""
        self._hub.leave(self)
        with suppress(InvalidState):  # said already
            self._conn.send_close(code, reason)
        self._flush()
        self._end()

    def shutdown(self) -> None:
        """Called by uvicorn when the server ends."""
        if self._conn.state is OPEN:
            self.close(SHUTTING_DOWN, "the gateway is shutting down")
        self._transport.close()

    def _flush(self) -> None:
        for data in self._conn.data_to_send():
            if data and not self._transport.is_closing():
                self._transport.write(data)

    def _end(self) -> None:
        """A closing handshake is under way or over: cut it off where the other side does not."""
        if self._conn.close_rcvd is not None:
            self._transport.close()
        elif self._ending is None and not self._transport.is_closing():
            self._ending = asyncio.get_running_loop().call_later(CLOSE_S, self._transport.abort)
            if self._conn.eof_sent and self._transport.can_write_eof():
                self._transport.write_eof()

    def _reject(self, status: int, detail: str) -> None:
        """Reply to the handshake with a problem and close."""
        reply = problem(status, detail)
        fields = ["connection: close"]
        if status in (400, 426):  # RFC 9110 §7.8: Connection names Upgrade wherever that is sent
            fields = ["connection: close, upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name.decode()}: {value.decode()}" for name, value in reply.headers),
            *fields,
            "",
            "",
        ]
        self._transport.write("\r\n".join(lines).encode("latin-1") + reply.body)
        self._transport.close()
