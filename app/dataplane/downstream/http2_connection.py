"""A client's HTTP/2 connection: its streams are requests, served side by side (RFC 9113).

What becomes of a request is its exchange's; what the connection itself is doing says `Http2Life`. Writes are gathered
over a turn of the loop, and flushed once.
"""

import asyncio
from typing import Final, cast

from app.dataplane.codec.field_pairs import read_trailers
from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.http2_error import ENHANCE_YOUR_CALM, INTERNAL_ERROR, NO_ERROR, error_name
from app.dataplane.codec.http2_owner import Pairs, SessionFault, SessionLimits, SessionOwner
from app.dataplane.codec.http2_request import read_http2_request, unread_http2_request
from app.dataplane.codec.http2_session import Http2Session
from app.dataplane.codec.request import Request
from app.dataplane.downstream.client_socket import ClientSocket, client_peer, join_open_clients
from app.dataplane.downstream.http2_life import Http2Life
from app.dataplane.downstream.http2_state import Event, State
from app.dataplane.downstream.http2_stream import Http2Stream
from app.dataplane.downstream.local_page import LocalPages
from app.dataplane.downstream.request_validation import validate
from app.dataplane.eventloop.http2_outlet import Http2Outlet
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.entrance import Entrance
from app.foundation.clock import now_s
from app.foundation.reasons import Reason, Rejection
from app.settings import Settings

__all__ = ["Http2Connection"]

STREAM_WINDOW_BYTES: Final = 256 * 1024
MAX_WINDOW_BYTES: Final = 2**31 - 1  # RFC 9113 §6.9.1
NO_STREAM: Final = 2**31 - 1
"""Stands for a stream that never came to be: what is written to it goes nowhere."""

_PREFACE: Final = State.PREFACE
_IDLE: Final = State.IDLE
_ACTIVE: Final = State.ACTIVE
_LAST_STREAMS: Final = State.LAST_STREAMS
_CLOSING: Final = State.CLOSING


def session_limits(settings: Settings) -> SessionLimits:
    """The connection's window holds those of all streams: uploads that stall stop nobody else."""
    return SessionLimits(
        max_streams=settings.max_streams,
        max_head_bytes=settings.max_head_bytes,
        stream_window_bytes=STREAM_WINDOW_BYTES,
        connection_window_bytes=min(settings.max_streams * STREAM_WINDOW_BYTES, MAX_WINDOW_BYTES),
    )


def _rejection_of(fault: SessionFault, settings: Settings) -> Rejection | None:
    """What ended the client's connection, as the rejection of a request that HTTP/1.1 would have made of it."""
    if fault.large_head:
        return Rejection(Reason.HEAD_TOO_LARGE, f"the head is larger than {settings.max_head_bytes} bytes")
    if fault.by_peer or fault.error_code in (NO_ERROR, INTERNAL_ERROR):
        return None
    return Rejection(Reason.REQUEST_MALFORMED, f"HTTP/2 was broken: {fault.detail}")


class Http2Connection(SessionOwner):
    """An asyncio protocol by its methods (compiled classes inherit none), and the session's owner.

    `streams`: open ones, by number. `_noticed`: the client was asked to open no more. `_client_leaves`: it will open
    none. `_closed`: it is our will that the connection ends. `_session`: None before and after the client's time.
    """

    life: Http2Life
    outlet: Http2Outlet
    socket: ClientSocket
    transport: asyncio.Transport

    __slots__ = (
        "_client_leaves",
        "_closed",
        "_context",
        "_noticed",
        "_pages",
        "_peer",
        "_session",
        "entrance",
        "life",
        "outlet",
        "socket",
        "streams",
        "transport",
    )

    def __init__(self, context: ProxyContext, pages: LocalPages, entrance: Entrance) -> None:
        self._context = context
        self.entrance = entrance
        self._pages = pages
        self._session: Http2Session | None = None
        self.streams: dict[int, Http2Stream] = {}
        self._noticed = self._closed = False
        self._client_leaves = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        context, entrance = self._context, self.entrance
        self.transport = cast(asyncio.Transport, transport)
        self.socket = ClientSocket(self.transport, context.disconnects)
        self.life = Http2Life(self, context, self.socket)
        if not join_open_clients(self, self.transport, context, entrance):
            self.life.lost()
            return
        self._peer = client_peer(self.transport, context, entrance).http2
        session = self._session = Http2Session(self, True, session_limits(context.settings))
        self.outlet = Http2Outlet(self, context.loop, session, self.transport)
        self.outlet.flush_soon()  # our SETTINGS

    def connection_lost(self, exc: Exception | None) -> None:
        session, self._session = self._session, None
        if session is None:
            return  # there were too many
        self.entrance.leave(self)
        self.life.lost()
        self.outlet.stop()
        self._end_streams()
        session.release()  # no cycle is left to the collector

    def eof_received(self) -> None:
        """None: the transport closes itself; a client that hangs up wants no responses."""

    def pause_writing(self) -> None:
        """The client reads nothing: neither are its requests read."""
        self.outlet.blocked = True
        self.socket.pause_reading(watched=True)

    def resume_writing(self) -> None:
        self.outlet.blocked = False
        self.outlet.flush()
        if not self.outlet.blocked:
            self.socket.resume_reading()

    def data_received(self, data: bytes) -> None:
        session, life = self._session, self.life
        if session is None or life.state >= _CLOSING:
            return  # discarded: nothing of it is believed or wanted any more
        try:
            session.receive(data, now_s())
        except Exception as bug:  # a fault of ours ends this connection only
            self._context.on_internal_error(bug)
            session.terminate(INTERNAL_ERROR, "the gateway failed")
        life.note_head(session.open_head)
        self.outlet.flush_received()

    # Requests (codec.http2_owner.SessionOwner)

    def on_request(self, stream_id: int, pairs: Pairs, end: bool) -> None:
        context = self._context
        if self.life.state is _IDLE:
            self.life.enter(Event.STREAM_OPENED)
        try:
            request = read_http2_request(pairs, end, self._peer)
            rejection = validate(request, context.settings, 0) or request.rejection
            request.rejection = rejection
            stream = self.streams[stream_id] = self._stream(stream_id, request)
            stream.request_complete = end
            is_page = request.path in context.local_paths and self.entrance.is_own
            if is_page and rejection is None:
                stream.begin_page(self._pages)
            else:
                stream.begin()
        except Exception as bug:  # a fault of ours ends this stream only
            self._failed_inside(stream_id, bug)

    def on_data(self, stream_id: int, data: bytes, end: bool) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        try:
            stream.on_data(data, end)
        except Exception as bug:  # a fault of ours ends this stream only
            self._failed_inside(stream_id, bug)

    def on_trailers(self, stream_id: int, pairs: Pairs) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        try:
            stream.on_trailers(
                read_trailers(pairs, REQUEST_LINES) if len(pairs) <= self._context.settings.max_fields else []
            )
        except Exception as bug:  # a fault of ours ends this stream only
            self._failed_inside(stream_id, bug)

    def on_stream_reset(self, stream_id: int, error_code: int) -> None:
        stream = self.streams.get(stream_id)
        if stream is not None:
            self._leave(stream)

    def on_stream_closed(self, stream_id: int, error_code: int) -> None:
        stream = self.streams.pop(stream_id, None)
        if stream is None:
            return
        try:
            if error_code != NO_ERROR:
                stream.on_malformed(f"the stream ended with {error_name(error_code)}")
        except Exception as bug:  # a fault of ours: the stream is gone already
            self._context.on_internal_error(bug)
        self._leave(stream)
        if not self.streams:
            self._on_last_stream_closed()

    def on_malformed_head(self, stream_id: int, error_code: int) -> None:
        self._reject_unread(stream_id, Reason.REQUEST_MALFORMED, "the head breaks the rules of HTTP/2")

    def on_settings(self) -> None:
        if self.life.state is _PREFACE:
            self.life.enter(Event.PREFACE_READ)

    def on_ping_acknowledged(self) -> None:
        """Of the ping behind the notice: every stream that the client opened before it read that has come."""
        if self._noticed:
            self._end_after_streams(NO_ERROR)

    def on_goaway(self, last_stream_id: int, error_code: int) -> None:
        self._client_leaves = True
        if not self.streams and self.life.state is _IDLE:
            self._close(NO_ERROR, "")

    # Never called: of a client's connection
    def on_response(self, stream_id: int, pairs: Pairs, end: bool) -> None: ...
    def on_interim(self, stream_id: int, pairs: Pairs) -> None: ...

    def _stream(self, stream_id: int, request: Request) -> Http2Stream:
        session = self._session
        assert session is not None  # noqa: S101 - it is the one that calls
        return Http2Stream(self, self.outlet, self._context, session, self.transport, stream_id, request)

    def _reject_unread(self, stream_id: int, reason: Reason, detail: str) -> None:
        """Log and count what never became a request, as HTTP/1.1 does; its stream, if it had one, is reset already."""
        stream = self._stream(stream_id, unread_http2_request(reason, detail, self._peer))
        stream.request_complete = True
        stream.begin()
        self._leave(stream)

    def _failed_inside(self, stream_id: int, bug: Exception) -> None:
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.failed_inside(bug)
            return
        self._context.on_internal_error(bug)
        if self._session is not None:
            self._session.reset(stream_id, INTERNAL_ERROR)
            self.outlet.flush_soon()

    def _on_last_stream_closed(self) -> None:
        state = self.life.state
        if state is _ACTIVE and not self._client_leaves:
            self.life.enter(Event.LAST_STREAM_CLOSED)
            if self._context.draining or self.entrance.draining:
                self.prepare_to_end()
        elif state is _ACTIVE or state is _LAST_STREAMS:
            self._close(NO_ERROR, "")

    # Ends

    def on_client_stalled(self) -> None:
        """Of a stream: the client held its window at zero for too long, or reads nothing at all."""
        if self.outlet.blocked:
            self._close(ENHANCE_YOUR_CALM, "nothing was read in time")
        else:
            self._end_after_streams(ENHANCE_YOUR_CALM)

    def on_session_over(self) -> None:
        """GOAWAY is written: the outlet's call."""
        if self.life.state >= _CLOSING:
            return
        session = self._session
        if session is not None and session.fault is not None and not self._closed:
            rejection = _rejection_of(session.fault, self._context.settings)
            if rejection is not None:
                self._reject_unread(NO_STREAM, rejection.reason, rejection.detail)
        self.outlet.stop()
        self.life.close()
        self._end_streams()

    def _end_streams(self) -> None:
        streams = tuple(self.streams.values())
        self.streams.clear()
        for stream in streams:
            self._leave(stream)

    def _leave(self, stream: Http2Stream) -> None:
        """The client takes no more of it."""
        self.outlet.forget(stream)
        try:
            stream.on_gone()
        except Exception as bug:  # a fault of ours must not keep the others
            self._context.on_internal_error(bug)

    def _end_after_streams(self, error_code: int) -> None:
        """GOAWAY names the last stream; when those under way are over, the connection ends."""
        session, state = self._session, self.life.state
        if session is None:
            return
        if state is _ACTIVE:
            session.goaway(error_code)
            self.life.enter(Event.GOAWAY)
            self.outlet.flush_soon()
        elif state < _ACTIVE:
            self._close(error_code, "")

    def _close(self, error_code: int, detail: str) -> None:
        """End the connection and whatever it serves, with GOAWAY: by the flush that writes it."""
        session = self._session
        if session is None or self.life.state >= _CLOSING:
            return
        self._closed = True
        session.terminate(error_code, detail)
        self.outlet.flush_soon()

    def abort(self) -> None:
        self.transport.abort()

    def on_deadline(self, now: float) -> None:
        """A preface or a head that came in part only, an idle connection, or one that does not end."""
        life = self.life
        if life.state is _CLOSING:
            life.end_closing(now)
            return
        if life.waits_for_head:
            detail = "the request's head did not come in time"
            self._reject_unread(NO_STREAM, Reason.REQUEST_TIMEOUT, detail)
            self._close(ENHANCE_YOUR_CALM, detail)
        else:
            self._close(NO_ERROR, "")

    # What a drain asks (gateway.drain)

    @property
    def busy(self) -> bool:
        """A stream is open."""
        return bool(self.streams)

    def prepare_to_end(self) -> None:
        """The drain has begun: the client shall open no more streams here, but those on their way are served."""
        session = self._session
        if self._noticed or session is None or self.life.state >= _LAST_STREAMS:
            return
        self._noticed = True
        session.shutdown_notice()
        self.outlet.ping_soon()

    def quiet_s(self, now: float, since_s: float) -> float:
        """For how long nothing was under way, counted from `since_s` on; 0 while something is."""
        return self.life.quiet_s(now, since_s)

    def close(self) -> None:
        """End an idle connection; one whose streams are under way goes on."""
        if not self.streams:
            self._close(NO_ERROR, "")

    def cut(self) -> None:
        """End now, whatever is under way."""
        self._close(NO_ERROR, "the gateway ends")
