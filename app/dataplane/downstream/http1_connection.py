"""A client's HTTP/1.1 connection: reads requests one at a time, and writes responses in their order.

Its states are those of `connection_state`; what a request is and becomes is the exchange's.
"""

import asyncio
from typing import Final, cast

from app.dataplane.codec.request import Request
from app.dataplane.downstream.connection_state import BUSY, Event, State, step
from app.dataplane.downstream.own_pages import OwnPages, Page
from app.dataplane.downstream.request_reader import RequestReader
from app.dataplane.downstream.response_writer import Http1ResponseWriter
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.downstream import TunnelOwner
from app.dataplane.proxy.exchange import Exchange
from app.dataplane.proxy.tunnel import Tunnel
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.foundation.clock import now_s
from app.foundation.reasons import Reason

__all__ = ["ClientConnection"]

HIGH_WATER_BYTES: Final = 256 * 1024
LINGER_S: Final = 2.0
REQUESTS_A_TURN: Final = 16
"""Of one connection, before others have their turn: a read may hold thousands of requests."""

_IDLE, _HEAD, _RECEIVING, _DISCARDING = State.IDLE, State.HEAD, State.RECEIVING, State.DISCARDING
_LINGERING = State.LINGERING
_WITH_BODY = (State.RECEIVING, State.DISCARDING, State.PAGE)


class ClientConnection:
    """An asyncio protocol by its methods (compiled classes inherit none). `exchange`: the request under way."""

    transport: asyncio.Transport
    reader: RequestReader
    writer: Http1ResponseWriter

    __slots__ = (
        "_advancing",
        "_context",
        "_page",
        "_pages",
        "_rested_at_s",
        "_unsent_at_close_bytes",
        "_write_blocked",
        "armed_tick",
        "deadline_s",
        "exchange",
        "read_paused",
        "reader",
        "state",
        "transport",
        "upload_paused",
        "writer",
    )

    def __init__(self, context: ProxyContext, pages: OwnPages) -> None:
        self._context = context
        self._pages = pages
        self.state = State.IDLE
        self.deadline_s = NEVER
        self.armed_tick = 0
        self.exchange: Exchange | None = None
        self._page: Page | None = None
        self.read_paused = self.upload_paused = False
        self._write_blocked = False
        self._advancing = False
        self._unsent_at_close_bytes = 0
        self._rested_at_s = 0.0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        context = self._context
        self.transport = cast(asyncio.Transport, transport)
        if len(context.open_clients) >= context.settings.max_connections:
            self.state = State.CLOSED
            self.transport.abort()
            return
        context.open_clients.add(self)
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        peer = transport.get_extra_info("peername")
        scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self.reader = RequestReader(context.settings, context.peer(str(peer[0]) if peer else "", scheme))
        self.writer = Http1ResponseWriter(context, self.transport)
        self._rested_at_s = now_s()
        context.wheel.set(self, self._rested_at_s + context.settings.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        context = self._context
        context.open_clients.discard(self)
        context.wheel.remove(self)
        self.state = State.CLOSED
        page, self._page = self._page, None
        if page is not None:
            page.on_connection_lost(exc)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.on_client_gone()

    def eof_received(self) -> None:
        """None: the transport closes itself; a client that hangs up wants no response."""

    def pause_writing(self) -> None:
        self._write_blocked = True  # nor does another request begin before the client takes what it is owed
        if self._page is not None:
            self._page.on_client_blocked()
        elif self.exchange is not None:
            self.exchange.on_client_blocked()

    def resume_writing(self) -> None:
        self._write_blocked = False
        if self._page is not None:
            self._page.on_client_writable()
        elif self.exchange is not None:
            self.exchange.on_client_writable()
        else:
            self._advance()

    def data_received(self, data: bytes) -> None:
        state = self.state
        if state >= _LINGERING:
            return  # thrown away: nothing of it is believed or wanted any more
        self.reader.receive(data)
        if state in _WITH_BODY:
            try:
                self._take_body()
            except Exception as bug:  # a fault of ours is this request's end
                self._failed_inside(bug)
        self._advance()

    # Requests

    def _advance(self) -> None:
        """Begin what can begin: the next request, once the last one's response is written."""
        if self._advancing:
            return
        self._advancing = True
        try:
            for _ in range(REQUESTS_A_TURN):
                if not self._begin_next():
                    break
            else:
                self._pause_reading()
                self._context.loop.call_soon(self._advance)
                return
        except Exception as bug:  # a fault of ours ends this connection only
            self._context.on_internal_error(bug)
            self.transport.abort()
        finally:
            self._advancing = False
        self._pace_reading()

    def _failed_inside(self, bug: Exception) -> None:
        if self.exchange is not None:
            self.exchange.failed_inside(bug)
            return
        self._context.on_internal_error(bug)
        self.transport.abort()

    def _begin_next(self) -> bool:
        """Whether another request may be begun after this one."""
        if self.state > _HEAD or self._write_blocked:
            return False
        request = self.reader.next_request()
        if request is None:
            if self.state == _IDLE and self.reader.in_head:
                self.state = step(self.state, Event.HEAD_BEGUN)
                self._context.wheel.set(self, now_s() + self._context.settings.header_timeout_s)
            return False
        if request.path in self._context.local_paths and request.rejection is None:
            self._begin_page()
        else:
            self._begin_exchange(request)
        return True

    def _begin_exchange(self, request: Request) -> None:
        now, reader = now_s(), self.reader
        exchange = self.exchange = Exchange(self, self.writer, self._context, request, now)
        if not reader.body_complete:
            self._take_first_body(request, exchange)
        self.state = step(self.state, Event.REQUEST if reader.body_complete else Event.REQUEST_WITH_BODY)
        self.writer.begin(request, exchange.body)
        exchange.begin(now)

    def _take_first_body(self, request: Request, exchange: Exchange) -> None:
        """What came with the head goes on with it, or is reason to reject the request before it begins."""
        reader, limit = self.reader, self._context.max_body_bytes
        data = reader.read_body()
        if reader.body_fault:
            request.reject(Reason.REQUEST_MALFORMED, f"the body is malformed: {reader.body_fault}")
        elif limit and len(data) > limit:
            request.reject(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")
            reader.stop()
        elif data:
            exchange.body.add(data)
        if reader.body_complete:
            exchange.body.trailers = reader.trailers
            exchange.body.end()

    def _take_body(self) -> None:
        """Hand on what came of the body of the request under way."""
        reader, exchange, page = self.reader, self.exchange, self._page
        if reader.body_complete:
            return
        data = reader.read_body()
        if page is not None:
            self._feed_page(page, data)
        elif exchange is not None:
            if data:
                exchange.on_request_body(data)
            if reader.body_fault and self.exchange is exchange:
                exchange.on_request_malformed(reader.body_fault)
        if not self.reader.body_complete:
            return
        if self.state == _RECEIVING or self.state == _DISCARDING:
            was = self.state
            self.state = step(was, Event.BODY_ENDED)
            if was == _DISCARDING:
                self._rest()
            elif exchange is not None:
                exchange.on_request_end(reader.trailers)

    def _pace_reading(self) -> None:
        """No more is read while something waits unread behind the request under way."""
        if self.exchange is None and self._page is None:
            if self._write_blocked and self.state <= _HEAD:
                self._pause_reading()
            else:
                self._resume_reading()
        elif self.reader.body_complete:
            if self.reader.unread_bytes:
                self._pause_reading()
                self._context.disconnects.watch(self)  # a paused transport does not see its client leave
            else:
                self._resume_reading()
        elif not self.upload_paused:
            self._resume_reading()

    def _rest(self) -> None:
        now = self._rested_at_s = now_s()
        self._context.wheel.set(self, now + self._context.settings.keep_alive_timeout_s)

    # What an exchange asks for (proxy.downstream.Downstream)

    def exchange_done(self) -> None:
        """The response is written: go on, or end."""
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        self.upload_paused = False
        self.writer.end()
        if self.writer.last:
            self._end(unread=self.state == _RECEIVING or self.reader.unread_bytes > 0)
            return
        self.state = step(self.state, Event.RESPONSE_ENDED)
        if self.state == _DISCARDING:
            self._resume_reading()
            self._context.wheel.set(self, now_s() + self._context.settings.header_timeout_s)
            return
        self._rest()
        if self.reader.unread_bytes or self.read_paused or self._write_blocked:
            self._advance()

    def set_deadline(self, deadline_s: float) -> None:
        self._context.wheel.set(self, deadline_s)

    def pause_upload(self) -> None:
        self.upload_paused = True
        self._pause_reading()
        self._context.disconnects.watch(self)

    def resume_upload(self) -> None:
        self.upload_paused = False
        if not (self.reader.unread_bytes and self.reader.body_complete):
            self._resume_reading()

    def abort(self) -> None:
        self.transport.abort()

    def start_tunnel(
        self, owner: TunnelOwner, phrase: bytes, lines: bytes, upstream: UpstreamConnection, rest: bytes
    ) -> None:
        """Both transports leave HTTP; the exchange is over when they are gone."""
        context = self._context
        self.state = step(self.state, Event.UPGRADED)
        self.exchange = None
        self._leave()
        self.writer.write_upgrade(phrase, lines)

        def ended() -> None:
            context.tunnels.discard(tunnel)
            owner.on_tunnel_end(tunnel.bytes_in, tunnel.bytes_out)

        tunnel = Tunnel(self.transport, upstream.transport, ended)
        context.tunnels.add(tunnel)
        tunnel.start(self.reader.take_rest(), rest)

    # Own pages (own_pages.PageOwner)

    def _begin_page(self) -> None:
        self.state = step(self.state, Event.PAGE_BEGUN)
        self._context.wheel.set(self, NEVER)
        page = self._page = self._pages.page(self.transport, self)
        page.begin(self.reader.head)
        if self._context.draining:
            page.shutdown()  # not before: without a request it would only close
        if self._page is page:
            self._take_body()

    def _feed_page(self, page: Page, data: bytes) -> None:
        if self.reader.body_fault:
            self.transport.abort()  # our page waits for a body whose end nobody can tell
        elif framed := self.reader.framed(data):
            page.on_body(framed)

    def on_page_end(self, keep: bool) -> None:
        self._page = None
        if not keep or self._context.draining or not self.reader.body_complete:
            self._end(unread=not self.reader.body_complete or self.reader.unread_bytes > 0)
            return
        self.state = step(self.state, Event.PAGE_ENDED)
        self._rest()
        self._advance()

    def on_page_upgraded(self, protocol: asyncio.BaseProtocol) -> None:
        self.state = step(self.state, Event.UPGRADED)
        self._page = None
        self._leave()
        self.transport.set_protocol(protocol)

    def _leave(self) -> None:
        self.read_paused = False  # whoever has the connection now paces it: no poller is to end it
        self._context.wheel.remove(self)
        self._context.open_clients.discard(self)

    def _pause_reading(self) -> None:
        if not self.read_paused and not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def _end(self, *, unread: bool) -> None:
        """Close; where the client is still sending, only after it had time to read the response."""
        self.reader.stop()
        if not unread or self.transport.is_closing():
            self._close()
            return
        # RFC 9112 §9.6: a close with unread bytes would reset the connection under the response
        self.state = step(self.state, Event.CLOSE_UNREAD)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._resume_reading()
        self._context.wheel.set(self, now_s() + LINGER_S)

    def _close(self) -> None:
        """Close once the response is sent; a client that takes no byte of it any more is cut off."""
        self.state = step(self.state, Event.CLOSE)
        transport = self.transport
        transport.close()
        unsent = transport.get_write_buffer_size()
        if unsent and unsent != self._unsent_at_close_bytes:
            self._unsent_at_close_bytes = unsent
            self._context.wheel.set(self, now_s() + self._context.settings.header_timeout_s)
        elif unsent:
            transport.abort()

    def on_deadline(self, now: float) -> None:
        """The wheel's call: a slow head, an idle connection, or the exchange's own deadline."""
        if self.exchange is not None:
            self.exchange.on_deadline(now)
        elif self.state == _HEAD and not self._write_blocked:
            self._begin_exchange(self.reader.time_out())
        elif self.state != State.CLOSED:
            self._close()

    @property
    def busy(self) -> bool:
        """Something of a request has come that is not answered yet, or the response is being taken."""
        return self.state in BUSY

    def prepare_to_end(self) -> None:
        """The drain has begun: the response under way says that it is the last one, as each later one does."""
        if self._page is not None:
            self._page.shutdown()

    def quiet_s(self, now: float, since_s: float) -> float:
        """For how long nothing was under way, counted from `since_s` on; 0 while something is."""
        return now - max(self._rested_at_s, since_s) if self.state == _IDLE else 0.0

    def close(self) -> None:
        """End an idle connection; one that has begun a request goes on."""
        if self.state == _IDLE:
            self._close()
