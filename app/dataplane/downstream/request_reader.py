"""The client's bytes become requests: uvicorn's httptools protocol, told to build exchanges, not scopes.

Strict (RFC 9112 §§2–7): what the parser accepts but two readers could read differently is refused, and after
that nothing more of the connection is believed. Pipelined requests queue up; who answers them is `wire`.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.clock import now_s
from app.dataplane.codec.fields import Hop
from app.dataplane.codec.heads import RequestHead, read_request_head
from app.dataplane.codec.request import UNKNOWN_TARGET, Request
from app.dataplane.downstream.request_validation import read_request
from app.dataplane.proxy.context import Runtime
from app.dataplane.proxy.exchange import Exchange
from app.errors import Reason, Refuse

if TYPE_CHECKING:
    from app.dataplane.upstream.http1_connection import UpstreamConnection

__all__ = ["Intake"]

_OTHER_VERSION = frozenset({"Invalid HTTP version", "Pause on PRI/Upgrade"})
"""What llhttp says of HTTP/1.2 or HTTP/3.0, and of HTTP/2's preface."""
_NO_HEAD = read_request_head([], http10=False)


class Intake(HttpToolsProtocol):
    """`current` is being answered; `receiving` is the one whose bytes come in; `waiting` have not begun."""

    # Slots beside the parent's dict, which grows no further: saves 0.6 µs a request
    __slots__ = (
        "bare_bytes",
        "body_skipped",
        "broken",
        "current",
        "early",
        "fed_bytes",
        "head_bytes",
        "heads_begun",
        "hop",
        "in_head",
        "local",
        "made_up",
        "raw_left_bytes",
        "receiving",
        "repeatable",
        "repeated",
        "runtime",
        "sealed",
        "seen_fields",
        "seen_head",
        "trailers",
        "waiting",
        "write_paused",
    )

    deadline_s: float
    armed_tick: int

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
        self.current: Exchange | None = None
        self.receiving: Exchange | None = None
        self.waiting: deque[Exchange] | None = None
        self.local = False
        self.broken = False  # what else comes is thrown away
        self.sealed = False  # the last request of this connection has come
        self.body_skipped = self.made_up = False
        self.head_bytes = 0
        self.fed_bytes = self.heads_begun = 0
        self.seen_fields: list[tuple[bytes, bytes]] = []
        self.seen_head = _NO_HEAD
        self.in_head = False
        self.bare_bytes = 0
        self.raw_left_bytes = 0
        self.early: bytes = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.hop: Hop = cast(Hop, None)
        self.write_paused = False
        self.repeatable: Request | None = None  # the last one read, if its bytes will mean the same again
        self.repeated: tuple[bytes, Request] | None = None

    if TYPE_CHECKING:  # what `wire.ClientConnection` adds
        read_paused: bool

        def on_deadline(self, now_s: float) -> None: ...
        def write(self, data: bytes) -> None: ...
        def unsent_bytes(self) -> int: ...
        def pause_client(self) -> None: ...
        def resume_client(self) -> None: ...
        def abort(self) -> None: ...
        def exchange_done(self, exchange: Exchange) -> None: ...
        def start_tunnel(self, exchange: Exchange, connection: UpstreamConnection, rest: bytes) -> None: ...
        def begin_local(self) -> None: ...
        def pause_reading(self) -> None: ...

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
        rest = data
        while rest:
            rest = self._take_raw(rest) if self.raw_left_bytes else self._feed(rest)
        request, self.repeatable = self.repeatable, None
        if request is not None and at_rest:
            self._remember(data, request)
        if self.in_head and not self.broken:
            settings = self.runtime.settings
            if not self.heads_begun or (at_rest and self.heads_begun == 1):  # else other bytes are in it
                self.head_bytes += self.fed_bytes
            if self.head_bytes > settings.max_head_bytes:
                self.refuse_head(Reason.HEAD_TOO_LARGE, "the head is larger than MAX_HEAD_BYTES")
            elif not in_head and self.current is None and not self.local:
                self.runtime.wheel.set(self, now_s() + settings.header_timeout_s)

    def _remember(self, data: bytes, request: Request) -> None:
        """`data`, fed at rest, made `request`: when it was the whole of it, keep what its head means."""
        head_bytes = data.find(b"\r\n\r\n") + 4
        if head_bytes + request.head.length_bytes != len(data) or self.receiving is not None:
            return
        head = data[:head_bytes]
        self.repeated = (head, request)
        known = request.recognised
        if known is not None and known.refuse is None:  # strangers fill their own connection's place only
            self.runtime.repeats.keep(head, request)

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
            self.begin_local()
            return
        if request.means_the_same_again:
            self.repeatable = request
        if request.head.upgrade is not None and request.head.length_bytes and self.parser.should_upgrade():
            self.body_skipped = True
        self._take(Exchange(self, self.runtime, request, now), now)

    def _read_request(self) -> Request:
        parser, headers = self.parser, self.headers
        version = parser.get_http_version()
        http10 = version == "1.0"
        if headers == self.seen_fields and not http10:  # clients repeat themselves: saves 1 µs
            head = self.seen_head
        else:
            head = read_request_head(headers, http10)
            if not http10:
                self.seen_fields, self.seen_head = headers, head
        hop = (
            Hop(self.hop.peer_ip, self.scheme or "http", self.runtime.networks, "1.0") if http10 else self.hop
        )
        read_bytes = self.head_bytes + self.fed_bytes
        parsed = (version, parser.get_method(), self.url, headers)
        return read_request(parsed, head, hop, self.runtime, read_bytes)

    def _take(self, exchange: Exchange, now: float) -> None:
        self.receiving = exchange
        refuse = exchange.decided
        if refuse is not None and (exchange.body.length_bytes or refuse.reason is Reason.REQUEST_MALFORMED):
            self.broken = True  # what follows cannot be trusted
        if self.current is None and not self.local and not self.write_paused:
            self.current = exchange
            exchange.begin(now)
            return
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(exchange)
        self.pause_reading()

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
        exchange.decided = Refuse(reason, detail)
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
            self.refuse_head(Reason.VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        else:
            self.refuse_head(Reason.REQUEST_MALFORMED, why)

    def refuse_head(self, reason: Reason, detail: str) -> None:
        """Answer a head that never became a request, in its turn, and end the connection."""
        if len(self.url) > self.runtime.settings.max_target_bytes:
            reason, detail = Reason.URI_TOO_LONG, "the target is longer than MAX_TARGET_BYTES"
        self.broken = True
        self.in_head = False
        request = Request(b"", UNKNOWN_TARGET, [], RequestHead(), self.hop)
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
                self.pause_reading()
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
