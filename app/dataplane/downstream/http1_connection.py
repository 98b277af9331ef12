"""The client's side: uvicorn's httptools protocol, whose callbacks forward requests instead of running ASGI.

Requests for the gateway's own pages go on to uvicorn and ASGI as usual; one connection may mix both.
Pipelined requests are answered in their order, one at a time.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from app.clock import now_s, wall_s
from app.dataplane.codec.request import Request
from app.dataplane.downstream.request_reader import Intake
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.admission import Admission, decide
from app.dataplane.proxy.context import Runtime
from app.dataplane.proxy.exchange import Exchange
from app.dataplane.proxy.repeated_rejection import refuse_again
from app.dataplane.proxy.tunnel import Tunnel
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.errors import Reason

__all__ = ["ClientConnection"]

HIGH_WATER_BYTES = 256 * 1024
LINGER_S = 2.0


class ClientConnection(Intake):
    """`current` is being answered; `receiving` is the one whose bytes come in; `waiting` have not begun."""

    __slots__ = (
        "armed_tick",
        "deadline_s",
        "lingering",
        "pumping",
        "read_paused",
        "unsent_at_close_bytes",
    )

    def __init__(
        self,
        runtime: Runtime,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(runtime, config, server_state, app_state, _loop)
        self.deadline_s = NEVER
        self.armed_tick = 0
        self.lingering = False
        self.unsent_at_close_bytes = 0
        self.read_paused = False
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
        self.hop = runtime.hop_of(peer, self.scheme)
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

    # Requests that are read already

    def data_received(self, data: bytes) -> None:
        repeated = self.repeated
        if repeated is not None and not data.startswith(repeated[0]):
            repeated = self._find_repeated(data)
        if repeated is None or not self._take_again(data, *repeated):
            super().data_received(data)

    def _find_repeated(self, data: bytes) -> tuple[bytes, Request] | None:
        """Among the heads of all connections; asked only on one that has sent such a head before."""
        head = data[: data.find(b"\r\n\r\n") + 4]
        request = self.runtime.repeats.find(head, self.hop)
        if request is None:
            return None
        self.repeated = (head, request)
        return self.repeated

    def _take_again(self, data: bytes, head: bytes, request: Request) -> bool:
        """Whether `data` is the kept head again and its whole body, and nothing else is going on.

        Equal bytes between two messages mean the same request, so the parser need not see them: its
        callbacks and what is read from them take 9 µs.
        """
        body = data[len(head) :]
        if len(body) != request.head.length_bytes or self.current is not None or self.receiving is not None:
            return False
        if self.broken or self.sealed or self.in_head or self.local or self.write_paused or self.waiting:
            return False
        runtime = self.runtime
        if runtime.draining or request.path in runtime.local_paths:
            return False
        now = now_s()
        admission = None
        try:
            # Decided before there is an exchange, since a refusal needs none; where spans are made, or too
            # much is in flight, the exchange begins as it does for a request that was read.
            if runtime.tracer is None and runtime.counts.in_flight < runtime.settings.max_in_flight:
                admission = decide(
                    request, runtime.plans, runtime.limiter, runtime.random.random, now, wall_s()
                )
            if admission is not None and admission.refuse is not None:
                self._refused(
                    refuse_again(request, len(body), admission, admission.refuse, runtime, now), now
                )
                return True
        except Exception as bug:  # as in a callback of the parser
            runtime.counts.in_flight += 1
            self.current = exchange = Exchange(self, runtime, request, now)
            self.broken = exchange.close = True
            exchange.failed_inside(bug)
            return True
        self._begin(Exchange(self, runtime, request, now), body, admission, now)
        return True

    def _begin(self, exchange: Exchange, body: bytes, admission: Admission | None, now: float) -> None:
        """`admission`: decided already; None: by the exchange."""
        self.current = exchange
        if body:
            exchange.body.add(body)
            exchange.body.end()
        try:
            if admission is None:
                exchange.begin(now)
            else:
                self.runtime.counts.in_flight += 1
                exchange.admission = admission
                exchange.act(admission, now)
        except Exception as bug:  # as in a callback of the parser
            self.broken = exchange.close = True
            exchange.failed_inside(bug)

    def _refused(self, answer: bytes, now: float) -> None:
        self.transport.write(answer)
        if self.write_paused:
            self.pause_reading()
        else:
            self._rest(now)

    # Answering

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def unsent_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def pause_client(self) -> None:
        if self.current is not None:
            self.current.paused_client = True
        self.pause_reading()

    def resume_client(self) -> None:
        if self.current is not None:
            self.current.paused_client = False
        if not self.waiting and not self.early:
            self._resume_reading()

    def pause_reading(self) -> None:
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
        if self.waiting or self.write_paused or self.read_paused:
            self._resume_reading_after(exchange)
            if not self.pumping:
                self._pump()
        elif not self.pumping:
            self._rest(now_s())

    def _rest(self, now: float) -> None:
        settings = self.runtime.settings
        limit_s = settings.header_timeout_s if self.in_head else settings.keep_alive_timeout_s
        self.runtime.wheel.set(self, now + limit_s)

    def _resume_reading_after(self, exchange: Exchange) -> None:
        exchange.paused_client = False
        if self.write_paused:
            self.pause_reading()
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
            self._rest(now)

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
            self.refuse_head(Reason.REQUEST_TIMEOUT, "the request's head did not come in time")
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

    def begin_local(self) -> None:
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
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.headers = url, headers
        self.scope["headers"] = headers
        HttpToolsProtocol.on_headers_complete(self)

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
