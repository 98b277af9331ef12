"""A client's HTTP/1.1 connection: reads requests one at a time, and writes responses in their order.

`ConnectionLife` says what the connection itself is doing; what becomes of a request is its exchange's.
"""

import asyncio
from typing import Final, cast

from app.dataplane.codec.request import Request
from app.dataplane.downstream.client_socket import ClientSocket, client_peer, join_open_clients
from app.dataplane.downstream.connection_life import ConnectionLife
from app.dataplane.downstream.connection_state import Event, State
from app.dataplane.downstream.http2_connection import Http2Connection
from app.dataplane.downstream.local_page import LocalPage, LocalPages
from app.dataplane.downstream.request_reader import HTTP2_START, RequestReader
from app.dataplane.downstream.response_writer import Http1ResponseWriter
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.downstream import Downstream, TunnelOwner
from app.dataplane.proxy.entrance import Entrance
from app.dataplane.proxy.exchange import Exchange
from app.dataplane.proxy.tunnel import Tunnel
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.foundation.clock import now_s

__all__ = ["ClientConnection"]

REQUESTS_A_TURN: Final = 16
"""Of one connection, before others have their turn: a read may hold thousands of requests."""

_IDLE: Final = State.IDLE
_HEAD: Final = State.HEAD
_RECEIVING: Final = State.RECEIVING
_DISCARDING: Final = State.DISCARDING
_LINGERING: Final = State.LINGERING
_WITH_BODY: Final = (State.RECEIVING, State.DISCARDING, State.PAGE)


class ClientConnection(Downstream):
    """An asyncio protocol by its methods (compiled classes inherit none).

    `serving`: what has the request under way, an exchange or a page of the gateway's own. `_write_blocked`: the
    client does not take what it is owed, so no other request begins. `_advancing`: requests are being begun.
    """

    life: ConnectionLife
    reader: RequestReader
    socket: ClientSocket
    writer: Http1ResponseWriter
    transport: asyncio.Transport

    __slots__ = (
        "_advancing",
        "_context",
        "_entrance",
        "_pages",
        "_write_blocked",
        "life",
        "reader",
        "serving",
        "socket",
        "transport",
        "upload_paused",
        "writer",
    )

    def __init__(self, context: ProxyContext, pages: LocalPages, entrance: Entrance) -> None:
        self._context = context
        self._entrance = entrance
        self._pages = pages
        self.serving: Exchange | LocalPage | None = None
        self.upload_paused = False
        self._write_blocked = False
        self._advancing = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        context, entrance = self._context, self._entrance
        self.transport = cast(asyncio.Transport, transport)
        self.socket = ClientSocket(self.transport, context.disconnects)
        self.life = ConnectionLife(self, context, self.socket)
        if not join_open_clients(self, self.transport, context, entrance):
            self.life.lost()
            return
        peer = client_peer(self.transport, context, entrance)
        takes_http2 = context.settings.http2 and peer.scheme == b"http"
        self.reader = RequestReader(context.settings, peer, takes_http2=takes_http2)
        self.writer = Http1ResponseWriter(context, entrance, self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._entrance.leave(self)
        self.life.lost()
        serving, self.serving = self.serving, None
        if serving is not None:
            serving.on_client_gone()

    def eof_received(self) -> None:
        """None: the transport closes itself; a client that hangs up wants no response."""

    def pause_writing(self) -> None:
        self._write_blocked = True
        if self.serving is not None:
            self.serving.on_client_blocked()

    def resume_writing(self) -> None:
        self._write_blocked = False
        if self.serving is not None:
            self.serving.on_client_writable()
        else:
            self._advance()

    def data_received(self, data: bytes) -> None:
        state = self.life.state
        if state is not _IDLE and state >= _LINGERING:  # `is` first: compiled, enums compare slowly
            return  # discarded: nothing of it is believed or wanted any more
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
                self.socket.pause_reading(watched=False)
                self._context.loop.call_soon(self._advance)
                return
        except Exception as bug:  # a fault of ours ends this connection only
            self._context.on_internal_error(bug)
            self.transport.abort()
        finally:
            self._advancing = False
        self._pace_reading()

    def _failed_inside(self, bug: Exception) -> None:
        if isinstance(self.serving, Exchange):
            self.serving.failed_inside(bug)
            return
        self._context.on_internal_error(bug)
        self.transport.abort()

    def _begin_next(self) -> bool:
        """Whether another request may be begun after this one."""
        life, reader = self.life, self.reader
        state = life.state
        # by `is`: compiled, to compare enums takes 60 instructions more
        if (state is not _IDLE and state is not _HEAD) or self._write_blocked:
            return False
        request = reader.next_request()
        if request is None:
            if reader.is_http2:
                self._become_http2()
            elif state is _IDLE and reader.has_unread:
                life.enter(Event.HEAD_BEGUN, now_s())
            return False
        is_page = request.path in self._context.local_paths and self._entrance.is_own
        if is_page and request.rejection is None:
            self._begin_page(request)
        else:
            self._begin_exchange(request)
        return reader.has_unread

    def _become_http2(self) -> None:
        """The client knew that HTTP/2 is spoken here (RFC 9113 §3.3): another protocol has the connection now."""
        self._leave()
        connection = Http2Connection(self._context, self._pages, self._entrance)
        self.transport.set_protocol(cast(asyncio.BaseProtocol, connection))
        connection.connection_made(self.transport)
        connection.data_received(HTTP2_START + b"\r\n\r\n" + self.reader.take_rest())

    def _begin_exchange(self, request: Request) -> None:
        now, reader = now_s(), self.reader
        exchange = self.serving = Exchange(self, self.writer, self._context, request, now)
        if not reader.body_complete:
            reader.read_first_body(request, exchange.body)
        self.life.enter(Event.REQUEST if reader.body_complete else Event.REQUEST_WITH_BODY, now)
        self.writer.begin(request, exchange.body)
        exchange.begin(now)

    def _begin_page(self, request: Request) -> None:
        self.life.enter(Event.PAGE_BEGUN, now_s())
        page = self.serving = self._pages.page(self.transport, self, chunked=request.length_bytes < 0)
        page.begin(self.reader.head)
        if self._context.draining:  # pages are the own port's, which closes with the gateway only
            page.shutdown()  # not before: without a request it would only close
        if self.serving is page:
            self._take_body()

    def _take_body(self) -> None:
        """What came of the body of the request under way goes to what serves it."""
        reader, life = self.reader, self.life
        if (
            not reader.body_complete
            and reader.pass_body(self.serving)
            and life.state in (_RECEIVING, _DISCARDING)
        ):
            life.enter(Event.BODY_ENDED, now_s())

    def _pace_reading(self) -> None:
        """No more is read while something waits unread, or while the exchange takes no more of the upload."""
        life = self.life
        if self.serving is None:
            paused = self._write_blocked and life.state <= _HEAD
        elif self.reader.body_complete:
            paused = self.reader.has_unread
        else:
            paused = self.upload_paused
        if paused:
            self.socket.pause_reading(watched=self.serving is not None)
        elif self.socket.read_paused:
            self.socket.resume_reading()

    # What an exchange asks for (proxy.downstream.Downstream)

    def exchange_done(self, now: float) -> None:
        """The response is written: go on, or end."""
        if self.serving is None:
            return
        self.serving = None
        self.upload_paused = False
        life, reader = self.life, self.reader
        self.writer.end()
        if self.writer.last:
            self._end(unread=life.state is _RECEIVING or reader.has_unread)
            return
        life.enter(Event.RESPONSE_ENDED, now)
        if life.state is _DISCARDING:
            self.socket.resume_reading()
        elif reader.has_unread or self.socket.read_paused or self._write_blocked:
            self._advance()

    def set_deadline(self, deadline_s: float) -> None:
        self.life.set_deadline(deadline_s)

    def pause_upload(self) -> None:
        self.upload_paused = True
        self.socket.pause_reading(watched=True)

    def resume_upload(self) -> None:
        self.upload_paused = False
        self._pace_reading()

    def abort(self) -> None:
        self.transport.abort()

    def start_tunnel(
        self, owner: TunnelOwner, phrase: bytes, lines: bytes, upstream: UpstreamConnection, rest: bytes
    ) -> None:
        """Both transports leave HTTP; the exchange is over when they are gone."""
        self._leave()
        self.writer.write_upgrade(phrase, lines)
        tunnel = Tunnel(self.transport, upstream.transport, owner, self._entrance)
        tunnel.start(self.reader.take_rest(), rest)

    # What a page says (local_page.PageOwner)

    def on_page_end(self, keep: bool) -> None:
        self.serving = None
        reader = self.reader
        if not keep or self._context.draining or not reader.body_complete:
            self._end(unread=not reader.body_complete or reader.has_unread)
            return
        self.life.enter(Event.PAGE_ENDED, now_s())
        self._advance()

    def on_page_upgraded(self, protocol: asyncio.BaseProtocol) -> None:
        self._leave()
        self.transport.set_protocol(protocol)

    # Ends

    def _leave(self) -> None:
        self.serving = None
        self.life.upgrade()
        self._entrance.leave(self)

    def _end(self, *, unread: bool) -> None:
        self.reader.stop()
        self.life.end(unread=unread)

    def on_deadline(self, now: float) -> None:
        """A slow head, an idle connection, or the exchange's own deadline."""
        if isinstance(self.serving, Exchange):
            self.serving.on_deadline(now)
        elif self.life.state == _HEAD and not self._write_blocked:
            self._begin_exchange(self.reader.time_out())
        else:
            self.life.close()

    # What a drain asks (gateway.drain)

    @property
    def busy(self) -> bool:
        """A request is under way, or its response is being taken."""
        return self.life.busy

    def prepare_to_end(self) -> None:
        """The drain has begun: the response under way says that it is the last one, as each later one does."""
        serving = self.serving
        if serving is not None and not isinstance(serving, Exchange):
            serving.shutdown()

    def quiet_s(self, now: float, since_s: float) -> float:
        """For how long nothing was under way, counted from `since_s` on; 0 while something is."""
        return self.life.quiet_s(now, since_s)

    def close(self) -> None:
        """End an idle connection; one that has begun a request goes on."""
        if self.life.state == _IDLE:
            self.life.close()

    def cut(self) -> None:
        """End now, amid a response."""
        self.transport.abort()
