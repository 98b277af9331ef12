"""An upstream's response head: read from its bytes, strictly where two readers could differ (RFC 9112 §§4–6)."""

from collections.abc import Callable
from typing import Final, TypeVar

from app.dataplane.codec.field_lines import PASS, TEXT_TABLE, Field
from app.dataplane.codec.fields import (
    CODING,
    CONNECTION,
    CONTENT_TYPE,
    DATE,
    GRPC_STATUS,
    LENGTH,
    RESPONSE_LINES,
    UPGRADE,
    named_by_connection,
)
from app.dataplane.codec.grpc import NO_STATUS, parse_status
from app.dataplane.codec.request import digits, names_option

__all__ = ["CHUNKED", "UNTIL_CLOSE", "ResponseHead", "frame", "read_fields", "read_response"]

CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

_READ_LINE: Final = RESPONSE_LINES.read
_Item = TypeVar("_Item")


class ResponseHead:
    """`length_bytes`: Content-Length, CHUNKED, or UNTIL_CLOSE. `lines`: header lines that may go on.

    `closes`: the connection cannot serve another request. `fault`: why it is no response, "" where it is one.
    """

    __slots__ = (
        "closes",
        "dated",
        "fault",
        "grpc_status",
        "is_event_stream",
        "length_bytes",
        "lines",
        "options",
        "phrase",
        "status",
        "upgrade",
    )

    def __init__(self, status: int, phrase: bytes) -> None:
        self.status = status
        self.phrase = phrase
        self.lines: list[bytes] = []
        self.closes = False
        self.dated = False
        self.fault = ""
        self.is_event_stream = False
        self.length_bytes: int = UNTIL_CLOSE
        self.options: bytes | None = None
        self.upgrade: bytes | None = None
        # of a response that has it in its head, which is the whole of it then ("Trailers-Only")
        self.grpc_status: int = NO_STATUS

    def fail(self, fault: str) -> None:
        """The first fault found is the one that is reported."""
        self.fault = self.fault or fault


def read_response(head: bytes) -> ResponseHead:
    """`head`: its bytes up to the empty line, without it. Never raises: look at `fault`."""
    lines = head.split(b"\r\n")
    http10, response = _read_status_line(lines[0])
    if response.fault:
        return response
    del lines[0]
    length, coding = read_fields(response, lines, RESPONSE_LINES.kept, _READ_LINE)
    frame(response, length, coding, http10)
    if response.options is not None:
        _heed_options(response, http10)
    return response


def read_fields(
    response: ResponseHead,
    items: list[_Item],
    kept: dict[_Item, Field],
    read: Callable[[_Item], Field | None],
) -> tuple[bytes | None, bytes | None]:
    """Take all fields into `response`; the values of Content-Length and Transfer-Encoding.

    `items`: lines or pairs, as `kept` of `RESPONSE_LINES` has them, else `read` makes them.
    """
    passing = response.lines
    length: bytes | None = None
    coding: bytes | None = None
    for item in items:
        field = kept.get(item)
        if field is None:
            field = read(item)
            if field is None:
                response.fail("a field line is malformed")
                break
        role = field.role
        if role == PASS:
            passing.append(field.line)
        elif role == LENGTH:
            if length is not None and length != field.value:
                response.fail("two Content-Length")
            length = field.value
        elif role == DATE:
            response.dated = True
            passing.append(field.line)
        elif role == CONTENT_TYPE:
            # WHATWG HTML §9.2: goes on for as long as somebody listens
            response.is_event_stream = field.value[:17].lower() == b"text/event-stream"
            passing.append(field.line)
        elif role == CODING:
            if coding is not None:
                response.fail("two Transfer-Encoding")
            coding = field.value
        else:
            _note_rarer(response, field)
    return length, coding


def _read_status_line(line: bytes) -> tuple[bool, ResponseHead]:
    """Whether it is HTTP/1.0, and a head without fields (RFC 9112 §4)."""
    version, status = line[:9], line[9:12]
    if version not in (b"HTTP/1.1 ", b"HTTP/1.0 ") or not status.isdigit() or line[12:13] not in (b" ", b""):
        response = ResponseHead(0, b"")
        response.fail("its status line is not `HTTP/1.1 STATUS REASON`")
        return False, response
    response = ResponseHead(int(status), line[13:])
    if line.translate(TEXT_TABLE) != line:
        response.fail("its status line holds a control character")
    if not 100 <= response.status <= 599:
        response.fail(f"status {response.status}")
    http10 = version == b"HTTP/1.0 "
    response.closes = http10
    return http10, response


def _note_rarer(response: ResponseHead, field: Field) -> None:
    if field.role == CONNECTION:
        response.options = field.value if response.options is None else response.options + b"," + field.value
    elif field.role == UPGRADE:
        response.upgrade = field.value
    elif field.role == GRPC_STATUS:
        response.grpc_status = parse_status(field.value)
        response.lines.append(field.line)


def _heed_options(response: ResponseHead, http10: bool) -> None:
    options = response.options
    response.closes = names_option(options, b"close") or (http10 and not names_option(options, b"keep-alive"))
    named = named_by_connection(options)
    if named:
        kept = [line for line in response.lines if line.partition(b":")[0] not in named]
        response.lines = kept
        response.dated = response.dated and b"date" not in named


def frame(response: ResponseHead, length: bytes | None, coding: bytes | None, http10: bool) -> None:
    """How its body is delimited, from the values of Content-Length and Transfer-Encoding (RFC 9112 §6.3)."""
    if coding is not None:
        if length is not None or http10 or coding.lower() != b"chunked":
            response.fail("its framing is ambiguous")  # RFC 9112 §6.1, §6.3
        response.length_bytes = CHUNKED
    elif length is not None:
        response.length_bytes = digits(length)
        if response.length_bytes < 0:
            response.fail("Content-Length is not a number")
            response.length_bytes = 0
