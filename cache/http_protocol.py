"""The bytes on the socket: uvicorn's protocol, with bounded reads and a lane for values that lie in memory.

- Reads are small until somebody asks for the body: what a thousand clients send at once waits in TCP.
- Heads are bounded, trailers are dropped: neither grows this process, and no trailer passes for a field.
- A GET of a value in memory is served while its head is parsed, a small PUT by one task: no scope, no
  messages. Both give the reply that the routes would (a test compares); everything unusual goes to the routes.
- A response that says `Connection: close` on the service's initiative ends only the service's side; what the
  client still sends is dropped for a while, or the reset for unread bytes could overtake the response.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

from httptools import HttpParserInvalidURLError, HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.foundation.reply import Reply, problem
from app.foundation.serving.reply_writer import KEPT, write_reply
from cache.bounded_reader import BoundedReader
from cache.cycle import FastWrite, LastTransport
from cache.drain import LINGER_S, QUIET_S, ConnectionLife, Drain
from cache.handlers import BODY_TIMEOUT_S, KEY_PATH, late_body, request_of
from cache.middleware import FastLane
from cache.replies import problem_of
from cache.request_validation import head_fault, keeps_old_connection

__all__ = ["MAX_HEAD_BYTES", "protocol_of"]

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 32 * 1024  # as the gateway's default


def protocol_of(lane: FastLane | None, drain: Drain | None = None) -> Callable[..., asyncio.BaseProtocol]:
    """What uvicorn takes for its `http` setting; `lane` None: every call goes to the app."""
    drain = drain or Drain()

    def make(
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> BoundedReader:
        return BoundedReader(HttpProtocol(config, server_state, app_state, _loop, lane, drain))

    return make


class HttpProtocol(HttpToolsProtocol):
    """One client; `reads_body`: it is in the middle of a body that the app has asked for."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        lane: FastLane | None,
        drain: Drain,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._lane = lane
        self._drain = drain
        self._life = ConnectionLife()
        self._is_handled = False  # the current request: by the fast lane, or it is ignored
        self._old = False  # the current request is one of HTTP/1.0
        self._write: FastWrite | None = None  # the current request, while its body comes in
        self._unparsed = b""
        self._in_head = False
        self._head_bytes = 0  # rounded up to whole reads
        self.reads_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._life.heard(self.loop.time())
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        if self._drain.began:  # accepted just before the listener closed
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The service drains: the next response is the connection's last; until then it is listened to."""
        self._life.drain(self.loop.time())
        self.timeout_keep_alive = QUIET_S  # type: ignore[assignment]  # it is only handed to the loop
        if self._response_is_due():
            if not self.cycle.response_started:  # else its head is out, and has promised that it goes on
                self._make_last(self.cycle)
        elif not self._is_ending():
            self._stop_timer()
            self.timeout_keep_alive_task = self.loop.call_later(QUIET_S, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        if self._life.has_ended:
            return
        if self._life.is_draining:
            self._life.heard(self.loop.time())
        asked = self.cycle if self.reads_body else None  # its last body was taken, or nothing would be read
        self._unparsed = data
        super().data_received(data)
        while (behind := self._unparsed) is not data:  # an Upgrade, which is ignored here, stopped the parser
            data = self._unparsed = behind
            super().data_received(data)
        self._unparsed = b""
        if self._is_ending():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                detail = f"the head is larger than {MAX_HEAD_BYTES} bytes"
                self._reject(problem(431, detail))
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
        self._is_handled = self._is_ending() or self._is_rejected() or self._takes()
        if not self._is_handled:
            self._stop_timer()
            super().on_headers_complete()
            self.cycle.keep_alive = self._keeps_alive()
            if self._life.is_draining:
                self._make_last(self.cycle)
            elif self._old and self.cycle.keep_alive:
                self.cycle.default_headers = [*self.server_state.default_headers, KEPT]

    def on_body(self, body: bytes) -> None:
        if self._write is not None:
            self._write.body += body
        elif not self._is_handled:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._write is not None:
            self._stop_timer()
            task = self.loop.create_task(self._run(self._write))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            self._write = None
        elif not self._is_handled:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._life.has_ended:  # what was pipelined behind it gets no response (RFC 9112 §9.6)
            self.server_state.total_requests += 1
            return
        self._stop_timer()
        self._life.heard(self.loop.time())
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """The timer is set once and not moved by each reply, which would cost more than its look-up."""
        now_s = self.loop.time()
        if not self._life.is_closing:
            left_s = self._life.heard_s + self.timeout_keep_alive - now_s
        else:
            if self.transport.get_write_buffer_size():  # the client still takes its response
                self._life.heard(now_s)
            left_s = min(self._life.closes_at_s(response_is_due=self._response_is_due()) - now_s, QUIET_S)
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
            detail = f"the bytes are not an HTTP/1.1 request: {error}"
        self._reject(problem(400, detail))

    def _reject(self, reply: Reply) -> None:
        """The connection's last response; while another request's is due, it would be taken for that one."""
        if self._is_ending():
            return
        if not self._response_is_due() or self.cycle.more_body:
            self._put(reply, keep_alive=False, old=False)
            self._end()
        else:
            self.transport.close()

    def _response_is_due(self) -> bool:
        """Whether a response is due, or on its way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _is_ending(self) -> bool:
        """Whether nothing more is sent."""
        return self._life.has_ended or self.transport.is_closing()

    def _make_last(self, cycle: RequestResponseCycle | FastWrite) -> None:
        """Its response, which has not begun, is to say that it is the connection's last."""
        cycle.keep_alive = False
        if not isinstance(cycle, FastWrite):
            cycle.default_headers = self.server_state.default_headers
            cycle.transport = LastTransport(self.transport, self._end)  # type: ignore[assignment]

    def _end(self) -> None:
        """Our side ends behind what was written; what the client still sends is dropped for LINGER_S."""
        if self._is_ending():
            return
        self._stop_timer()
        self._life.end(self.loop.time())
        if self._response_is_due():  # rejected in the middle of its body: the app may let it be
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.timeout_keep_alive_task = self.loop.call_later(LINGER_S, self.timeout_keep_alive_handler)

    def _is_rejected(self) -> bool:
        """Whether the complete head has a fault; then the problem is sent and the connection ends."""
        version = self.parser.get_http_version()
        self._old = version == "1.0"
        fault = head_fault(self.parser.get_method(), version, self.headers, self.parser.should_upgrade())
        if fault is None:
            return False
        self._reject(fault)
        return True

    def _unsupported_upgrade_warning(self) -> None:
        """No warning: the request is served, and the connection goes on as it was."""
        error = sys.exc_info()[1]
        if isinstance(error, HttpParserUpgrade):
            self._unparsed = self._unparsed[error.args[0] :]

    def _body_is_late(self) -> None:
        """Reply as the routes would; the rest of the body, should it come, is discarded."""
        write, self._write = self._write, None
        if write is not None and not write.disconnected:
            self._is_handled = write.response_complete = True
            self._send(problem_of(late_body()), write.keep_alive, write.old)
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
            or self._response_is_due()
            or self.flow.write_paused
        ):
            return False
        method = self.parser.get_method()
        if method == b"GET":
            reply = lane.read(self.url, self.headers)
            if reply is not None:
                self._send(reply, self._keeps_alive(), self._old)
                self._life.heard(self.loop.time())
                self.server_state.total_requests += 1
            return reply is not None
        if method != b"PUT" or not lane.takes_write(self.url, self.headers):
            return False
        self._stop_timer()
        self._write = FastWrite(self.url, self.headers, self._keeps_alive(), self._old)
        self.cycle = self._write  # type: ignore[assignment]  # what uvicorn asks of a cycle it has
        return True

    def _keeps_alive(self) -> bool:
        if self._life.is_draining or not self.parser.should_keep_alive():
            return False
        return not self._old or keeps_old_connection(self.headers)

    async def _run(self, write: FastWrite) -> None:
        assert self._lane is not None  # noqa: S101 - only the lane makes such a write
        try:
            reply = await self._lane.write(write.target, write.fields, write.body)
        except Exception:
            log.exception("a fault of ours, %s", request_of(write.fields))
            reply = problem(500, "a fault of this service; its log has the details")
        write.response_complete = True
        if not write.disconnected:
            self._send(reply, write.keep_alive, write.old)
            self.on_response_complete()

    def _send(self, reply: Reply, keep_alive: bool, old: bool) -> None:
        self._put(reply, keep_alive, old)
        if self._life.is_draining:
            self._end()
        elif not keep_alive:
            self.transport.close()

    def _put(self, reply: Reply, keep_alive: bool, old: bool) -> None:
        write_reply(self.transport, reply, self.server_state.default_headers, keep_alive, old)
