"""One HTTP/1.1 connection to an upstream: reads responses and hands them to the exchange that uses it.

It serves one exchange at a time, and again only after a complete, clean message; bytes that come unasked close it,
and never reach an exchange.
"""

import asyncio
from typing import Final, Protocol, cast

from app.dataplane.codec.body import ChunkReader, RequestBody, chunk, last_chunk
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.head_buffer import HeadBuffer
from app.dataplane.codec.request_head import RequestHead, http1_head
from app.dataplane.codec.response import CHUNKED, UNTIL_CLOSE, ResponseHead, read_response
from app.dataplane.codec.websocket_handshake import accepts
from app.dataplane.upstream.response_receiver import ResponseReceiver
from app.foundation.reasons import Reason

__all__ = ["ConnectionOwner", "UpstreamConnection"]

HIGH_WATER_BYTES: Final = 256 * 1024
MAX_HEAD_BYTES: Final = 256 * 1024
MAX_KEPT_HEAD_BYTES: Final = 4096
MAX_BARE_BYTES: Final = 256 * 1024
_BODILESS: Final = frozenset({204, 304})

_SPEAKS_HTTP2: Final = "it is HTTP/2, which `protocol: h2` would speak with it"

# What the bytes that come now are
# Written out: Final numbers are constants of the compiled build, others a look-up each time they are named
_IDLE: Final = 0
_HEAD: Final = 1
_LENGTH: Final = 2
_CHUNKS: Final = 3
_UNTIL_CLOSE: Final = 4
_DONE: Final = 5


class ConnectionOwner(Protocol):
    """The pool as its connections see it."""

    def forget(self, connection: "UpstreamConnection") -> None: ...


class UpstreamConnection:
    """An asyncio protocol by its methods (compiled classes inherit none).

    `response_begun`: a byte of the current response came. `counted`: the pool counts it as open.
    """

    __slots__ = (
        "_buffer",
        "_chunked_request",
        "_chunks",
        "_eof",
        "_head_bytes",
        "_kept_head",
        "_kept_response",
        "_left_bytes",
        "_owner",
        "_reading_paused",
        "_response",
        "_state",
        "_unasked",
        "counted",
        "idle_since_s",
        "lost",
        "receiver",
        "response_begun",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner
        self.receiver: ResponseReceiver | None = None
        self.idle_since_s = 0.0
        self.response_begun = self.counted = self.lost = self._eof = False
        self._chunked_request = self._reading_paused = False
        self._state = _IDLE
        self._buffer = HeadBuffer()
        self._response: ResponseHead | None = None
        self._chunks: ChunkReader | None = None
        self._left_bytes = 0
        self._head_bytes = 0
        self._kept_head = b""
        self._kept_response: ResponseHead | None = None
        self._unasked = ""

    def begin(self, receiver: ResponseReceiver) -> None:
        """Take this connection for one exchange, which then sends its request."""
        self.receiver = receiver
        self.response_begun = False
        self._state = _HEAD
        self._head_bytes = 0

    # The request

    def send(self, head: RequestHead, body: RequestBody) -> None:
        """The head, with what there is of the body, in one write."""
        data = http1_head(head)
        kept = body.replay
        self._chunked_request = chunked = head.length_bytes < 0
        if chunked:
            pieces = [chunk(piece) for piece in kept or ()]
            if body.complete:
                pieces.append(last_chunk(body.trailers))
            data += b"".join(pieces)
        elif kept:
            data += b"".join(kept)
        self.transport.write(data)

    def send_body(self, data: bytes) -> None:
        """A part (not empty) of the body."""
        self.transport.write(chunk(data) if self._chunked_request else data)

    def end_body(self, trailers: list[Field]) -> None:
        """The body is complete."""
        if self._chunked_request:
            self.transport.write(last_chunk(trailers))

    def unsent_bytes(self) -> int:
        """What the upstream has not taken of the request."""
        return self.transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """The client does not take what it is sent."""
        if not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()

    def abort(self) -> None:
        """End it now, made or not; nobody hears of it any more."""
        self.receiver = None
        transport = getattr(self, "transport", None)
        if transport is not None:
            transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._owner.forget(self)
        receiver = self.receiver
        if receiver is None:
            return
        if self._state == _UNTIL_CLOSE and exc is None and self._eof:
            self._state = _DONE
            receiver.on_response_end(b"", [], False)  # RFC 9112 §6.3: the connection's end is the body's
        elif self._unasked:
            self._malformed(receiver, self._unasked)
        else:
            receiver.on_upstream_failed(Reason.UPSTREAM_RESET, "the upstream closed the connection")
        self.receiver = None

    def eof_received(self) -> None:
        """None: the transport closes itself, but only once what it still has to send is gone.

        Not called for a TLS stream that was cut without its closing alert (RFC 9112 §9.8).
        """
        self._eof = True
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # nobody is left to take it

    def pause_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.pause_upload()

    def resume_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.resume_upload()

    def data_received(self, data: bytes) -> None:
        receiver = self.receiver
        if receiver is None:
            self._unasked = _SPEAKS_HTTP2 if _is_http2(data) else "it came before the request"
            self._owner.forget(self)
            self.transport.abort()  # nobody asked: not to be believed, and the next request must not meet it
            return
        self.response_begun = True
        try:
            if self._state == _HEAD:
                self._read_head(receiver, data)
            else:
                self._read_body(receiver, data)
        except Exception as bug:  # a fault of ours is this exchange's end, not the loop's
            receiver.failed_inside(bug)

    # Heads

    def _read_head(self, receiver: ResponseReceiver, data: bytes) -> None:
        buffer = self._buffer
        buffer.add(data)
        while True:
            head = buffer.take_head()
            if head is None:
                self._await_head(receiver)
                return
            if head == self._kept_head and self._kept_response is not None:
                response = self._kept_response  # upstreams repeat themselves: saves 1 µs of 4
            else:
                response = read_response(head)
                if len(head) <= MAX_KEPT_HEAD_BYTES:
                    self._kept_head, self._kept_response = head, response
            if response.fault:
                self._malformed(receiver, response.fault)
                return
            if response.status >= 200:
                break
            self._head_bytes += len(head)
            if not self._take_interim(receiver, response):
                return
        self._begin_body(receiver, response)

    def _await_head(self, receiver: ResponseReceiver) -> None:
        """The head is not whole: is what came one at all?"""
        buffer = self._buffer
        line = buffer.first_line()
        if _is_http2(buffer.data[buffer.at : buffer.at + 9]):  # also control characters: say what they mean
            self._malformed(receiver, _SPEAKS_HTTP2)
        elif buffer.fault:
            self._malformed(receiver, buffer.fault)
        elif self._head_bytes + buffer.unread_bytes > MAX_HEAD_BYTES:
            self._malformed(receiver, "its head is larger than 256 KiB")
        elif line is not None and (fault := read_response(line).fault):
            self._malformed(receiver, fault)
        elif not b"HTTP/1.".startswith(buffer.data[buffer.at : buffer.at + 7]):
            self._malformed(receiver, "it does not begin with HTTP/1")

    def _take_interim(self, receiver: ResponseReceiver, response: ResponseHead) -> bool:
        """A 1xx: whether to read on."""
        if response.status == 101:
            key = receiver.upgrade_key
            if key is None or (response.upgrade or b"").lower() != b"websocket":
                self._malformed(receiver, "101 that nobody asked for")
                return False
            if key and not accepts(response.lines, key):
                self._malformed(receiver, "101 that does not accept the handshake's key")
                return False
            self._state = _DONE
            receiver.on_upgraded(response, self._buffer.take_rest())
            return False
        if response.length_bytes != UNTIL_CLOSE:
            self._malformed(receiver, f"status {response.status} with a body")
            return False
        if response.status != 100:
            receiver.on_interim(response)
        return self.receiver is receiver

    def _malformed(self, receiver: ResponseReceiver, fault: str) -> None:
        receiver.on_upstream_failed(
            Reason.UPSTREAM_PROTOCOL, f"the upstream's response is malformed: {fault}"
        )

    # Bodies

    def _begin_body(self, receiver: ResponseReceiver, response: ResponseHead) -> None:
        self._response = response
        length_bytes = response.length_bytes
        if receiver.head_only or response.status in _BODILESS:
            length_bytes = 0
        if length_bytes >= 0:
            self._state, self._left_bytes = _LENGTH, length_bytes
        elif length_bytes == CHUNKED:
            self._state, self._chunks = _CHUNKS, ChunkReader(RESPONSE_LINES, MAX_BARE_BYTES)
        else:
            self._state = _UNTIL_CLOSE
        data = self._buffer.take_rest()
        if not receiver.on_response_head(response) or self.receiver is not receiver:
            return
        self._read_body(receiver, data)

    def _read_body(self, receiver: ResponseReceiver, data: bytes) -> None:
        """`data` belongs to the body, or to nobody."""
        if self._state == _LENGTH:
            left = self._left_bytes = self._left_bytes - len(data)
            if left <= 0:
                self._end(receiver, data[:left] if left else data, [], clean=left == 0)
                return
        elif self._state == _CHUNKS:
            self._read_chunks(receiver, data)
            return
        if data:
            receiver.on_response_body(data)
        self._flush(receiver)

    def _flush(self, receiver: ResponseReceiver) -> None:
        if self.receiver is receiver:  # else it hung up at what it was just given
            receiver.on_flush()

    def _read_chunks(self, receiver: ResponseReceiver, data: bytes) -> None:
        chunks = self._chunks
        assert chunks is not None  # noqa: S101 — made with the state
        out: list[bytes] = []
        end = chunks.read(data, 0, out)
        body = out[0] if len(out) == 1 else b"".join(out)
        if chunks.complete:
            self._end(receiver, body, chunks.trailers, clean=end == len(data))
            return
        if body:
            receiver.on_response_body(body)
            if self.receiver is not receiver:
                return
        if chunks.fault:
            self._malformed(receiver, chunks.fault)
        else:
            receiver.on_flush()

    def _end(self, receiver: ResponseReceiver, data: bytes, trailers: list[Field], *, clean: bool) -> None:
        """The message is complete. `clean`: nothing came behind it."""
        response = self._response
        self._state, self._response, self._chunks = _DONE, None, None
        receiver.on_response_end(data, trailers, clean and response is not None and not response.closes)


def _is_http2(data: bytes) -> bool:
    """Whether it begins as a server of HTTP/2 does: with SETTINGS of stream 0 (RFC 9113 §3.4)."""
    return data[3:4] == b"\x04" and data[5:9] == b"\0\0\0\0"
