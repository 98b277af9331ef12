"""The bytes on the socket: uvicorn's protocol, with bounded reads and a lane for values that lie in memory.

- Reads are small until somebody asks for the body: what a thousand clients send at once waits in TCP.
- Heads are bounded, trailers are dropped: neither grows this process, and no trailer passes for a field.
- A GET of a value in memory is answered while its head is parsed, a small PUT by one task: no scope,
  no messages. Both answer what the routes would (a test compares); everything unusual goes their way.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

from httptools import HttpParserInvalidURLError, HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from cache.answers import Answer, problem, problem_of
from cache.calls import BODY_TIMEOUT_S, KEY_PATH, Fields, late_body, request_of
from cache.front import Lane

__all__ = ["HEAD_READ_BYTES", "MAX_HEAD_BYTES", "protocol_of"]

log = logging.getLogger(__name__)

HEAD_READ_BYTES = 8 * 1024  # holds a usual head, or a small write whole
MAX_HEAD_BYTES = 32 * 1024  # as the gateway's default
BODY_READ_BYTES = 64 * 1024
JOIN_BYTES = 16 * 1024  # below it one write of both costs less than the copy

_BODY_FIELDS = (b"content-length", b"transfer-encoding")

# one for all connections: between the loop's two calls around a read nothing else runs
_buffer = memoryview(bytearray(BODY_READ_BYTES))


def protocol_of(lane: Lane | None) -> Callable[..., asyncio.BaseProtocol]:
    """What uvicorn takes for its `http` setting; `lane` None: every call goes to the app."""

    def make(
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "_Reader":
        return _Reader(_Connection(config, server_state, app_state, _loop, lane))

    return make


class _Reader(asyncio.BufferedProtocol):
    """Tells the loop how much to read at a time."""

    __slots__ = ("_connection",)

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection.connection_made(transport)  # type: ignore[arg-type]  # of TCP it is a Transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _buffer if self._connection.reads_body else _buffer[:HEAD_READ_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(_buffer[:nbytes]))


class _Write:
    """A PUT of the lane, in the place where uvicorn keeps its cycle."""

    __slots__ = ("body", "disconnected", "fields", "keep_alive", "response_complete", "target")

    more_body = False  # it waits for nothing: its body is small and read on without being asked for

    def __init__(self, target: bytes, fields: Fields, keep_alive: bool) -> None:
        self.target = target
        self.fields = fields
        self.keep_alive = keep_alive
        self.body = b""
        self.response_complete = False
        self.disconnected = False

    @property
    def message_event(self) -> asyncio.Event:
        """Nobody waits for it."""
        return asyncio.Event()


class _Connection(HttpToolsProtocol):
    """One client; `reads_body`: it is in the middle of a body that the app has asked for."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        lane: Lane | None,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._lane = lane
        self._answered = False  # the current request, by the lane or by nobody
        self._write: _Write | None = None  # the current request, while its body comes in
        self._rested_s = 0.0
        self._unparsed = b""
        self._in_head = False
        self._head_bytes = 0  # rounded up to whole reads
        self.reads_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._rested_s = self.loop.time()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        asked = self.cycle if self.reads_body else None  # its last body was taken, or nothing would be read
        self._unparsed = data
        super().data_received(data)
        while (behind := self._unparsed) is not data:  # an Upgrade that nobody heeds stopped the parser
            data = self._unparsed = behind
            super().data_received(data)
        self._unparsed = b""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                detail = f"the head is larger than {MAX_HEAD_BYTES} bytes"
                self._refuse(problem(431, "Request Header Fields Too Large", detail))
        if self._write is not None and self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(BODY_TIMEOUT_S, self._body_is_late)
        cycle = self.cycle
        self.reads_body = cycle is not None and cycle.more_body and not cycle.response_complete
        # The app's next `receive` reads on. What brings it nothing, such as half of a chunk's size, leaves
        # it waiting in the last one.
        if self.reads_body and (cycle is not asked or cycle.message_event.is_set()):
            self.flow.pause_reading()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else it is a trailer, which would pass for a field of the head
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._write = None
        self._answered = self.transport.is_closing() or self._loses_body() or self._takes()
        if not self._answered:
            self._stop_timer()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._write is not None:
            self._write.body += body
        elif not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._write is not None:
            self._stop_timer()
            task = self.loop.create_task(self._run(self._write))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            self._write = None
        elif not self._answered:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self._stop_timer()
        self._rested_s = self.loop.time()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """The timer is set once and not moved by each answer, which would cost more than its look-up."""
        left_s = self._rested_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)
        elif not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """`msg` is the same for everything; what the parser said is not."""
        error = sys.exc_info()[1]
        if isinstance(error, HttpParserInvalidURLError):
            detail = "the target has bytes that no URL has; percent-encode them"
        else:
            detail = f"the bytes are no HTTP/1.1 request: {error}"
        self._refuse(problem(400, "Bad Request", detail))

    def _refuse(self, answer: Answer) -> None:
        """The connection's last answer; while another request's is due, it would be taken for that one."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            self._send(answer, keep_alive=False)
        else:
            self.transport.close()

    def _loses_body(self) -> bool:
        """Whether the parser ends this request with its head, so that its body would pass for another one."""
        if not self.parser.should_upgrade() or not any(name in _BODY_FIELDS for name, _ in self.headers):
            return False
        detail = "this service upgrades no connection; send a body without Upgrade"
        self._refuse(problem(400, "Bad Request", detail))
        return True

    def _unsupported_upgrade_warning(self) -> None:
        """Nobody has to know: the request is answered, and the connection goes on as it was."""
        error = sys.exc_info()[1]
        if isinstance(error, HttpParserUpgrade):
            self._unparsed = self._unparsed[error.args[0] :]

    def _body_is_late(self) -> None:
        """As the routes answer it: the rest, should it come, is passed over."""
        write, self._write = self._write, None
        if write is not None and not write.disconnected:
            self._answered = write.response_complete = True
            self._send(problem_of(late_body()), write.keep_alive)
            self.on_response_complete()

    def _unset_keepalive_if_required(self) -> None:
        """Not with every read; see `timeout_keep_alive_handler`."""

    def _stop_timer(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def _takes(self) -> bool:
        """Whether the lane takes the request whose head is complete; one at a time and in order."""
        lane = self._lane
        if (
            lane is None
            or not self.url.startswith(KEY_PATH)
            or (self.cycle is not None and not self.cycle.response_complete)
            or self.flow.write_paused
        ):
            return False
        method = self.parser.get_method()
        if method == b"GET":
            answer = lane.read(self.url, self.headers)
            if answer is not None:
                self._send(answer, self._keeps_alive())
                self._rested_s = self.loop.time()
                self.server_state.total_requests += 1
            return answer is not None
        if method != b"PUT" or not lane.takes_write(self.url, self.headers):
            return False
        self._stop_timer()
        self._write = _Write(self.url, self.headers, self._keeps_alive())
        self.cycle = self._write  # type: ignore[assignment]  # what uvicorn asks of a cycle it has
        return True

    def _keeps_alive(self) -> bool:
        return self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"

    async def _run(self, write: _Write) -> None:
        assert self._lane is not None  # noqa: S101 - only the lane makes such a write
        try:
            answer = await self._lane.write(write.target, write.fields, write.body)
        except Exception:
            log.exception("a fault of ours, %s", request_of(write.fields))
            answer = problem(500, "Internal Server Error", "a fault of this service; its log has the details")
        write.response_complete = True
        if not write.disconnected:
            self._send(answer, write.keep_alive)
            self.on_response_complete()

    def _send(self, answer: Answer, keep_alive: bool) -> None:
        head, body = _head(answer, self.server_state.default_headers, keep_alive), answer.body
        if len(body) < JOIN_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        if not keep_alive:
            self.transport.close()


def _head(answer: Answer, fields: Fields, keep_alive: bool) -> bytes:
    lines = [STATUS_LINE[answer.status]]
    for name, value in fields:
        lines += (name, b": ", value, b"\r\n")
    for name, value in answer.headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    return b"".join(lines)
