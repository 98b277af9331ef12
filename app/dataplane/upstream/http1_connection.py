"""One connection to an upstream: parses answers and hands them to the exchange that owns it.

A connection serves one exchange at a time. It may be used again only after a complete, clean message;
bytes that come unasked close it, and never reach an exchange.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from app.dataplane.codec.heads import AnswerHead, read_answer_head
from app.errors import Reason

if TYPE_CHECKING:
    from app.dataplane.upstream.upstream import Address

__all__ = ["Answering", "UpstreamConnection"]

HIGH_WATER_BYTES = 256 * 1024
MAX_ANSWER_HEAD_BYTES = 256 * 1024
_BODILESS = frozenset({204, 304})


class Answering(Protocol):
    """The exchange as its connection sees it; called in the order of the message, then `flush`."""

    head_only: bool
    wants_upgrade: bool

    def on_interim(self, status: int, phrase: bytes, fields: list[tuple[bytes, bytes]]) -> None: ...
    def on_answer_head(
        self, status: int, phrase: bytes, fields: list[tuple[bytes, bytes]], head: AnswerHead
    ) -> bool:
        """False: the answer is not wanted (the request is tried again), the connection is dropped."""
        ...

    def on_answer_bytes(self, data: bytes) -> None: ...
    def flush(self) -> None: ...
    def on_answer_end(self, trailers: list[tuple[bytes, bytes]], reusable: bool) -> None: ...
    def on_upgraded(self, phrase: bytes, fields: list[tuple[bytes, bytes]], rest: bytes) -> None: ...
    def on_upstream_failed(self, reason: Reason, detail: str) -> None: ...
    def failed_inside(self, bug: BaseException) -> None: ...
    def pause_client(self) -> None: ...
    def resume_client(self) -> None: ...


class _KeptAnswer:
    """The bytes of an answer's head, and what they mean."""

    __slots__ = ("fields", "head", "phrase", "raw", "status")

    def __init__(
        self, raw: bytes, status: int, phrase: bytes, fields: list[tuple[bytes, bytes]], head: AnswerHead
    ) -> None:
        self.raw = raw
        self.status = status
        self.phrase = phrase
        self.fields = fields
        self.head = head


class UpstreamConnection(asyncio.Protocol):
    """`answered`: a byte of the current answer came. `uses`: exchanges served so far."""

    __slots__ = (
        "_complete",
        "_eof",
        "_fault",
        "_fields",
        "_head",
        "_head_bytes",
        "_interim",
        "_kept",
        "_left_bytes",
        "_parser",
        "_phrase",
        "_raw",
        "_seen_fields",
        "_seen_head",
        "_trailers",
        "_unasked",
        "_upgraded",
        "address",
        "answered",
        "exchange",
        "idle_since_s",
        "transport",
        "uses",
    )

    def __init__(self, address: "Address") -> None:
        self.address = address
        self.exchange: Answering | None = None
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)  # until it is made
        self.idle_since_s = 0.0
        self.uses = 0
        self._eof = False
        self._parser = httptools.HttpResponseParser(self)
        self._seen_fields: list[tuple[bytes, bytes]] = []
        self._seen_head = AnswerHead()
        self._kept: _KeptAnswer | None = None
        self._reset()

    def _reset(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._trailers: list[tuple[bytes, bytes]] = []
        self._phrase = b""
        self._head: AnswerHead | None = None
        self._head_bytes = 0
        self._left_bytes = 0
        self._raw = self._complete = self._interim = self._unasked = self._upgraded = False
        self._fault = ""
        self.answered = False

    # What the exchange does with it

    def begin(self, exchange: Answering) -> None:
        """Take this connection for one exchange; it then writes to `transport`."""
        if self.uses:
            self._reset()
        self.uses += 1
        self.exchange = exchange

    def close(self) -> None:
        """End it now; nobody hears of it any more."""
        self.exchange = None
        if self in self.address.idle:
            self.address.idle.remove(self)
        self.transport.abort()

    def discard(self) -> None:
        """Nobody waits for this connection any more, made or not."""
        if self.transport is not None:
            self.transport.abort()

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        self.address.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.address.open -= 1
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            if self in self.address.idle:
                self.address.idle.remove(self)
            return
        if self._head is not None and self._head.length_bytes == -2 and exc is None and self._eof:
            exchange.on_answer_end([], False)  # RFC 9112 §6.3: the connection's end is the body's
            return
        self.exchange = exchange  # it asks what was answered
        exchange.on_upstream_failed(Reason.UPSTREAM_RESET, "the upstream closed the connection")
        self.exchange = None

    def eof_received(self) -> None:
        """None: the transport closes itself, but only once what it still has to send is gone.

        Not called for a TLS stream that was cut without its closing alert (RFC 9112 §9.8).
        """
        self._eof = True
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # nobody is left to take it

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.pause_client()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.resume_client()

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.close()  # nobody asked: not to be believed, and the next request must not meet it
            return
        first = not self.answered
        self.answered = True
        kept = self._kept
        if (
            first
            and kept is not None
            and data.startswith(kept.raw)
            and self._take_again(exchange, kept, data)
        ):
            return
        rest = b""
        if self._raw:
            self._take_raw(exchange, data)
        else:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
            except httptools.HttpParserCallbackError as error:
                exchange.failed_inside(error.__context__ or error)  # ours, not the upstream's
                return
            except httptools.HttpParserError as error:
                if self._complete:
                    self._unasked = True
                else:
                    self._fault = self._fault or str(error)
            if self._head is None:
                self._head_bytes += len(data)
                if self._head_bytes > MAX_ANSWER_HEAD_BYTES:
                    self._fault = self._fault or "its head is larger than 256 KiB"
        if first and self._complete:
            self._remember(exchange, data)
        if self.exchange is exchange:  # else the exchange let go of us meanwhile
            self._conclude(exchange, rest)

    def _remember(self, exchange: Answering, data: bytes) -> None:
        """`data` was a whole answer: keep what its head means, for one that begins with the same bytes."""
        head = self._head
        if head is None or head.length_bytes < 0 or exchange.head_only or self._unasked or self._fault:
            return
        head_bytes = data.find(b"\r\n\r\n") + 4
        if head_bytes + head.length_bytes == len(data):
            status = self._parser.get_status_code()
            self._kept = _KeptAnswer(data[:head_bytes], status, self._phrase, self._fields, head)

    def _take_again(self, exchange: Answering, kept: "_KeptAnswer", data: bytes) -> bool:
        """Whether `data` is an answer with the kept head and its whole body.

        Equal bytes where an answer begins mean the same, so the parser need not see them: saves 4 µs. They
        repeat while an upstream's Date does.
        """
        body = data[len(kept.raw) :]
        if len(body) != kept.head.length_bytes or exchange.head_only:
            return False
        self._head = kept.head
        try:
            wanted = exchange.on_answer_head(kept.status, kept.phrase, kept.fields, kept.head)
            if wanted and body:
                exchange.on_answer_bytes(body)
        except Exception as bug:  # as in a callback of the parser
            exchange.failed_inside(bug)
            return True
        self._complete = True
        if wanted and self.exchange is exchange:
            exchange.on_answer_end([], not kept.head.closes)
        return True

    def _conclude(self, exchange: Answering, rest: bytes) -> None:
        """Tell the exchange what the bytes came to, once the parser is out of the way."""
        if self._fault:
            exchange.on_upstream_failed(
                Reason.UPSTREAM_PROTOCOL, f"the upstream's answer is malformed: {self._fault}"
            )
        elif self._upgraded:
            exchange.on_upgraded(self._phrase, self._fields, rest)
        elif self._complete:
            head = self._head
            reusable = head is not None and not self._unasked and not head.closes
            exchange.on_answer_end(self._trailers, reusable)
        else:
            exchange.flush()
            head = self._head
            if head is not None and head.length_bytes > 0 and not self._raw:
                # the rest of a body of known length goes past the parser: saves a copy and a call per chunk
                self._raw = True

    def _take_raw(self, exchange: Answering, data: bytes) -> None:
        left = self._left_bytes - len(data)
        if left < 0:
            data = data[: self._left_bytes]
            self._unasked = True
        self._left_bytes = max(left, 0)
        exchange.on_answer_bytes(data)
        if left <= 0:
            self._end_without_parser()

    def _end_without_parser(self) -> None:
        self._complete = True
        # the old parser still waits for the body it never saw
        self._parser = httptools.HttpResponseParser(self)

    # httptools

    def on_message_begin(self) -> None:
        if self._complete:
            self._unasked = True

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return
        (self._fields if self._head is None else self._trailers).append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._complete or self._fault or self.exchange is None:
            return
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._fault = f"HTTP/{version}"
            return
        http10 = version == "1.0"
        if self._fields == self._seen_fields and not http10:  # answers repeat themselves: saves 2 µs
            head = self._seen_head
        else:
            head = read_answer_head(self._fields, http10)
            if not http10:
                self._seen_fields, self._seen_head = self._fields, head
        if status < 200:
            self._take_interim(status, head)
            return
        if head.fault or status > 599:
            self._fault = head.fault or f"status {status}"
            return
        self._head = head
        if self.exchange.head_only or status in _BODILESS:
            self._end_without_parser()
        elif head.length_bytes > 0:
            self._left_bytes = head.length_bytes
        if not self.exchange.on_answer_head(status, self._phrase, self._fields, head):
            self._fields = []

    def _take_interim(self, status: int, head: AnswerHead) -> None:
        exchange = self.exchange
        if status == 101:
            asked = exchange is not None and exchange.wants_upgrade
            if not asked or (head.upgrade or b"").lower() != b"websocket":
                self._fault = "101 that nobody asked for"
            else:
                self._upgraded = True
                self._head = head
            return
        if status < 100 or head.length_bytes != -2:
            self._fault = f"status {status} with a body"
            return
        if exchange is not None and status != 100:
            exchange.on_interim(status, self._phrase, self._fields)
        self._interim = True
        self._fields, self._phrase = [], b""

    def on_body(self, body: bytes) -> None:
        if self._complete:
            self._unasked = True
        elif self.exchange is not None and not self._fault:
            self._left_bytes -= len(body)
            self.exchange.on_answer_bytes(body)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif not self._upgraded:
            self._complete = True
