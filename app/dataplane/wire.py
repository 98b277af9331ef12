"""The client's side: uvicorn's httptools protocol, whose callbacks forward requests instead of running ASGI.

Requests for the gateway's own pages go on to uvicorn and ASGI as usual; one connection may mix both.
Pipelined requests are answered in their order, one at a time.
"""

import asyncio
from collections import deque
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from app.clock import now_s
from app.dataplane.connection import UpstreamConnection
from app.dataplane.exchange import Exchange
from app.dataplane.framing import RequestHead, read_request_head, wants_close
from app.dataplane.headers import Hop, client_address
from app.dataplane.request import Request
from app.dataplane.runtime import Runtime
from app.dataplane.tunnel import Tunnel
from app.dataplane.wheel import NEVER
from app.errors import Reason, Refuse
from app.routing.target import split_target

__all__ = ["ClientConnection"]

HIGH_WATER_BYTES = 256 * 1024
LINGER_S = 2.0
_UNKNOWN_TARGET = (b"", None, None)
_OTHER_VERSION = frozenset({"Invalid HTTP version", "Pause on PRI/Upgrade"})
"""What llhttp says of HTTP/1.2 or HTTP/3.0, and of HTTP/2's preface."""
_NO_HEAD = read_request_head([], http10=False)


class ClientConnection(HttpToolsProtocol):
    """`current` is being answered; `receiving` is the one whose bytes come in; `waiting` have not begun."""

    # Slots beside the parent's dict, which grows no further: saves 0.6 µs a request
    __slots__ = (
        "armed_tick",
        "bare_bytes",
        "body_skipped",
        "broken",
        "current",
        "deadline_s",
        "early",
        "fed_bytes",
        "head_bytes",
        "head_is_new",
        "heads_begun",
        "hop",
        "in_head",
        "lingering",
        "local",
        "made_up",
        "pumping",
        "raw_left_bytes",
        "read_paused",
        "receiving",
        "runtime",
        "sealed",
        "seen_fields",
        "seen_head",
        "trailers",
        "unsent_at_close_bytes",
        "waiting",
        "write_paused",
    )

    def __init__(
        self,
        runtime: Runtime,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.runtime = runtime
        self.deadline_s = NEVER
        self.armed_tick = 0
        self.current: Exchange | None = None
        self.receiving: Exchange | None = None
        self.waiting: deque[Exchange] | None = None
        self.local = False
        self.broken = False  # what else comes is thrown away
        self.sealed = False  # the last request of this connection has come
        self.body_skipped = self.made_up = False
        self.lingering = False
        self.head_bytes = 0
        self.fed_bytes = self.heads_begun = 0
        self.seen_fields: list[tuple[bytes, bytes]] = []
        self.seen_head = _NO_HEAD
        self.head_is_new = False
        self.in_head = False
        self.bare_bytes = 0
        self.unsent_at_close_bytes = 0
        self.raw_left_bytes = 0
        self.early: bytes = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.hop: Hop = cast(Hop, None)
        self.read_paused = self.write_paused = False
        self.pumping = False

    # asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        runtime = self.runtime
        self.transport = transport
        if len(runtime.open_clients) >= runtime.settings.max_connections:
            transport.abort()
            return
        self.connections.add(self)
        runtime.open_clients.add(self)
        transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        peer = self.client[0] if self.client else ""
        self.hop = Hop(peer, self.scheme, runtime.networks)
        runtime.wheel.set(self, now_s() + runtime.settings.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        runtime = self.runtime
        runtime.open_clients.discard(self)
        self.connections.discard(self)
        runtime.wheel.remove(self)
        if self.local:
            if self.cycle is not None and not self.cycle.response_complete:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            if self.flow is not None:
                self.flow.resume_writing()
        current, self.current = self.current, None
        self.waiting = self.receiving = None
        if current is not None:
            current.client_gone()
        self.parser = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.broken:
            return
        if self.sealed:
            self.broken = True
            return
        in_head = self.in_head
        at_rest = not in_head and self.receiving is None and not self.local
        self.fed_bytes = len(data)
        self.heads_begun = 0
        while data:
            data = self._take_raw(data) if self.raw_left_bytes else self._feed(data)
        if self.in_head and not self.broken:
            settings = self.runtime.settings
            if not self.heads_begun or (at_rest and self.heads_begun == 1):  # else other bytes are in it
                self.head_bytes += self.fed_bytes
            if self.head_bytes > settings.max_head_bytes:
                self._refuse_head(Reason.HEAD_TOO_LARGE, "the head is larger than MAX_HEAD_BYTES")
            elif not in_head and self.current is None and not self.local:
                self.runtime.wheel.set(self, now_s() + settings.header_timeout_s)

    def _feed(self, data: bytes) -> bytes:
        """Hand `data` to the parser; returns what it did not take because of an Upgrade."""
        rest = b""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = self._upgrade_asked(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            self._failed_inside(error)
        except httptools.HttpParserError as error:
            self._malformed(str(error))
        receiving = self.receiving
        if receiving is not None and not self.broken:
            length = receiving.body.length_bytes
            if length > 0:
                # the rest of a body of known length goes past the parser: saves a copy and a call per chunk
                self.raw_left_bytes = length - receiving.body.seen_bytes
            elif length < 0 and not rest:
                self._count_bare_bytes(len(data))
        return rest

    def _count_bare_bytes(self, fed_bytes: int) -> None:
        """Extensions, zeros before a size and trailers may go on for ever: bound what comes without data."""
        self.bare_bytes = self.bare_bytes + fed_bytes if self.bare_bytes >= 0 else 0
        if self.bare_bytes > self.runtime.settings.max_head_bytes:
            self._malformed("too much that is neither chunk data nor its size")

    def eof_received(self) -> None:
        """None: the transport closes itself; a client that hangs up wants no answer."""

    def pause_writing(self) -> None:
        self.write_paused = True  # nor does another request begin before the client takes what it is owed
        if self.local:
            self.flow.pause_writing()
        elif self.current is not None:
            self.current.pause_upstream()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.local:
            self.flow.resume_writing()
        elif self.current is not None and not self.current.finished:
            self.current.resume_upstream()
        elif self.current is None and not self.lingering and not self.pumping:
            self._pump()
            if self.current is None and not self.waiting and not self.early:
                self._resume_reading()

    # Reading requests

    def _take_raw(self, data: bytes) -> bytes:
        """Body bytes past the parser; returns what belongs to the next message."""
        receiving = self.receiving
        taken = data[: self.raw_left_bytes] if len(data) > self.raw_left_bytes else data
        rest = data[len(taken) :]
        self.raw_left_bytes -= len(taken)
        if receiving is not None:
            self._body_came(receiving, taken)
        if self.raw_left_bytes == 0 and not self.broken:
            # the old parser still waits for the body it never saw
            self.parser = self._new_parser()
            self.on_message_complete()
        return b"" if self.broken else rest

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def on_message_begin(self) -> None:
        if self.sealed:
            self.broken = True
        self.url = b""
        self.headers = []
        self.trailers = []
        self.in_head = True
        self.heads_begun += 1
        self.head_bytes = self.bare_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        (self.headers if self.in_head else self.trailers).append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.in_head = False
        if self.broken or self.made_up:
            return
        now = now_s()
        request = self._read_request()
        if request.path in self.runtime.local_paths and request.refuse is None:
            self._begin_local()
            return
        if request.head.upgrade is not None and request.head.length_bytes and self.parser.should_upgrade():
            self.body_skipped = True
        self._take(Exchange(self, self.runtime, request, now), now)

    def _read_request(self) -> Request:
        parser, settings = self.parser, self.runtime.settings
        version = parser.get_http_version()
        method = parser.get_method()
        headers = self.headers
        http10 = version == "1.0"
        if headers == self.seen_fields and not http10:  # clients repeat themselves: saves 1 µs
            head = self.seen_head
        else:
            head = read_request_head(headers, http10)
            if not http10:
                self.seen_fields, self.seen_head = headers, head
        target = split_target(self.url, method)
        request = Request(method, target or _UNKNOWN_TARGET, headers, head, self._hop(http10))
        request.http10 = http10
        request.close = http10 or wants_close(head.options) or self.runtime.draining
        if request.hop.trusted:
            request.client_ip = _told_address(request, self.runtime)
        if head.upgrade is not None and head.is_websocket and not http10 and method == b"GET":
            request.websocket = head.length_bytes == 0
        fault = head.fault
        if version != "1.1" and not http10:
            fault = (Reason.VERSION_NOT_SUPPORTED, f"HTTP/{version} is not spoken here; use HTTP/1.1")
        elif len(self.url) > settings.max_target_bytes:
            fault = (Reason.URI_TOO_LONG, f"the target is longer than {settings.max_target_bytes} bytes")
        elif len(headers) > settings.max_fields:
            fault = (Reason.HEAD_TOO_LARGE, f"there are more than {settings.max_fields} fields")
        elif method == b"CONNECT":
            fault = (Reason.METHOD_NOT_ALLOWED, "CONNECT is not offered")
        elif target is None:
            fault = fault or (Reason.REQUEST_MALFORMED, "the request target is no path and no http(s) URL")
        elif self.head_bytes + self.fed_bytes > settings.max_head_bytes and self._head_is_large():
            fault = (Reason.HEAD_TOO_LARGE, f"the head is larger than {settings.max_head_bytes} bytes")
        elif 0 < settings.max_body_bytes < head.length_bytes:
            fault = (Reason.BODY_TOO_LARGE, f"the body is larger than {settings.max_body_bytes} bytes")
        if fault is not None:
            request.refuse = Refuse(fault[0], fault[1])
            request.close = True
        return request

    def _hop(self, http10: bool) -> Hop:
        if not http10:
            return self.hop
        return Hop(self.hop.peer_ip, self.scheme or "http", self.runtime.networks, "1.0")

    def _head_is_large(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size > self.runtime.settings.max_head_bytes

    def _take(self, exchange: Exchange, now: float) -> None:
        self.receiving = exchange
        if exchange.request.refuse is not None and exchange.request.refuse.reason is Reason.REQUEST_MALFORMED:
            self.broken = True  # what follows cannot be trusted
        if exchange.body.length_bytes and exchange.request.refuse is not None:
            self.broken = True
        if self.current is None and not self.local and not self.write_paused:
            self.current = exchange
            exchange.begin(now)
            return
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(exchange)
        self._pause_reading()

    def on_body(self, body: bytes) -> None:
        if self.local:
            super().on_body(body)
        elif self.receiving is not None and not self.broken:
            self.bare_bytes = -1
            self._body_came(self.receiving, body)

    def _body_came(self, exchange: Exchange, data: bytes) -> None:
        limit = self.runtime.max_body_bytes
        if limit and exchange is not self.current and exchange.body.seen_bytes + len(data) > limit:
            self._refuse_waiting(exchange, Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")
        else:
            exchange.request_bytes_came(data)

    def _refuse_waiting(self, exchange: Exchange, reason: Reason, detail: str) -> None:
        """Its body went wrong before its turn came: the answer is decided, and is given in its turn."""
        exchange.request.refuse = Refuse(reason, detail)
        exchange.close = self.broken = True

    def on_message_complete(self) -> None:
        if self.local and self.receiving is None:
            super().on_message_complete()
            return
        if self.body_skipped:
            return
        receiving, self.receiving = self.receiving, None
        if receiving is not None and not self.broken:
            self.sealed = self.sealed or receiving.request.close
            few = len(self.trailers) <= self.runtime.settings.max_fields
            receiving.request_ended(self.trailers if few else [])

    def _malformed(self, why: str) -> None:
        if self.broken:
            return
        if self.sealed:
            self.broken = True
            return
        receiving = self.receiving
        if receiving is not None and not self.in_head:
            self.broken = True  # the body's framing broke; its request is under way
            why = f"the body is malformed: {why}"
            if receiving is self.current:
                receiving.fail_malformed(why)
            else:
                self._refuse_waiting(receiving, Reason.REQUEST_MALFORMED, why)
        elif self.local and not self.in_head:
            self.transport.abort()  # our page waits for a body whose end nobody can tell
        elif why in _OTHER_VERSION:
            self._refuse_head(Reason.VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        else:
            self._refuse_head(Reason.REQUEST_MALFORMED, why)

    def _refuse_head(self, reason: Reason, detail: str) -> None:
        """Answer a head that never became a request, in its turn, and end the connection."""
        if len(self.url) > self.runtime.settings.max_target_bytes:
            reason, detail = Reason.URI_TOO_LONG, "the target is longer than MAX_TARGET_BYTES"
        self.broken = True
        self.in_head = False
        request = Request(b"", _UNKNOWN_TARGET, [], RequestHead(), self.hop)
        request.refuse = Refuse(reason, detail)
        request.close = True
        self._take(Exchange(self, self.runtime, request, now_s()), now_s())

    def _failed_inside(self, error: httptools.HttpParserCallbackError) -> None:
        cause = error.__context__ or error
        self.broken = True
        exchange = self.current
        if exchange is not None:
            exchange.close = True
            exchange.failed_inside(cause)
        else:
            self.runtime.on_internal_error(cause)
            self.transport.abort()

    def _upgrade_asked(self, rest: bytes) -> bytes:
        """The parser stopped after a head with Upgrade; returns what is to be read as HTTP nevertheless."""
        if self.broken or self.sealed:
            return b""
        if self.local and self.receiving is None and not self.waiting:
            if self._should_upgrade():
                self.runtime.open_clients.discard(self)
                self.runtime.wheel.remove(self)
                self.handle_websocket_upgrade()
                return b""
        elif not self.body_skipped:
            exchange = self.waiting[-1] if self.waiting else self.current
            if exchange is not None and exchange.wants_upgrade:
                self.early += rest
                self.broken = exchange.close = True  # whatever follows is not HTTP
                self._pause_reading()
                return b""
        self._drop_upgrade()
        return rest

    def _drop_upgrade(self) -> None:
        """The parser skips the body of a request with Upgrade: another one, told of a body only, reads it."""
        self.parser = self._new_parser()
        if not self.body_skipped:
            return
        self.body_skipped = False
        if self.receiving is not None and self.receiving.body.length_bytes < 0:
            self.made_up = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
            self.made_up = False

    # Answering

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def unsent_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def pause_client(self) -> None:
        if self.current is not None:
            self.current.paused_client = True
        self._pause_reading()

    def resume_client(self) -> None:
        if self.current is not None:
            self.current.paused_client = False
        if not self.waiting and not self.early:
            self._resume_reading()

    def _pause_reading(self) -> None:
        if not self.read_paused and not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def abort(self) -> None:
        self.transport.abort()

    def exchange_done(self, exchange: Exchange) -> None:
        """The answer is written. Go on with the next request once this one's bytes have all come."""
        if exchange is not self.current:
            return
        if exchange.close or self.runtime.draining or (self.broken and not self.waiting):
            self._end(exchange)
            return
        if not exchange.body.complete:
            if exchange.request.rest_is_short:
                self._resume_reading()
                self.runtime.wheel.set(self, now_s() + self.runtime.settings.header_timeout_s)
                return  # the rest is short: read it, so that the connection can go on
            self._end(exchange)
            return
        self.current = None
        self._resume_reading_after(exchange)
        if not self.pumping:
            self._pump()

    def _resume_reading_after(self, exchange: Exchange) -> None:
        exchange.paused_client = False
        if self.write_paused:
            self._pause_reading()
        elif not self.waiting:
            self._resume_reading()

    def _pump(self) -> None:
        """Begin what waits, in order; a loop, because answers may be ready at once."""
        self.pumping = True
        now = now_s()
        transport = self.transport
        while self.current is None and self.waiting and not self.write_paused and not transport.is_closing():
            exchange = self.waiting.popleft()
            self.current = exchange
            if not self.waiting and not self.broken:
                self._resume_reading()
            try:
                exchange.begin(now)
            except Exception as bug:  # one request's end: who called us is another one, or its upstream
                self.broken = exchange.close = True
                exchange.failed_inside(bug)
        self.pumping = False
        if self.current is None and not self.local:
            settings = self.runtime.settings
            limit_s = settings.header_timeout_s if self.in_head else settings.keep_alive_timeout_s
            self.runtime.wheel.set(self, now + limit_s)

    def _end(self, exchange: Exchange) -> None:
        """Close; where the client is still sending, only after it had time to read the answer."""
        self.current = None
        complete = exchange.body.complete and not self.broken and not self.waiting
        self.waiting = None
        self.sealed = True
        if complete or self.transport.is_closing():
            self._close()
            return
        # RFC 9112 §9.6: a close with unread bytes would reset the connection under the answer
        self.broken = self.lingering = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._resume_reading()
        self.runtime.wheel.set(self, now_s() + LINGER_S)

    def _close(self) -> None:
        """Close once the answer is sent; a client that takes no byte of it any more is cut off."""
        transport = self.transport
        transport.close()
        unsent = transport.get_write_buffer_size()
        if unsent and unsent != self.unsent_at_close_bytes:
            self.unsent_at_close_bytes = unsent
            self.runtime.wheel.set(self, now_s() + self.runtime.settings.header_timeout_s)
        elif unsent:
            transport.abort()

    def on_deadline(self, now: float) -> None:
        """The wheel's call: a slow head, an idle connection, or the exchange's own deadline."""
        current = self.current
        if current is not None and not current.finished:
            current.on_deadline(now)
        elif current is not None:
            self._end(current)
        elif self.in_head and not self.lingering and not self.write_paused:
            self._refuse_head(Reason.REQUEST_TIMEOUT, "the request's head did not come in time")
        else:
            self._close()

    def start_tunnel(self, exchange: Exchange, connection: UpstreamConnection, rest: bytes) -> None:
        """Both transports leave HTTP; the exchange is finished when they are gone."""
        runtime = self.runtime
        runtime.wheel.remove(self)
        runtime.open_clients.discard(self)
        self.connections.discard(self)
        self.current = None

        def ended() -> None:
            runtime.tunnels.discard(tunnel)
            connection.address.open -= 1
            exchange.tunnel_ended(tunnel.bytes_in, tunnel.bytes_out)

        tunnel = Tunnel(self.transport, connection.transport, ended)
        runtime.tunnels.add(tunnel)
        tunnel.start(self.early, rest)
        self.parser = None  # type: ignore[assignment]

    # Our own pages, by uvicorn

    def _begin_local(self) -> None:
        before = self.waiting[-1] if self.waiting else self.current
        if before is not None or self.local:
            # RFC 9112 §9.3.2: a client asks again for what a close left unanswered
            self.broken = True
            if before is not None:
                before.close = True
            return
        self.local = True
        self.runtime.wheel.set(self, NEVER)
        url, headers = self.url, self.headers
        if self.server is None:
            self.flow = FlowControl(self.transport)
            self.server = get_local_addr(self.transport)
        super().on_message_begin()
        self.url, self.headers = url, headers
        self.scope["headers"] = headers
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Called by uvicorn's cycle: the page is written."""
        super().on_response_complete()
        self._unset_keepalive_if_required()
        self.local = False
        if not self.transport.is_closing():
            self._pump()

    # Shutdown

    @property
    def busy(self) -> bool:
        """Something of a request has come that is not answered yet, or the answer is being taken."""
        return self.current is not None or self.local or self.in_head or self.lingering

    def shutdown(self) -> None:
        """Answers on this connection are the last ones; an idle one is closed at once."""
        if self.local:
            super().shutdown()
        elif self.current is not None:
            self.current.close = True
        elif not self.in_head:
            self.transport.close()


def _told_address(request: Request, runtime: Runtime) -> str:
    told = [value for name, value in request.fields if name == b"x-forwarded-for"]
    elements = [value for name, value in request.fields if name == b"forwarded"]
    return client_address(request.hop.peer_ip, told, runtime.networks, elements)
