"""One stream of a client's HTTP/2 connection: one request with its response (RFC 9113 §§5.1, 8.1)."""

import asyncio
from typing import Final, Protocol, TypeAlias

from app.dataplane.codec.field_edits import without
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.http2_error import CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, NO_ERROR
from app.dataplane.codec.http2_session import Http2Session
from app.dataplane.codec.request import Request
from app.dataplane.codec.response import CHUNKED
from app.dataplane.codec.websocket_handshake import KEY_BITS, handshake_key
from app.dataplane.downstream.http2_response_writer import Http2ResponseWriter, WriterOwner
from app.dataplane.downstream.local_page import LocalPages
from app.dataplane.downstream.page_stream import PageStream
from app.dataplane.downstream.stream_transport import StreamTransport
from app.dataplane.eventloop.http2_outlet import Http2Outlet, Waiting
from app.dataplane.eventloop.timer_wheel import NEVER, Timed
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.downstream import Downstream, TunnelOwner
from app.dataplane.proxy.entrance import Entrance
from app.dataplane.proxy.exchange import Exchange
from app.dataplane.proxy.tunnel import Tunnel
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.foundation.clock import now_s

__all__ = ["Http2Stream", "StreamOwner"]

HIGH_WATER_BYTES: Final = 64 * 1024
"""Of a response that the client does not take: above, no more of it is read from the upstream."""
LOW_WATER_BYTES: Final = 16 * 1024
SHORT_REST_BYTES: Final = 64 * 1024
"""Of a rejected request's body: so much is discarded, a longer one is cut off."""
_OF_HTTP1_ONLY: Final = frozenset({b"sec-websocket-accept"})  # RFC 8441 §5
_WEBSOCKET_STATUS: Final = 200


Serving: TypeAlias = Exchange | PageStream | StreamTransport
"""What serves a stream: an exchange, a page of the gateway's own, or a WebSocket's transport."""


class StreamOwner(Protocol):
    """The connection as its streams see it."""

    @property
    def entrance(self) -> Entrance:
        """By which the client came."""
        ...

    def on_client_stalled(self) -> None:
        """The client held its window at zero for too long."""
        ...


class Http2Stream(Downstream, Timed, Waiting, WriterOwner):
    """What the connection calls, and what the exchange has for its client's side (proxy.downstream.Downstream).

    `serving`: None once that is done. `request_complete`: END_STREAM came. `_uncredited_bytes`: came, and no credit was
    given for them yet. `_held`: of a WebSocket, what came before it began. `_discarded_bytes`: of a request that was
    responded to already. `_responded`: just now, and no flush was since. `_ends_early`: its response is written, the
    rest of its request is not wanted. `_due`: what serves it is being called about its deadline.
    """

    __slots__ = (
        "_below",
        "_blocked",
        "_context",
        "_discarded_bytes",
        "_due",
        "_ends_early",
        "_held",
        "_outlet",
        "_owner",
        "_request",
        "_responded",
        "_session",
        "_uncredited_bytes",
        "_unsent_bytes",
        "request_complete",
        "serving",
        "stream_id",
        "upload_paused",
        "writer",
    )

    def __init__(
        self,
        owner: StreamOwner,
        outlet: Http2Outlet,
        context: ProxyContext,
        session: Http2Session,
        below: asyncio.Transport,
        stream_id: int,
        request: Request,
    ) -> None:
        """`below`: the connection's transport."""
        self._owner = owner
        self._outlet = outlet
        self._context = context
        self._session = session
        self._below = below
        self.stream_id = stream_id
        self.request_complete = False
        self.upload_paused = False
        self.deadline_s = NEVER
        self.armed_tick = 0
        self._uncredited_bytes = 0
        self._discarded_bytes = 0
        self._unsent_bytes = 0
        self._blocked = False
        self._due = False
        self._ends_early = self._responded = False
        self.writer = Http2ResponseWriter(session, stream_id, self, head_only=request.method == b"HEAD")
        self._request = request
        self._held: list[bytes] = []
        self.serving: Serving | None = None

    def begin(self) -> None:
        """The request becomes an exchange."""
        context, request, now = self._context, self._request, now_s()
        if request.websocket:
            request.websocket_key = handshake_key(context.random.getrandbits(KEY_BITS))
        exchange = self.serving = Exchange(self, self.writer, context, request, now)
        exchange.begin(now)

    def begin_page(self, pages: LocalPages) -> None:
        """The request is for a page of the gateway's own."""
        page = self.serving = PageStream(pages, self, self.writer, self._below, self._request)
        page.begin()

    # From the client

    def on_data(self, data: bytes, end: bool) -> None:
        """A part of the request's body; credit for it is given when its exchange or page takes more."""
        serving = self.serving
        count = len(data)
        if end:
            self.request_complete = True
        if serving is None:
            self._discard(count)
            return
        if count:
            if self._request.websocket and isinstance(serving, Exchange):
                self._held.append(data)  # without credit: the stream's window bounds it
                self._uncredited_bytes += count
            else:
                serving.on_request_body(data)
                if self.upload_paused:
                    self._uncredited_bytes += count
                else:
                    self._give_credit(count)
        if end:
            serving.on_request_end([])

    def on_trailers(self, trailers: list[Field] | None) -> None:
        """They end the request. None: they are malformed."""
        self.request_complete = True
        if self.serving is None:
            return
        if trailers is None:
            self.serving.on_request_malformed("a trailer is malformed")
        else:
            self.serving.on_request_end(trailers)

    def on_malformed(self, detail: str) -> None:
        """The request broke the protocol; the session has reset the stream already."""
        if self.serving is not None:
            self.serving.on_request_malformed(detail)

    def on_gone(self) -> None:
        """The stream is over, or the whole connection is."""
        self._context.wheel.remove(self)
        serving, self.serving = self.serving, None
        if serving is not None:
            serving.on_client_gone()
        self.writer.stop()

    def on_written(self) -> None:
        """The writer has given the session more of the response."""
        self._outlet.flush_soon()
        if self._blocked or self.writer.ended:
            return  # whose end is written, nobody asks for more
        if self._session.queued_bytes(self.stream_id) > HIGH_WATER_BYTES:
            self._blocked = True
            self._outlet.call_when_sent(self)
            if self.serving is not None:
                self.serving.on_client_blocked()

    def on_sent(self, *, all_sent: bool) -> bool:
        """A flush is over; `all_sent`: but for data that waits for the client's windows. Whether to call again."""
        queued = self._session.queued_bytes(self.stream_id)
        if self._responded:  # and still here: `HEADER_TIMEOUT` for each further byte, and to end its own
            self._responded = False
            self._context.wheel.set(self, now_s() + self._context.settings.header_timeout_s)
        if self._blocked and queued <= LOW_WATER_BYTES:
            self._blocked = False
            if self.serving is not None:
                self.serving.on_client_writable()
        if self._ends_early and all_sent and not queued:
            self._ends_early = False
            self.end_early()
        return self._blocked or self._ends_early

    def failed_inside(self, bug: Exception) -> None:
        """A fault of ours is this stream's end, not the connection's."""
        if isinstance(self.serving, Exchange):
            self.serving.failed_inside(bug)
            return
        self._context.on_internal_error(bug)
        self._reset(INTERNAL_ERROR)  # what serves it hears of that by `on_malformed` and `on_gone`

    def _discard(self, count: int) -> None:
        self._discarded_bytes += count
        if self.request_complete:
            return
        if self._discarded_bytes <= SHORT_REST_BYTES:
            self._give_credit(count)
        elif not self._ends_early:
            self._ends_early = True  # behind the response: a reset now would cut it
            self._outlet.call_when_sent(self)
            self._outlet.flush_soon()

    def _give_credit(self, count: int) -> None:
        self._session.consumed(self.stream_id, count)
        self._outlet.flush_soon()

    def end_early(self) -> None:
        """The response is sent: the client shall send no more (RFC 9113 §8.1)."""
        if not self.request_complete:
            self._session.reset(self.stream_id, NO_ERROR)
            self._outlet.flush_soon()

    # What an exchange asks for (proxy.downstream.Downstream)

    def exchange_done(self, _now: float) -> None:
        """The response is with the session; nearly always the next flush ends the stream with it."""
        self.serving = None
        self.upload_paused = False
        self._responded = True
        self._outlet.call_when_sent(self)
        if self.request_complete:
            return
        if self._request.rest_is_short:
            self._give_credit(self._uncredited_bytes)
        else:
            self._ends_early = True

    def set_deadline(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self._context.wheel.moved(self, deadline_s)

    def on_deadline(self, now: float) -> None:
        """The wheel's call: the exchange's deadline, or the client's to take the rest."""
        if self.serving is not None:
            self._due = True
            try:
                self.serving.on_deadline(now)
            finally:
                self._due = False
            return
        unsent = self._unsent()
        if unsent and unsent != self._unsent_bytes:
            self._unsent_bytes = unsent
            self._context.wheel.set(self, now + self._context.settings.header_timeout_s)
        elif unsent:
            self._stalled()
        else:
            self._reset(NO_ERROR if self.writer.ended else CANCEL)

    def pause_upload(self) -> None:
        self.upload_paused = True

    def resume_upload(self) -> None:
        self.upload_paused = False
        uncredited, self._uncredited_bytes = self._uncredited_bytes, 0
        if uncredited:
            self._give_credit(uncredited)

    def abort(self) -> None:
        code = CANCEL if isinstance(self.serving, StreamTransport) else INTERNAL_ERROR  # RFC 8441 §5.1
        self.serving = None
        if self._due and self._unsent():
            self._stalled()
        else:
            self._reset(code)

    def start_tunnel(
        self, owner: TunnelOwner, phrase: bytes, lines: bytes, upstream: UpstreamConnection, rest: bytes
    ) -> None:
        """A WebSocket over HTTP/2 (RFC 8441): its frames are the stream's DATA."""
        transport = StreamTransport(self, self.writer, self._below)
        self.serving = transport
        self.set_deadline(NEVER)
        self.writer.write_head(_WEBSOCKET_STATUS, phrase, [without(lines, _OF_HTTP1_ONLY)], CHUNKED)
        self.writer.flush()
        tunnel = Tunnel(transport, upstream.transport, owner, self._owner.entrance, half_closes=True)
        held, self._held = b"".join(self._held), []
        tunnel.start(held, rest)
        if self.request_complete:
            transport.on_request_end([])
        if transport.is_reading():
            self.resume_upload()

    def _unsent(self) -> int:
        """What the client has not taken; that of other streams is in the way of this one's while it reads nothing."""
        unsent = self._session.queued_bytes(self.stream_id)
        return unsent + self._below.get_write_buffer_size() if self._outlet.blocked else unsent

    def _stalled(self) -> None:
        self._reset(ENHANCE_YOUR_CALM)
        self._owner.on_client_stalled()

    def _reset(self, error_code: int) -> None:
        self._session.reset(self.stream_id, error_code)
        self._outlet.flush_soon()
