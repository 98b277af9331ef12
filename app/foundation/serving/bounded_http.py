"""HTTP/1.1 in bounds, for ports that are not the data path (admin ports, the operator's sync port).

uvicorn's protocol reads a head of any size for as long as it takes, on any number of connections. This one
ends what takes too long or grows too large. The state of a connection decides how long it may take:

| state | its time | then |
|---|---|---|
| idle | `idle_timeout_s`; before the first request `header_timeout_s` | closed |
| head | `header_timeout_s` from its first byte | 408, closed |
| body | `header_timeout_s` from its head, unless the application holds it up | 408, closed |
| response | the application's own | |
| stalled | `idle_timeout_s` without taking what it was sent | cut off |
| lingering | 2 s: what it still sends is thrown away, so that it can read why | closed |
| closing | `header_timeout_s` to take the rest | cut off |
"""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from httptools import HttpParserError, HttpParserInvalidURLError, HttpParserUpgrade, parse_url
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.foundation.reply import problem
from app.foundation.serving.reply_writer import write_reply

__all__ = ["BoundedHttp", "Bounds"]

MAX_PIPELINED = 32  # requests that wait for their turn; each holds some 3 KiB
LINGER_S = 2.0
_BODY_FIELDS = (b"content-length", b"transfer-encoding")


@dataclass(frozen=True, slots=True)
class Bounds:
    """`connections`: at a time, handshakes of TLS and WebSockets among them; further ones are closed."""

    head_bytes: int
    header_timeout_s: float
    idle_timeout_s: float
    connections: int


class _State(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    RESPONSE = auto()
    STALLED = auto()
    LINGERING = auto()
    CLOSING = auto()


class BoundedHttp(HttpToolsProtocol):
    """One client. `_is_deaf`: nothing more of the connection is taken for a request."""

    def __init__(
        self,
        bounds: Bounds,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._bounds = bounds
        self._in_head = self._in_body = False
        self._is_deaf = self._is_lingering = self._is_handed_over = False
        self._messages = self._begun = 0  # on this connection; within this read
        self._head_bytes = 0  # in reads that hold nothing else
        self._bare_bytes = 0  # of a body, since its last data; -1: this read holds data
        self._timed: tuple[_State, int] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self._bounds.connections:
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_deaf = True
        self._stop_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._set_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._set_timer()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        at_rest = not self._in_head and not self._in_body
        self._begun = 0
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            self._upgrade_asked()
        except HttpParserError as error:
            self._reject(400, f"the bytes are no HTTP/1.1 request: {error}")
        if not self._is_deaf:
            self._count(len(data), at_rest)
        self._set_timer()

    def _count(self, read_bytes: int, at_rest: bool) -> None:
        """Bound what grows while nothing of it is complete: a head, or what lies between a body's chunks."""
        if self._in_head and (not self._begun or (at_rest and self._begun == 1)):  # else it shares the read
            self._head_bytes += read_bytes
            if self._head_bytes > self._bounds.head_bytes:
                self._reject(431, self._too_large)
        elif self._in_body:
            self._bare_bytes = self._bare_bytes + read_bytes if self._bare_bytes >= 0 else 0
            if self._bare_bytes > self._bounds.head_bytes:
                self._reject(400, "too much of the body is neither a chunk's data nor its size")

    @property
    def _too_large(self) -> str:
        return f"the head is larger than {self._bounds.head_bytes} bytes"

    # The parser's calls

    def on_message_begin(self) -> None:
        if self._is_deaf:
            return
        super().on_message_begin()
        self._in_head = True
        self._messages += 1
        self._begun += 1
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        if not self._is_deaf:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_deaf and self._in_head:  # else it is a trailer: no field of the head
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_deaf:
            return
        self._in_head = False
        sizes = [len(name) + len(value) + 4 for name, value in self.headers]
        if len(self.url) + sum(sizes) > self._bounds.head_bytes:
            self._reject(431, self._too_large)
        elif not _has_path(self.url):
            self._reject(400, "the target is no path; percent-encode what no URL may hold")
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._end_after_newest()
        elif self._loses_body():
            self._reject(400, "nothing is upgraded here; send a body without Upgrade")
        else:
            self._in_body = True
            self._bare_bytes = 0
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_deaf:
            self._bare_bytes = -1
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_deaf:
            self._in_body = False
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # ours is the timer
        self._set_timer()

    def _loses_body(self) -> bool:
        """Whether the parser ends this request with its head, so that its body would pass for another one."""
        upgrades = self.parser.should_upgrade() and not self._should_upgrade()
        return upgrades and any(name in _BODY_FIELDS for name, _ in self.headers)

    def _upgrade_asked(self) -> None:
        """The parser stopped behind a head with Upgrade: what follows is not HTTP, or was sent on a guess."""
        if self._is_deaf:
            return
        if self._should_upgrade() and not self._awaits_response:
            self._is_deaf = self._is_handed_over = True
            self._stop_timer()
            self.handle_websocket_upgrade()
        else:
            self._end_after_newest()

    # The end

    @property
    def _awaits_response(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _end_after_newest(self) -> None:
        """Close once what was asked so far has its response; clients repeat the rest (RFC 9112 §9.3.2)."""
        self._is_deaf = True
        self._in_head = self._in_body = False
        if self._awaits_response:
            self.cycle.keep_alive = False
        else:
            self._close()

    def _reject(self, status: int, detail: str) -> None:
        """The connection's last response; given only where it cannot be taken for another request's."""
        if self._is_deaf:
            return
        cycle = self.cycle
        if not self._in_body and self._awaits_response:
            self._end_after_newest()
        elif not self._in_body:
            self._send_last(status, detail)
        elif self.pipeline or cycle.response_started:
            self._is_deaf = True
            self._close()
        else:
            self._send_last(status, detail)
            cycle.disconnected = True  # the application learns that the body will not come
            cycle.message_event.set()

    def _send_last(self, status: int, detail: str) -> None:
        self._is_deaf = self._is_lingering = True
        self._in_head = self._in_body = False
        write_reply(
            self.transport, problem(status, detail), self.server_state.default_headers, keep_alive=False
        )
        # RFC 9112 §9.6: a close with unread bytes would reset the connection under the response. TLS reads on
        # by itself, until the other side's goodbye.
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _close(self) -> None:
        self.transport.close()
        self._set_timer()

    # Time

    def _state(self) -> _State:
        if self.transport.is_closing():
            return _State.CLOSING
        if self._is_lingering:
            return _State.LINGERING
        if self.flow.write_paused:
            return _State.STALLED
        if self._in_body:
            return _State.BODY
        if self._awaits_response:
            return _State.RESPONSE
        return _State.HEAD if self._in_head else _State.IDLE

    def _limit_s(self, state: _State) -> float | None:
        bounds = self._bounds
        if state is _State.RESPONSE:
            return None
        if state is _State.LINGERING:
            return LINGER_S
        if state is _State.STALLED or (state is _State.IDLE and self._messages):
            return bounds.idle_timeout_s
        return bounds.header_timeout_s

    def _set_timer(self) -> None:
        """Each state of each message has its time from when it began, whatever else comes meanwhile."""
        if self.parser is None or self._is_handed_over:
            return
        timed = (self._state(), self._messages)
        if timed != self._timed:
            self._timed = timed
            self._start_timer()

    def _start_timer(self) -> None:
        self._stop_timer()
        assert self._timed is not None  # noqa: S101 - set by the caller
        limit_s = self._limit_s(self._timed[0])
        if limit_s is not None:
            self._timer = self.loop.call_later(limit_s, self._time_is_over)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_over(self) -> None:
        self._timer = None
        state = self._state()
        if state is _State.HEAD:
            self._reject(408, "the head did not come in time")
        elif state is _State.BODY and self.flow.read_paused:
            self._start_timer()
            return
        elif state is _State.BODY:
            self._reject(408, "the body did not come in time")
        elif state in (_State.IDLE, _State.LINGERING):
            self._close()
        else:
            self.transport.abort()
        self._set_timer()


def _has_path(target: bytes) -> bool:
    try:
        return bool(parse_url(target).path)
    except HttpParserInvalidURLError:
        return False
