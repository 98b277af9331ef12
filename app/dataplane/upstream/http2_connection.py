"""One HTTP/2 connection to an upstream: many requests at a time, each on a stream of its own (RFC 9113)."""

import asyncio
from typing import Final, Protocol, cast

from app.dataplane.codec.http2_error import NO_ERROR, REFUSED_STREAM, error_name
from app.dataplane.codec.http2_owner import Pairs, SessionFault, SessionLimits, SessionOwner
from app.dataplane.codec.http2_response import read_http2_response
from app.dataplane.codec.http2_session import Http2Session
from app.dataplane.codec.request_head import RequestHead, http2_fields
from app.dataplane.codec.response import ResponseHead
from app.dataplane.eventloop.http2_outlet import Http2Outlet
from app.dataplane.upstream.http2_stream import MAX_HEAD_BYTES, Http2Stream, StreamOwner
from app.foundation.clock import now_s
from app.foundation.reasons import Reason

__all__ = ["MAX_STREAMS", "Http2Connection", "Http2ConnectionOwner"]

MAX_STREAMS: Final = 100
"""At once on a connection, whatever the upstream allows: one that is lost takes no more with it."""
ENOUGH_PERCENT: Final = 80
"""Of the streams that the upstream allows; another connection takes the next request, so that none meets the limit."""
MAX_RESETS: Final = 100
"""Requests that were given up; then it takes no more of them, before an upstream that counts them ends it with those of
other clients (CVE-2023-44487)."""
STREAM_WINDOW_BYTES: Final = 256 * 1024
HIGH_WATER_BYTES: Final = 256 * 1024

# The connection's window is that of all its streams: one whose client takes nothing stops no other
_LIMITS: Final = SessionLimits(
    MAX_STREAMS, MAX_HEAD_BYTES, STREAM_WINDOW_BYTES, MAX_STREAMS * STREAM_WINDOW_BYTES
)
_HTTP1: Final = b"HTTP/1."


class Http2ConnectionOwner(Protocol):
    """The pool as its connections see it."""

    def forget_http2(self, connection: "Http2Connection") -> None:
        """It is gone, in whatever state it was."""
        ...


class Http2Connection(SessionOwner, StreamOwner):
    """An asyncio protocol by its methods (compiled classes inherit none), and its session's owner.

    `greeted`: "" once the upstream's SETTINGS came, else why they never will. `in_use`: streams that exchanges hold,
    of at most `max_streams`. `retired`: it takes no more requests, and ends with its last stream. `counted`: the
    pool counts it as open.
    """

    __slots__ = (
        "_goaway",
        "_kept_pairs",
        "_kept_response",
        "_loop",
        "_moved",
        "_outlet",
        "_owner",
        "_resets",
        "_scheme",
        "_streams",
        "counted",
        "greeted",
        "idle_since_s",
        "in_use",
        "lost",
        "max_streams",
        "retired",
        "session",
        "transport",
    )

    _outlet: Http2Outlet
    transport: asyncio.Transport

    def __init__(self, owner: Http2ConnectionOwner, loop: asyncio.AbstractEventLoop, scheme: bytes) -> None:
        self._owner = owner
        self._loop = loop
        self._scheme = scheme
        self.session = Http2Session(self, False, _LIMITS)
        self.greeted: asyncio.Future[str] = loop.create_future()
        self._streams: dict[int, Http2Stream] = {}
        self._moved: list[Http2Stream] = []
        """Those that the present read has brought something."""
        self.max_streams = MAX_STREAMS
        self._resets = 0
        self._goaway = ""
        self._kept_pairs: Pairs = ()
        self._kept_response: ResponseHead | None = None
        self.idle_since_s = 0.0
        self.in_use = 0
        self.counted = self.lost = self.retired = False

    # Streams

    @property
    def has_room(self) -> bool:
        """Whether it takes another request."""
        return not self.retired and self.in_use < self.max_streams

    def take(self) -> Http2Stream:
        """A stream for one exchange; there is room."""
        self.in_use += 1
        return Http2Stream(self, self.session, self._outlet)

    def open_stream(self, stream: Http2Stream, head: RequestHead, end: bool) -> int:
        """Send the head of its request; the number of the stream, 0 where none can be opened: then it fails soon."""
        number = self.session.send_request(http2_fields(head, self._scheme), end)
        if number:
            self._streams[number] = stream
            self._outlet.flush_soon()
        else:  # at its end just now, or all of its 2³⁰ streams were used (RFC 9113 §5.1.1)
            self.retired = True
            self._loop.call_soon(stream.on_reset, REFUSED_STREAM)
        return number

    def close_stream(self, stream: Http2Stream, number: int, error_code: int | None) -> None:
        """Its exchange is over. `error_code`: None where both messages are complete."""
        self.in_use -= 1
        if self._streams.pop(number, None) is not None and error_code is not None:
            self._outlet.forget(stream)
            self.session.reset(number, error_code)
            self._outlet.flush_soon()
            self._resets += 1
            if self._resets >= MAX_RESETS:
                self.retired = True
        if not self.in_use:
            self.idle_since_s = now_s()
            if self.retired:
                self._end_soon()

    # Ends

    def retire(self) -> None:
        """Take no more requests, and end with the last stream."""
        self.retired = True
        self._end_soon()

    def _end_soon(self) -> None:
        """Not now: what ends the last stream may be a part of something else."""
        self._loop.call_soon(self._end_if_unused)

    def _end_if_unused(self) -> None:
        if not self.in_use:
            self.close()

    def close(self) -> None:
        """End it, after what is still to be said."""
        self.retired = True
        if self.transport.is_closing():
            return
        self.session.goaway()
        self._outlet.flush()
        self._shut()

    def _shut(self) -> None:
        if self.transport.is_closing():
            return  # with the last of the session; a transport of TLS that is closed twice cannot be aborted
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # one that takes nothing would stay for ever
        else:
            self.transport.close()

    def abort(self) -> None:
        """End it now, made or not."""
        self.retired = True
        transport = getattr(self, "transport", None)
        if transport is not None:
            transport.abort()

    def _fail_all(self, reason: Reason, detail: str) -> None:
        streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            stream.fail(reason, detail)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        self._outlet = Http2Outlet(self, self._loop, self.session, self.transport)
        self._outlet.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.retired = True
        self._outlet.stop()
        self.session.release()
        self._owner.forget_http2(self)
        self._greet("it closed the connection instead of beginning HTTP/2")
        why = f", saying {self._goaway}" if self._goaway else ""
        self._fail_all(Reason.UPSTREAM_RESET, f"the upstream closed the connection{why}")

    def eof_received(self) -> None:
        """None: the transport closes itself."""
        self.retired = True
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # nobody is left to take it

    def pause_writing(self) -> None:
        self._outlet.blocked = True

    def resume_writing(self) -> None:
        self._outlet.blocked = False
        self._outlet.flush_soon()

    def data_received(self, data: bytes) -> None:
        session = self.session
        if not self.greeted.done() and data.startswith(_HTTP1):
            self._greet("it responds in HTTP/1.1, not in HTTP/2")
            self.transport.abort()
            return
        try:
            session.receive(data, now_s())
        except Exception as bug:  # of the session: where the connection stands is not known any more
            for stream in list(self._streams.values()):
                stream.failed_inside(bug)
            self.abort()
            return
        moved, self._moved = self._moved, []
        for stream in moved:
            try:
                stream.flush()
            except Exception as bug:
                stream.failed_inside(bug)
        self._outlet.flush_received()
        if session.fault is not None:
            self._break(session.fault)

    def _break(self, fault: SessionFault) -> None:
        """It is over before its time."""
        self.retired = True
        self._greet(f"it does not speak HTTP/2: {fault.detail}")
        if fault.by_peer:
            said = f"{self._goaway}: {fault.detail}" if fault.detail else self._goaway
            self._fail_all(Reason.UPSTREAM_RESET, f"the upstream ended the connection, saying {said}")
        else:
            self._fail_all(Reason.UPSTREAM_PROTOCOL, f"the upstream breaks HTTP/2: {fault.detail}")

    def _greet(self, fault: str) -> None:
        if not self.greeted.done():
            self.greeted.set_result(fault)

    def on_session_over(self) -> None:
        """All is said: nothing follows."""
        if self.session.fault is not None:
            self._break(self.session.fault)
        self._shut()

    # codec.http2_owner.SessionOwner; a fault of ours is the end of one exchange, not of the others

    def on_response(self, stream_id: int, pairs: Pairs, end: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        response = self._kept_response
        if response is None or pairs != self._kept_pairs:
            response = read_http2_response(pairs)
            self._kept_pairs, self._kept_response = pairs, response  # upstreams repeat themselves
        self._move(stream)
        try:
            stream.on_head(response, end)
        except Exception as bug:
            stream.failed_inside(bug)

    def _move(self, stream: Http2Stream) -> None:
        if not self._moved or self._moved[-1] is not stream:
            self._moved.append(stream)

    def on_interim(self, stream_id: int, pairs: Pairs) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            try:
                stream.on_interim(pairs)
            except Exception as bug:
                stream.failed_inside(bug)

    def on_data(self, stream_id: int, data: bytes, end: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._move(stream)
            try:
                stream.on_data(data, end)
            except Exception as bug:
                stream.failed_inside(bug)

    def on_trailers(self, stream_id: int, pairs: Pairs) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            try:
                stream.on_trailers(pairs)
            except Exception as bug:
                stream.failed_inside(bug)

    def on_stream_reset(self, stream_id: int, error_code: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return
        if error_code == REFUSED_STREAM:  # it takes fewer at once than it says
            self.max_streams = min(self.max_streams, self.in_use - 1)
            self.retired = self.retired or not self.max_streams
        stream.on_reset(error_code)

    def on_stream_closed(self, stream_id: int, error_code: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            stream.on_closed(error_code)

    def on_settings(self) -> None:
        allowed = self.session.peer_max_streams
        self.max_streams = min(MAX_STREAMS, max(min(allowed, 1), allowed * ENOUGH_PERCENT // 100))
        self._greet("" if allowed else "it allows no streams (SETTINGS_MAX_CONCURRENT_STREAMS is 0)")

    def on_goaway(self, last_stream_id: int, error_code: int) -> None:
        if error_code != NO_ERROR:
            self._goaway = error_name(error_code)
        self.retire()
        for number in [number for number in self._streams if number > last_stream_id]:
            stream = self._streams.pop(number, None)
            if stream is not None:
                stream.on_reset(REFUSED_STREAM)

    # Of a server only, or of what is not asked

    def on_request(self, stream_id: int, pairs: Pairs, end: bool) -> None: ...
    def on_malformed_head(self, stream_id: int, error_code: int) -> None: ...
    def on_ping_acknowledged(self) -> None: ...
