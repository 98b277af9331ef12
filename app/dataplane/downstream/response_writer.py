"""Responses as HTTP/1.1 bytes (RFC 9112 §§4, 6, 9)."""

import asyncio
from http import HTTPStatus
from typing import Final

from app.dataplane.codec.body import RequestBody, chunk, last_chunk
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.request import Request
from app.dataplane.codec.response import ResponseHead
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.entrance import Entrance
from app.dataplane.proxy.response_writer import ResponseWriter

__all__ = ["Http1ResponseWriter"]

_KNOWN: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}
_STATUS_LINES: Final = tuple(_KNOWN.get(status, b"") for status in range(600))
_LENGTH_LINES: Final = tuple(b"content-length: %d\r\n" % length for length in range(1024))
_STATUS_WITHOUT_LENGTH: Final = frozenset({204})  # RFC 9110 §8.6
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOT_IN_INTERIM: Final = (b"connection", b"transfer-encoding", b"content-length", b"upgrade", b"keep-alive")


def status_line(status: int, phrase: bytes) -> bytes:
    """`phrase`: the upstream's own reason phrase, passed on unchanged."""
    line = _STATUS_LINES[status] if status < len(_STATUS_LINES) else b""
    if line and line[13:-2] == phrase:
        return line
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase)


def _length_line(length_bytes: int) -> bytes:
    if length_bytes < len(_LENGTH_LINES):
        return _LENGTH_LINES[length_bytes]
    return b"content-length: %d\r\n" % length_bytes


class Http1ResponseWriter(ResponseWriter):
    """Writes the response of one request after the other. `last`: the connection ends after this one."""

    __slots__ = ("_body", "_chunked", "_context", "_entrance", "_out", "_request", "_transport", "last")

    def __init__(self, context: ProxyContext, entrance: Entrance, transport: asyncio.Transport) -> None:
        self._context = context
        self._entrance = entrance
        self._transport = transport
        self._out: list[bytes] = []
        self._chunked = False
        self._request: Request | None = None
        self._body: RequestBody | None = None
        self.last = False

    def begin(self, request: Request, body: RequestBody) -> None:
        """`body`: whether the request has come whole decides whether the connection can go on."""
        self._request = request
        self._body = body
        self.last = request.close

    def end(self) -> None:
        """The request is served: nothing of it is held while the connection rests. `last` stays."""
        self._request = None
        self._body = None

    def write_continue(self) -> None:
        self._transport.write(_CONTINUE)

    def write_interim(self, head: ResponseHead) -> None:
        """A 1xx of the upstream, passed on (RFC 9110 §15.2)."""
        lines = [line for line in head.lines if line.partition(b":")[0] not in _NOT_IN_INTERIM]
        self._transport.write(b"%b%b\r\n" % (status_line(head.status, head.phrase), b"".join(lines)))

    def write_head(self, status: int, phrase: bytes, lines: list[bytes], length_bytes: int) -> None:
        """Collect the head. A body of unknown length is chunked, or ended by the connection's end (RFC 9112 §6.3)."""
        request, body = self._request, self._body
        if request is None or body is None:
            return
        if self._context.draining or self._entrance.draining or not body.complete:
            self.last = True
        framing = b""
        self._chunked = False
        if status in _STATUS_WITHOUT_LENGTH:
            pass
        elif length_bytes >= 0:
            framing = _length_line(length_bytes)
        elif request.method == b"HEAD" or status == 304:
            pass
        elif request.http10:
            self.last = True
        else:
            self._chunked = True
            framing = b"transfer-encoding: chunked\r\n"
        connection = self._connection_line(request) if self.last or request.http10 else b""
        self._out.append(
            b"%b%b%b%b\r\n" % (status_line(status, phrase), b"".join(lines), framing, connection)
        )

    def write_body(self, data: bytes) -> None:
        self._out.append(chunk(data) if self._chunked else data)

    def flush(self) -> bool:
        """Send what was collected; whether there was anything."""
        out = self._out
        if not out:
            return False
        self._out = []
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        return True

    def end_response(self, trailers: list[Field], last: bytes = b"") -> None:
        if last:
            self.write_body(last)
        if self._chunked:
            self._out.append(last_chunk(trailers))
        self.flush()

    def reply(self, reply: LocalReply) -> int:
        """A local reply, whole; what was collected of another response is dropped."""
        request, body = self._request, self._body
        if request is None or body is None:
            return 0
        if self._out:
            self._out = []
        draining = self._context.draining or self._entrance.draining
        if draining or not (body.complete or request.rest_is_short):
            self.last = True
        content = b"" if request.method == b"HEAD" else reply.body
        self._transport.write(
            b"%b%b%b%b\r\n%b"  # no %d: of %b alone mypyc makes one copy
            % (
                _STATUS_LINES[reply.status],
                reply.lines,
                _length_line(len(reply.body)),
                self._connection_line(request) if self.last or request.http10 else b"",
                content,
            )
        )
        return len(content)

    def write_upgrade(self, phrase: bytes, lines: bytes) -> None:
        """101 with the upstream's fields: the handshake is between the two ends (RFC 6455 §4.2.2)."""
        self._transport.write(
            b"%b%bconnection: Upgrade\r\nupgrade: websocket\r\n\r\n" % (status_line(101, phrase), lines)
        )

    def end_after_response(self) -> None:
        self.last = True

    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def _connection_line(self, request: Request) -> bytes:
        if self.last:
            return b"connection: close\r\n"
        return b"connection: keep-alive\r\n" if request.http10 else b""
