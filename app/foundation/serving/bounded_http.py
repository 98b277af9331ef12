"""HTTP/1.1 in bounds, for ports that are not the data path (admin ports, the operator's sync port).

uvicorn's protocol reads a head of any size for as long as it takes, on any number of connections. This one
ends what takes too long or grows too large: see `bounds`.
"""

import asyncio
from typing import Any

from httptools import HttpParserError, HttpParserInvalidURLError, HttpParserUpgrade, parse_url
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.foundation.reply import problem
from app.foundation.serving.bounds import Bounds, Growth, HttpState, ReadMeter
from app.foundation.serving.reply_writer import write_reply
from app.foundation.serving.state_timer import StateTimer

__all__ = ["BoundedHttp"]

MAX_PIPELINED = 32  # requests that wait for their turn; each holds some 3 KiB
_BODY_FIELDS = (b"content-length", b"transfer-encoding")


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
        self._messages = 0  # on this connection
        self._meter = ReadMeter(bounds.head_bytes)
        self._timer = StateTimer(bounds, self.loop, self._time_is_over)

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
        self._timer.stop()
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
        self._meter.begin_read(at_rest=not self._in_head and not self._in_body)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            self._upgrade_asked()
        except HttpParserError as error:
            self._reject(400, f"the bytes are no HTTP/1.1 request: {error}")
        if not self._is_deaf:
            self._count(len(data))
        self._set_timer()

    def _count(self, read_bytes: int) -> None:
        """Bound what grows while nothing of it is complete: a head, or what lies between a body's chunks."""
        growth = self._meter.end_read(read_bytes, in_head=self._in_head, in_body=self._in_body)
        if growth is Growth.HEAD:
            self._reject(431, self._too_large)
        elif growth is Growth.BODY:
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
        self._meter.on_message()

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
            self._meter.on_body()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_deaf:
            self._meter.on_data()
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
            self._timer.stop()
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

    def _state(self) -> HttpState:
        if self.transport.is_closing():
            return HttpState.CLOSING
        if self._is_lingering:
            return HttpState.LINGERING
        if self.flow.write_paused:
            return HttpState.STALLED
        if self._in_body:
            return HttpState.BODY
        if self._awaits_response:
            return HttpState.RESPONSE
        return HttpState.HEAD if self._in_head else HttpState.IDLE

    def _set_timer(self) -> None:
        """Each state of each message has its time from when it began, whatever else comes meanwhile."""
        if self.parser is not None and not self._is_handed_over:
            self._timer.follow(self._state(), self._messages)

    def _time_is_over(self) -> None:
        state = self._state()
        if state is HttpState.HEAD:
            self._reject(408, "the head did not come in time")
        elif state is HttpState.BODY and self.flow.read_paused:
            self._timer.restart()
            return
        elif state is HttpState.BODY:
            self._reject(408, "the body did not come in time")
        elif state in (HttpState.IDLE, HttpState.LINGERING):
            self._close()
        else:
            self.transport.abort()
        self._set_timer()


def _has_path(target: bytes) -> bool:
    try:
        return bool(parse_url(target).path)
    except HttpParserInvalidURLError:
        return False
