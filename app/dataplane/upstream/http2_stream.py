"""One request on an HTTP/2 connection to an upstream; to its exchange what an HTTP/1.1 connection is (RFC 9113 §8).

The client's side and the upstream's are bound to each other: credit goes back when the client's side took the bytes,
and an upload pauses while the upstream's windows are full.
"""

from typing import Final, Protocol

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.field_lines import Field, pairs_of
from app.dataplane.codec.field_pairs import read_trailers
from app.dataplane.codec.fields import RESPONSE_LINES, allowed_trailer
from app.dataplane.codec.http2_error import CANCEL, HTTP_1_1_REQUIRED, NO_ERROR, REFUSED_STREAM, error_name
from app.dataplane.codec.http2_owner import Pairs
from app.dataplane.codec.http2_response import read_http2_response
from app.dataplane.codec.http2_session import Http2Session
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.codec.response import ResponseHead
from app.dataplane.eventloop.http2_outlet import Http2Outlet
from app.dataplane.upstream.response_receiver import ResponseReceiver
from app.foundation.reasons import Reason

__all__ = ["MAX_HEAD_BYTES", "Http2Stream", "StreamOwner"]

MAX_HEAD_BYTES: Final = 256 * 1024
HIGH_WATER_BYTES: Final = 64 * 1024
"""Of a request's body that waits for the upstream's windows."""
LOW_WATER_BYTES: Final = 16 * 1024


class StreamOwner(Protocol):
    """The connection as its streams see it."""

    __slots__ = ()

    def open_stream(self, stream: "Http2Stream", head: RequestHead, end: bool) -> int:
        """Send the head of its request; the number of the stream, 0 where none can be opened: then it fails soon."""
        ...

    def close_stream(self, stream: "Http2Stream", number: int, error_code: int | None) -> None:
        """Its exchange is over. `error_code`: None where both messages are complete."""
        ...


class Http2Stream:
    """`response_begun`: something of the response came, or a reset in place of it. `unprocessed`: the upstream did
    nothing with the request.

    `receiver`: None before `begin`, and when its exchange is over. `_number`: 0 before `send`, and where none
    could be opened.
    """

    __slots__ = (
        "_body_ended",
        "_has_body",
        "_held_bytes",
        "_interim_bytes",
        "_is_reading",
        "_number",
        "_outlet",
        "_owner",
        "_response_ended",
        "_session",
        "_upload_is_paused",
        "receiver",
        "response_begun",
        "unprocessed",
    )

    def __init__(self, owner: StreamOwner, session: Http2Session, outlet: Http2Outlet) -> None:
        self._owner = owner
        self._session = session
        self._outlet = outlet
        self._number = 0
        self._held_bytes = 0
        self._interim_bytes = 0
        self._body_ended = self._has_body = self._response_ended = self._upload_is_paused = False
        self._is_reading = True
        self.receiver: ResponseReceiver | None = None
        self.response_begun = self.unprocessed = False

    def begin(self, receiver: ResponseReceiver) -> None:
        """Take it for one exchange, which then sends its request."""
        self.receiver = receiver

    # The request

    def send(self, head: RequestHead, body: RequestBody) -> None:
        """The head, with what there is of the body."""
        kept, ended = body.replay, body.complete
        trailers = _passing(body.trailers) if ended and body.trailers else []
        self._body_ended = ended
        number = self._number = self._owner.open_stream(self, head, ended and not kept and not trailers)
        if not number:
            return
        if kept:
            self._has_body = True
            data = kept[0] if len(kept) == 1 else b"".join(kept)
            self._session.send_data(number, data, ended and not trailers)
            self._pause_if_full()
        if trailers:
            self._session.send_trailers(number, trailers)

    def send_body(self, data: bytes) -> None:
        """A part (not empty) of the body."""
        if not self._number:
            return  # its end is on its way
        self._has_body = True
        self._session.send_data(self._number, data)
        self._outlet.flush_soon()
        self._pause_if_full()

    def end_body(self, trailers: list[Field]) -> None:
        """The body is complete."""
        self._body_ended = True
        if not self._number:
            return
        fields = _passing(trailers)
        if fields:
            self._session.send_trailers(self._number, fields)
        else:
            self._session.send_data(self._number, b"", True)
        self._outlet.flush_soon()

    def unsent_bytes(self) -> int:
        """What the upstream's windows have not let go of the request."""
        return self._session.queued_bytes(self._number) if self._number else 0

    def _pause_if_full(self) -> None:
        receiver = self.receiver
        if receiver is None or self._upload_is_paused or self.unsent_bytes() <= HIGH_WATER_BYTES:
            return
        self._upload_is_paused = True
        self._outlet.call_when_sent(self)
        receiver.pause_upload()

    def on_sent(self, *, all_sent: bool) -> bool:
        """Something was written: the upload goes on where enough of what waited is gone. Whether to call again."""
        receiver = self.receiver
        if receiver is not None and self.unsent_bytes() > LOW_WATER_BYTES:
            return True
        self._upload_is_paused = False
        if receiver is not None:
            receiver.resume_upload()
        return False

    # The response

    def pause_reading(self) -> None:
        """The client does not take what it is sent: without credit the upstream stops at the window's end."""
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True
        self._give_credit()

    def _give_credit(self) -> None:
        held_bytes = self._held_bytes
        if held_bytes and self._is_reading:
            self._held_bytes = 0
            self._session.consumed(self._number, held_bytes)
            self._outlet.flush_soon()

    def on_interim(self, pairs: Pairs) -> None:
        """A 1xx (RFC 9113 §8.1)."""
        receiver = self.receiver
        if receiver is None:
            return
        self.response_begun = True
        self._interim_bytes += sum([len(name) + len(value) for name, value in pairs])
        head = read_http2_response(pairs)
        if head.fault:
            self._malformed(receiver, head.fault)
        elif self._interim_bytes > MAX_HEAD_BYTES:
            self._malformed(receiver, "its head is larger than 256 KiB")
        elif head.status != 100:
            receiver.on_interim(head)

    def on_head(self, head: ResponseHead, end: bool) -> None:
        """The final response's."""
        receiver = self.receiver
        if receiver is None:
            return
        self.response_begun = True
        if head.fault:
            self._malformed(receiver, head.fault)
        elif receiver.on_response_head(head) and end and self.receiver is receiver:
            self._end(receiver, b"", [])

    def on_data(self, data: bytes, end: bool) -> None:
        """Credit for it is given in `flush`, when the client's side took it."""
        receiver = self.receiver
        if receiver is None:
            return
        self._held_bytes += len(data)
        if end:
            self._end(receiver, data, [])
        elif data:
            receiver.on_response_body(data)

    def on_trailers(self, pairs: Pairs) -> None:
        """They end the response."""
        receiver = self.receiver
        if receiver is None:
            return
        trailers = read_trailers(pairs, RESPONSE_LINES)
        if trailers is None:
            self._malformed(receiver, "a trailer is malformed")
        else:
            self._end(receiver, b"", trailers)

    def flush(self) -> None:
        """All that came with one read was passed on."""
        receiver = self.receiver
        if receiver is not None:
            receiver.on_flush()
            self._give_credit()

    def _end(self, receiver: ResponseReceiver, data: bytes, trailers: list[Field]) -> None:
        self._response_ended = True
        receiver.on_response_end(data, trailers, True)

    def _malformed(self, receiver: ResponseReceiver, fault: str) -> None:
        receiver.on_upstream_failed(
            Reason.UPSTREAM_PROTOCOL, f"the upstream's response is malformed: {fault}"
        )

    # Ends

    def on_reset(self, error_code: int) -> None:
        """By the upstream (RFC 9113 §7, §8.7)."""
        if error_code == REFUSED_STREAM:
            self.unprocessed = True
            self.fail(Reason.UPSTREAM_RESET, "the upstream did not take the request")
        elif error_code == HTTP_1_1_REQUIRED:
            self.fail(Reason.UPSTREAM_PROTOCOL, "the upstream wants HTTP/1.1 for this request")
        else:
            self.response_begun = True  # it has the request: its connection was not a stale one
            self.fail(Reason.UPSTREAM_RESET, f"the upstream reset the stream ({error_name(error_code)})")

    def on_closed(self, error_code: int) -> None:
        """Before the response's end, without RST_STREAM: above the last id of a GOAWAY, or malformed."""
        if error_code == REFUSED_STREAM:
            self.on_reset(error_code)
        else:
            detail = f"the upstream's response is malformed ({error_name(error_code)})"
            self.fail(Reason.UPSTREAM_PROTOCOL, detail)

    def fail(self, reason: Reason, detail: str) -> None:
        """Nothing more comes on it."""
        receiver = self.receiver
        if receiver is not None:
            try:
                receiver.on_upstream_failed(reason, detail)
            except Exception as bug:
                receiver.failed_inside(bug)

    def failed_inside(self, bug: BaseException) -> None:
        """A fault of ours: this exchange's end, not that of the others."""
        receiver = self.receiver
        if receiver is not None:
            receiver.failed_inside(bug)

    def finish(self) -> None:
        """The response is complete. What the upstream left of the request, it does not want (RFC 9113 §8.1)."""
        self.receiver = None
        is_whole = self._response_ended and self._body_ended and not (self._has_body and self.unsent_bytes())
        self._owner.close_stream(self, self._number, None if is_whole else NO_ERROR)

    def abort(self) -> None:
        """End it now; nobody hears of it any more."""
        self.receiver = None
        self._owner.close_stream(self, self._number, CANCEL)


def _passing(trailers: list[Field]) -> list[tuple[bytes, bytes]]:
    return pairs_of([field for field in trailers if allowed_trailer(field.name)])
