"""A client's bytes become requests, one at a time: what is not asked for stays unread (RFC 9112 §§2–7).

Strict: after a malformed request nothing more of the connection is believed.
"""

from typing import Final

from app.dataplane.codec.body import BodyReceiver, ChunkReader, RequestBody
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.head_buffer import HeadBuffer
from app.dataplane.codec.request import Request, read_request, unread_request
from app.dataplane.downstream.request_validation import validate
from app.foundation.reasons import Reason
from app.settings import Settings

__all__ = ["HTTP2_START", "RequestReader"]

HTTP2_START: Final = b"PRI * HTTP/2.0"
"""What looks like a head, of HTTP/2's preface."""

_NO_TRAILERS: Final[list[Field]] = []


class RequestReader:
    """`head`: the bytes of the last request's head. `body_complete`: the last request has come whole.

    `is_http2`: what came first begins HTTP/2's preface, and is no request (RFC 9113 §3.3).
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_left_bytes",
        "_peer",
        "_settings",
        "_stopped",
        "_takes_http2",
        "body_complete",
        "body_fault",
        "head",
        "is_http2",
    )

    def __init__(self, settings: Settings, peer: PeerIdentity, *, takes_http2: bool = False) -> None:
        self._settings = settings
        self._peer = peer
        self._buffer = HeadBuffer()
        self._chunks: ChunkReader | None = None
        self._left_bytes = 0
        self._stopped = False
        self._takes_http2 = takes_http2
        self.is_http2 = False
        self.head = b""
        self.body_complete = True
        self.body_fault = ""

    @property
    def unread_bytes(self) -> int:
        """What came and was not asked for."""
        return self._buffer.unread_bytes

    @property
    def has_unread(self) -> bool:
        """Something came that was not asked for: a next request, or a part of one."""
        buffer = self._buffer
        return buffer.at < len(buffer.data)

    @property
    def trailers(self) -> list[Field]:
        """Of the last request, once its body is complete; dropped where there are too many."""
        chunks = self._chunks
        if chunks is None or len(chunks.trailers) > self._settings.max_fields:
            return _NO_TRAILERS
        return chunks.trailers

    def receive(self, data: bytes) -> None:
        if not self._stopped:
            self._buffer.add(data)

    def stop(self) -> None:
        """Nothing more is read from this connection."""
        self._stopped = True
        self._buffer.take_rest()

    def next_request(self) -> Request | None:
        """The next request, once the last one's body is complete; None while its head is not whole.

        A head that can be no request comes as one that is rejected already; then reading stops.
        """
        buffer = self._buffer
        if self._stopped or buffer.at >= len(buffer.data):
            return None
        if buffer.data[buffer.at] == 13:
            buffer.skip_empty_lines()
        head = buffer.take_head()
        if head is None:
            return self._unfinished()
        if self._takes_http2:
            self._takes_http2 = False  # it is the first
            if head == HTTP2_START:
                self.is_http2 = True
                return None
        self.head = head
        self._chunks = None  # of the request before
        request = read_request(head, self._peer)
        rejection = validate(request, self._settings, len(head) + 4) or request.rejection
        if rejection is not None:
            request.rejection = rejection
            request.close = True
            self.stop()  # what follows cannot be trusted
            self.body_complete = not request.length_bytes and rejection.reason is not Reason.REQUEST_MALFORMED
        elif request.length_bytes:
            self._begin_body(request.length_bytes)
        return request

    def _begin_body(self, length_bytes: int) -> None:
        self.body_complete = False
        if length_bytes > 0:
            self._left_bytes, self._chunks = length_bytes, None
        else:
            self._left_bytes = 0
            self._chunks = ChunkReader(REQUEST_LINES, self._settings.max_head_bytes)

    def take_rest(self) -> bytes:
        """What came behind the last request; reading stops."""
        rest = self._buffer.take_rest()
        self._stopped = True
        return rest

    def read_body(self) -> bytes:
        """What has come of the last request's body; look at `body_complete` and `body_fault` then."""
        if self.body_complete or self._stopped:
            return b""
        buffer, chunks = self._buffer, self._chunks
        data, at = buffer.data, buffer.at
        if chunks is None:
            return self._read_length(data, at)
        out: list[bytes] = []
        buffer.take_to(chunks.read(data, at, out))
        self.body_complete = chunks.complete
        if chunks.fault:
            self.body_fault = chunks.fault
            self.stop()
        return out[0] if len(out) == 1 else b"".join(out)

    def read_first_body(self, request: Request, body: RequestBody) -> None:
        """What came with the head goes into `body`, or is reason to reject the request before it begins."""
        limit = self._settings.max_body_bytes
        data = self.read_body()
        if self.body_fault:
            request.reject(Reason.REQUEST_MALFORMED, f"the body is malformed: {self.body_fault}")
        elif limit and len(data) > limit:
            request.reject(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")
            self.stop()
        elif data:
            body.add(data)
        if self.body_complete:
            body.end(self.trailers)

    def pass_body(self, receiver: BodyReceiver | None) -> bool:
        """What has come since goes to `receiver` (None: nobody wants it); whether the body is complete then."""
        data = self.read_body()
        if receiver is not None:
            if data:
                receiver.on_request_body(data)
            if self.body_fault:
                receiver.on_request_malformed(self.body_fault)
            elif self.body_complete:
                receiver.on_request_end(self.trailers)
        return self.body_complete

    def _read_length(self, data: bytes, at: int) -> bytes:
        left = self._left_bytes
        came = len(data) - at
        if came < left:
            self._left_bytes = left - came
            self._buffer.take_rest()
            return data[at:] if at else data
        self._left_bytes = 0
        self.body_complete = True
        self._buffer.take_to(at + left)
        return data[at : at + left]

    def time_out(self) -> Request:
        """The head did not come in time."""
        return self._fail(Reason.REQUEST_TIMEOUT, "the request's head did not come in time")

    def _unfinished(self) -> Request | None:
        """A head that is not whole: rejected as soon as it can be no head of a request, or none that is served."""
        buffer, settings = self._buffer, self._settings
        line = buffer.first_line()
        if line is not None and not (self._takes_http2 and line == HTTP2_START):
            request = read_request(line, self._peer)
            rejection = request.rejection
            if not request.method and rejection is not None:
                return self._fail(rejection.reason, rejection.detail)
        if buffer.fault:
            return self._fail(Reason.REQUEST_MALFORMED, buffer.fault)
        start = buffer.data[buffer.at : buffer.at + settings.max_target_bytes + 32] if line is None else line
        target = start.split(b" ")[1] if b" " in start else b""
        if len(target) > settings.max_target_bytes:
            detail = f"the target is longer than {settings.max_target_bytes} bytes"
            return self._fail(Reason.URI_TOO_LONG, detail)
        if buffer.unread_bytes > settings.max_head_bytes:
            detail = f"the head is larger than {settings.max_head_bytes} bytes"
            return self._fail(Reason.HEAD_TOO_LARGE, detail)
        return None

    def _fail(self, reason: Reason, detail: str) -> Request:
        self.stop()
        self.body_complete = False
        self.head = b""
        return unread_request(reason, detail, self._peer)
