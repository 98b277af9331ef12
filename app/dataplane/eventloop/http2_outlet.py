"""What an HTTP/2 session has to send goes to its socket: gathered over a turn of the loop, and flushed once."""

import asyncio
from typing import Final, Protocol

from app.dataplane.codec.http2_session import Http2Session

__all__ = ["OUTPUT_BYTES", "Http2Outlet", "OutletOwner", "Waiting"]

OUTPUT_BYTES: Final = 64 * 1024


class Waiting(Protocol):
    """A stream of which something waits for the peer."""

    __slots__ = ()

    def on_sent(self, *, all_sent: bool) -> bool:
        """A flush is over; `all_sent`: but for data that waits for the peer's windows. Whether to call again."""
        ...

    def failed_inside(self, bug: Exception) -> None: ...


class OutletOwner(Protocol):
    """The connection."""

    def on_session_over(self) -> None:
        """GOAWAY is written, and nothing follows."""
        ...


class Http2Outlet:
    """`blocked`: the transport takes no more. `_waiting`: who hears of each flush. `_ping_due`: behind the next one."""

    __slots__ = (
        "_flush_due",
        "_loop",
        "_owner",
        "_ping_due",
        "_session",
        "_transport",
        "_waiting",
        "blocked",
    )

    def __init__(
        self,
        owner: OutletOwner,
        loop: asyncio.AbstractEventLoop,
        session: Http2Session,
        transport: asyncio.Transport,
    ) -> None:
        self._owner: OutletOwner | None = owner
        self._loop = loop
        self._session = session
        self._transport = transport
        self._flush_due = self._ping_due = False
        self._waiting: set[Waiting] = set()
        self.blocked = False

    def flush_soon(self) -> None:
        """In this turn of the loop, with whatever comes until then."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush_received(self) -> None:
        """The same after the session received something, unless nothing came of it that is to be sent."""
        if self._waiting or self._session.has_output:
            self.flush_soon()

    def ping_soon(self) -> None:
        """Behind all that is to be sent: the library by itself sends a ping first."""
        self._ping_due = True
        self.flush_soon()

    def call_when_sent(self, stream: Waiting) -> None:
        """After each flush, until it wants no more of that."""
        self._waiting.add(stream)

    def forget(self, stream: Waiting) -> None:
        self._waiting.discard(stream)

    def flush(self) -> None:
        """Write what the session has to send, as far as the peer takes it."""
        self._flush_due = False
        session, transport, owner = self._session, self._transport, self._owner
        if owner is None or transport.is_closing():
            return
        while not self.blocked or session.fault is not None:  # with a fault, GOAWAY is all that is left
            data = session.output(OUTPUT_BYTES)
            if data:
                transport.write(data)
            if len(data) < OUTPUT_BYTES:
                break
        if session.over:
            owner.on_session_over()
            return
        if self._ping_due and not self.blocked:
            self._ping_due = False
            session.ping()
            self.flush_soon()
        if self._waiting:
            self._report_sent()

    def _report_sent(self) -> None:
        all_sent = not self.blocked
        for stream in tuple(self._waiting):
            try:
                if not stream.on_sent(all_sent=all_sent):
                    self._waiting.discard(stream)
            except Exception as bug:  # a fault of ours ends this stream only
                self._waiting.discard(stream)
                stream.failed_inside(bug)

    def stop(self) -> None:
        """Nothing more is written."""
        self._owner = None  # no cycle is left to the collector
        self._waiting.clear()
