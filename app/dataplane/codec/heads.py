"""What the fields of a message say about the message itself: framing, connection, who asks (pure).

Strict where two readers could differ (RFC 9112 §§3, 6, 7, 11): such a message is a fault, never mended.
"""

from collections.abc import Sequence

from app.errors import Reason
from app.routing.host import valid_host

__all__ = ["AnswerHead", "RequestHead", "read_answer_head", "read_request_head"]

Fields = Sequence[tuple[bytes, bytes]]

_HOST, _LENGTH, _CODING, _CONNECTION, _EXPECT, _UPGRADE, _KEY, _AUTHORIZATION, _ID, _TRACE, _AGENT = range(11)
_OF_REQUESTS = {
    b"host": _HOST,
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"connection": _CONNECTION,
    b"expect": _EXPECT,
    b"upgrade": _UPGRADE,
    b"x-api-key": _KEY,
    b"authorization": _AUTHORIZATION,
    b"x-request-id": _ID,
    b"traceparent": _TRACE,
    b"user-agent": _AGENT,
}
_OF_ANSWERS = {
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"connection": _CONNECTION,
    b"upgrade": _UPGRADE,
}
MAX_LENGTH_DIGITS = 18  # an int64 with room: a longer Content-Length overflows other readers


class RequestHead:
    """`length_bytes`: of the body, −1 when chunked. `fault`: reason and detail of why it is refused."""

    __slots__ = (
        "agent",
        "authorization",
        "expects_continue",
        "fault",
        "host",
        "length_bytes",
        "lines",
        "options",
        "request_id",
        "traceparent",
        "upgrade",
        "x_api_key",
    )

    def __init__(self) -> None:
        self.host: bytes | None = None
        self.length_bytes = 0
        self.expects_continue = False
        self.options: bytes | None = None
        self.upgrade: bytes | None = None
        self.x_api_key: bytes | None = None
        self.authorization: bytes | None = None
        self.request_id: bytes | None = None
        self.traceparent: bytes | None = None
        self.agent: bytes | None = None
        self.fault: tuple[Reason, str] | None = None
        self.lines: tuple[tuple[object, ...], tuple[bytes, bytes, bytes]] | None = None
        """The fields for the upstream, kept for requests with equal fields (`forward.request_head`)."""

    def fail(self, detail: str, reason: Reason = Reason.REQUEST_MALFORMED) -> None:
        if self.fault is None:
            self.fault = (reason, detail)

    @property
    def is_websocket(self) -> bool:
        """Upgrade asks for it and Connection names Upgrade (RFC 6455 §4.2.1)."""
        return (
            self.upgrade is not None
            and self.upgrade.strip().lower() == b"websocket"
            and _names(self.options, b"upgrade")
        )


def _names(options: bytes | None, option: bytes) -> bool:
    if options is None:
        return False
    return option in [part.strip() for part in options.lower().split(b",")]


def wants_close(options: bytes | None) -> bool:
    """Whether Connection names `close`."""
    return options is not None and _names(options, b"close")


def _digits(value: bytes) -> int:
    """A Content-Length, or −1 for anything that is not one (RFC 9110 §8.6)."""
    return int(value) if value.isdigit() and len(value) <= MAX_LENGTH_DIGITS else -1


def read_request_head(fields: Fields, http10: bool) -> RequestHead:
    """`fields`: names lower-case, in order. Never raises: look at `fault`."""
    head = RequestHead()
    length = coding = None
    actions = _OF_REQUESTS
    for name, value in fields:
        action = actions.get(name)
        if action is None:
            continue
        if action == _HOST:
            if head.host is not None:
                head.fail("Host is there twice; send it once")  # RFC 9112 §3.2
            head.host = value
        elif action == _KEY:
            head.x_api_key = value if head.x_api_key is None else head.x_api_key + b", " + value
        elif action == _AGENT:
            head.agent = value
        elif action == _LENGTH:
            if length is not None:
                head.fail("Content-Length is there twice; send it once")  # RFC 9112 §6.3
            length = value
        elif action == _CODING:
            if coding is not None:
                head.fail("Transfer-Encoding is there twice; send it once")
            coding = value
        else:
            _note_rarer(head, action, value, http10)
    if length is not None or coding is not None:
        _frame(head, length, coding, http10)
    if head.host is None:
        if not http10:
            head.fail("Host is missing")  # RFC 9112 §3.2
    elif not valid_host(head.host):
        head.fail("Host is no host and port")
    return head


def _note_rarer(head: RequestHead, action: int, value: bytes, http10: bool) -> None:
    if action == _AUTHORIZATION:
        head.authorization = value if head.authorization is None else head.authorization + b", " + value
    elif action == _ID:
        # Two ids are none: which of them would the log mean?
        head.request_id = value if head.request_id is None else b""
    elif action == _TRACE:
        head.traceparent = value if head.traceparent is None else b""
    elif action == _CONNECTION:
        head.options = value if head.options is None else head.options + b"," + value
    elif action == _UPGRADE:
        head.upgrade = value if head.upgrade is None else head.upgrade + b"," + value
    elif action == _EXPECT and not http10:  # RFC 9110 §10.1.1: ignored from HTTP/1.0
        if value.strip().lower() == b"100-continue":
            head.expects_continue = True
        else:
            head.fail("Expect can only be 100-continue", Reason.EXPECTATION_FAILED)


def _frame(head: RequestHead, length: bytes | None, coding: bytes | None, http10: bool) -> None:
    if coding is None:
        head.length_bytes = _digits(length or b"")
        if head.length_bytes < 0:
            head.length_bytes = 0
            head.fail("Content-Length is no number")
    else:
        if length is not None:
            head.fail("Content-Length and Transfer-Encoding together; send one")  # RFC 9112 §11.2
        if http10:
            head.fail("HTTP/1.0 has no Transfer-Encoding")  # RFC 9112 §6.1
        if coding.strip(b" \t").lower() != b"chunked":
            head.fail("Transfer-Encoding can only be chunked")
        head.length_bytes = -1


class AnswerHead:
    """`length_bytes`: Content-Length, −1 when chunked, −2 when the connection's end ends the body."""

    __slots__ = ("closes", "dated", "fault", "length_bytes", "lines", "upgrade")

    def __init__(self) -> None:
        self.length_bytes = -2
        self.closes = False
        self.upgrade: bytes | None = None
        self.fault = ""
        self.lines: bytes | None = None
        """The fields that go on, made once for answers with equal fields; `dated`: Date is among them."""
        self.dated = False


def read_answer_head(fields: Fields, http10: bool) -> AnswerHead:
    """As `read_request_head`, for an upstream's answer; `fault` is a text, empty for none."""
    head = AnswerHead()
    options: bytes | None = None
    length = coding = None
    actions = _OF_ANSWERS
    for name, value in fields:
        action = actions.get(name)
        if action is None:
            continue
        if action == _LENGTH:
            if length is not None and length != value:
                head.fault = "two Content-Length"
            length = value
        elif action == _CODING:
            if coding is not None:
                head.fault = "two Transfer-Encoding"
            coding = value
        elif action == _CONNECTION:
            options = value if options is None else options + b"," + value
        else:
            head.upgrade = value
    head.closes = _names(options, b"close") or (http10 and not _names(options, b"keep-alive"))
    if coding is not None:
        if length is not None or http10 or coding.strip(b" \t").lower() != b"chunked":
            head.fault = head.fault or "its framing is ambiguous"  # RFC 9112 §6.1, §6.3
        head.length_bytes = -1
    elif length is not None:
        head.length_bytes = _digits(length)
        if head.length_bytes < 0:
            head.fault = head.fault or "Content-Length is no number"
            head.length_bytes = 0
    return head
