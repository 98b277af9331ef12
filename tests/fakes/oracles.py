"""How parsers of other hands understand one HTTP/1.1 message: llhttp (by httptools) and h11.

Each returns a `Message`, `INCOMPLETE` while more must come, or `REJECTED`. Names are lower-case, values without
the blanks around them.
"""

from dataclasses import dataclass, field

import h11
import httptools

__all__ = [
    "INCOMPLETE",
    "REJECTED",
    "Message",
    "h11_request",
    "h11_response",
    "llhttp_request",
    "llhttp_response",
]

Pairs = list[tuple[bytes, bytes]]
INCOMPLETE = "incomplete"
REJECTED = "rejected"


@dataclass
class Message:
    """`start`: (method, target) or (status,). `end`: where the next message begins. `keep`: the connection lives on;
    None where the oracle has an opinion of its own (see there)."""

    start: tuple[bytes | int, ...] = ()
    http10: bool = False
    fields: Pairs = field(default_factory=list)
    body: bytes = b""
    trailers: Pairs = field(default_factory=list)
    end: int = 0
    keep: bool | None = None


class _Collector:
    """httptools' callbacks."""

    def __init__(self) -> None:
        self.parser: httptools.HttpRequestParser | httptools.HttpResponseParser | None = None
        self.message = Message()
        self.target = b""
        self.in_head = True
        self.complete = False

    def on_message_begin(self) -> None:
        self.message, self.in_head, self.target = Message(), True, b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        where = self.message.fields if self.in_head else self.message.trailers
        where.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.in_head = False

    def on_body(self, data: bytes) -> None:
        self.message.body += data

    def on_message_complete(self) -> None:
        assert self.parser is not None
        self.message.keep = self.parser.should_keep_alive()  # the parser forgets it right behind this
        self.complete = True


def llhttp_request(data: bytes) -> Message | str:
    collector = _Collector()
    parser = collector.parser = httptools.HttpRequestParser(collector)
    for end in range(1, len(data) + 1):
        try:
            parser.feed_data(data[end - 1 : end])
        except httptools.HttpParserUpgrade:
            collector.complete = True
        except httptools.HttpParserError:
            return REJECTED
        if collector.complete:
            message = collector.message
            message.start = (parser.get_method(), collector.target)
            message.http10 = parser.get_http_version() == "1.0"
            message.end = end
            return message
    return INCOMPLETE


def llhttp_response(data: bytes, *, closed: bool) -> Message | str:
    """Of the first final response. `closed`: the connection ended behind `data`, which ends a body without length."""
    collector = _Collector()
    parser = collector.parser = httptools.HttpResponseParser(collector)
    for end in range(1, len(data) + 1):
        try:
            parser.feed_data(data[end - 1 : end])
        except httptools.HttpParserUpgrade:
            collector.complete = True
        except httptools.HttpParserError:
            return REJECTED
        status = parser.get_status_code()
        if collector.complete and (status >= 200 or status == 101):
            return _response(collector, parser, status, end)
        collector.complete = False
    status = parser.get_status_code()
    unbounded = not collector.in_head and status >= 200 and not _framed(collector.message.fields)
    return _response(collector, parser, status, len(data)) if closed and unbounded else INCOMPLETE


def _framed(fields: Pairs) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in fields)


def _response(collector: _Collector, parser: httptools.HttpResponseParser, status: int, end: int) -> Message:
    message = collector.message
    message.start, message.end = (status,), end
    message.http10 = parser.get_http_version() == "1.0"
    return message


def h11_request(data: bytes) -> Message | str:
    """`keep` None: h11 ends every connection of HTTP/1.0."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    message = Message()
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                message.start = (bytes(event.method), bytes(event.target))
                message.http10 = event.http_version == b"1.0"
                message.fields = [(bytes(name), bytes(value)) for name, value in event.headers]
            elif isinstance(event, h11.Data):
                message.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                message.trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
                message.end = len(data) - len(connection.trailing_data[0])
                return message
            else:
                return INCOMPLETE
    except h11.RemoteProtocolError:
        return REJECTED


def h11_response(data: bytes, *, closed: bool) -> Message | str:
    """As `llhttp_response`; the request was a GET."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    message = Message()
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                message.start = (event.status_code,)
                message.http10 = event.http_version == b"1.0"
                message.fields = [(bytes(name), bytes(value)) for name, value in event.headers]
            elif isinstance(event, h11.Data):
                message.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                message.trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
                message.end = len(data) - len(connection.trailing_data[0])
                return message
            elif event is h11.NEED_DATA and closed:
                closed = False
                connection.receive_data(b"")
            elif not isinstance(event, h11.InformationalResponse):
                return INCOMPLETE
    except h11.RemoteProtocolError:
        return REJECTED
