"""A request's head: read from its bytes, strictly where two readers could differ (RFC 9112 §§2–6, 11)."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from app.dataplane.codec.field_lines import PASS, Field
from app.dataplane.codec.fields import (
    AGENT,
    AUTHORIZATION,
    CODING,
    CONNECTION,
    DROP,
    EXPECT,
    FORWARDED,
    GRPC,
    GRPC_TIMEOUT,
    HOST,
    ID,
    KEY,
    LENGTH,
    NO_HOST,
    REQUEST_LINES,
    TE,
    TRACE,
    UPGRADE,
    VIA,
)
from app.dataplane.codec.forwarded import PeerIdentity, client_address
from app.dataplane.codec.grpc import parse_timeout
from app.foundation.reasons import Reason, Rejection
from app.routing.target import split_target

__all__ = ["METHODS", "Request", "digits", "names_option", "read_fields", "read_request", "unread_request"]

CHUNKED: Final = -1
SMALL_BODY_BYTES: Final = 64 * 1024
MAX_LENGTH_DIGITS: Final = 18  # an int64 with room: a longer Content-Length overflows other readers

_METHODS: Final = b"""
    GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL
    LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE NOTIFY ORDERPATCH PROPFIND
    PROPPATCH PURGE REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNCHECKOUT UNLINK UNLOCK UNSUBSCRIBE UPDATE
    UPDATEREDIRECTREF VERSION-CONTROL
"""
METHODS: Final = {method: method for method in _METHODS.split()}
"""IANA's registry and what is in common use beside it. Any other word is malformed: where an upstream takes
methods in any case or shape, a strange one passes what names methods (routes, an upstream's own rules).

Each is its own value, so that all requests share one object: it is hashed once, and kept once with what remembers
thousands of requests."""

_READ_LINE: Final = REQUEST_LINES.read
_NOT_IN_HTTP2: Final = frozenset({CONNECTION, DROP, TE, UPGRADE})
_FOR_PROXIES: Final = frozenset({b"proxy-authenticate", b"proxy-authorization"})  # dropped, but no fault
_Item = TypeVar("_Item")
_VERSION: Final = re.compile(rb"HTTP/[0-9]\.[0-9]")


class Request:
    """One request as understood. Not changed once it is read.

    `path`, `query` (None without `?`): the target's raw bytes. `host`: the target's, else the Host field, b"" for
    none. `length_bytes`: of the body, −1 when chunked. `lines`: header lines that may go on. `close`: the client
    wants the connection to end after the response. `rejection`: it is decided already that it is rejected.
    """

    __slots__ = (
        "agent",
        "authorization",
        "brought",
        "client_ip",
        "close",
        "expects_continue",
        "fields",
        "grpc_timeout",
        "grpc_timeout_s",
        "host",
        "http10",
        "is_grpc",
        "length_bytes",
        "lines",
        "method",
        "options",
        "path",
        "peer",
        "protocol",
        "pseudo_fields",
        "query",
        "rejection",
        "request_id",
        "target",
        "te_trailers",
        "traceparent",
        "upgrade",
        "websocket",
        "websocket_key",
        "x_api_key",
    )

    def __init__(self, method: bytes, target: bytes, peer: PeerIdentity) -> None:
        self.method = method
        self.target = target
        self.path = b""
        self.query: bytes | None = None
        self.host = b""
        self.fields: list[Field] = []
        self.lines: list[bytes] = []
        self.peer = peer
        self.client_ip = peer.peer_ip
        self.agent: bytes | None = None
        self.authorization: bytes | None = None
        # Via, and of a trusted peer Forwarded and X-Forwarded-*
        self.brought: tuple[tuple[bytes, bytes], ...] = ()
        self.close = False
        self.expects_continue = False
        # as it came; b"" for two of them
        self.grpc_timeout: bytes | None = None
        # when the call must be over, after the request's start; only of gRPC
        self.grpc_timeout_s: float | None = None
        self.http10 = False
        self.is_grpc = False
        self.length_bytes = 0
        self.options: bytes | None = None
        self.protocol = "HTTP/1.1"
        # how many of `fields`, at their beginning, stand for one of HTTP/2
        self.pseudo_fields = 0
        self.rejection: Rejection | None = None
        self.request_id: bytes | None = None
        self.te_trailers = False
        self.traceparent: bytes | None = None
        self.upgrade: bytes | None = None
        self.websocket = False
        # the gateway's own, of a WebSocket over HTTP/2, whose client has none (RFC 8441 §5)
        self.websocket_key = b""
        self.x_api_key: bytes | None = None

    @property
    def rest_is_short(self) -> bool:
        """Of a rejected request: its body is surely coming, and is read so that the connection can go on."""
        return 0 < self.length_bytes <= SMALL_BODY_BYTES and not self.expects_continue

    def reject(self, reason: Reason, detail: str) -> None:
        """The first fault found is the one that is reported. The connection ends with the response."""
        if self.rejection is None:
            self.rejection = Rejection(reason, detail)
            self.close = True


def unread_request(reason: Reason, detail: str, peer: PeerIdentity) -> Request:
    """Stands for a head that never became a request, rejected."""
    request = Request(b"", b"", peer)
    request.reject(reason, detail)
    return request


def read_request(head: bytes, peer: PeerIdentity) -> Request:
    """`head`: its bytes up to the empty line, without it. Never raises: look at `rejection`."""
    lines = head.split(b"\r\n")
    parts = lines[0].split(b" ")
    method = METHODS.get(parts[0])
    if method is not None and len(parts) == 3 and parts[2] == b"HTTP/1.1":
        request = Request(method, parts[1], peer)
    else:
        request = _read_rarer_start(parts, peer)
        if request.rejection is not None:
            return request
    read_fields(request, lines, 1, REQUEST_LINES.kept, _READ_LINE)
    target = split_target(request.target, request.method)
    if target is None:
        if request.method != b"CONNECT":
            request.reject(Reason.REQUEST_MALFORMED, "the request target is no path and no http(s) URL")
    else:
        request.path, request.query, authority = target
        if authority is not None:
            request.host = authority  # RFC 9112 §3.2.2: the target's host replaces the field
    return request


def _read_rarer_start(parts: list[bytes], peer: PeerIdentity) -> Request:
    """HTTP/1.0, or what is wrong with the request line (RFC 9112 §3)."""
    version = parts[-1]
    if len(parts) == 2 and parts[0] in METHODS and version[:1] == b"/" and split_target(version) is not None:
        return unread_request(Reason.VERSION_NOT_SUPPORTED, "HTTP/0.9 is not spoken here; use HTTP/1.1", peer)
    if len(parts) != 3 or _VERSION.fullmatch(version) is None:
        return unread_request(
            Reason.REQUEST_MALFORMED, "the request line is not `METHOD TARGET HTTP/1.1`", peer
        )
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        detail = f"{version.decode()} is not spoken here; use HTTP/1.1"
        return unread_request(Reason.VERSION_NOT_SUPPORTED, detail, peer)
    method = METHODS.get(parts[0])
    if method is None:
        return unread_request(Reason.REQUEST_MALFORMED, "the method is not one of HTTP", peer)
    request = Request(method, parts[1], peer.http10)
    request.http10 = True
    request.protocol = "HTTP/1.0"
    return request


def read_fields(
    request: Request,
    items: list[_Item],
    first: int,
    kept: dict[_Item, Field],
    read: Callable[[_Item], Field | None],
) -> None:
    """Understand all fields. `items`, from `first` on: lines or pairs, as `kept` of `REQUEST_LINES` has them, else
    `read` makes them."""
    fields, passing = request.fields, request.lines
    host: Field | None = None
    length: bytes | None = None
    coding: bytes | None = None
    for at in range(first, len(items)):
        item = items[at]
        field = kept.get(item)
        if field is None:
            field = read(item)
            if field is None:
                request.reject(Reason.REQUEST_MALFORMED, "a field line is malformed")
                return
        fields.append(field)
        role = field.role
        if role == PASS:
            passing.append(field.line)
        elif role in (HOST, NO_HOST):
            if host is not None:
                _judge_second_host(request, host.value, field.value)
            host = field
        elif role == AGENT:
            request.agent = field.value
            passing.append(field.line)
        elif role == KEY:
            key = request.x_api_key
            request.x_api_key = field.value if key is None else _joined(key, b", ", field.value)
        elif role == LENGTH:
            if length is not None:  # RFC 9112 §6.3
                request.reject(Reason.REQUEST_MALFORMED, "Content-Length is there twice; send it once")
            length = field.value
        elif role == CODING:
            if coding is not None:
                request.reject(Reason.REQUEST_MALFORMED, "Transfer-Encoding is there twice; send it once")
            coding = field.value
        else:
            _note_rarer(request, field)
    _judge(request, host, length, coding)


def _judge_second_host(request: Request, host: bytes, value: bytes) -> None:
    """RFC 9112 §3.2; RFC 9113 §8.3.1: one Host beside `:authority`, and the same."""
    hosts = len([field for field in request.fields if field.name == b"host"])
    if hosts - request.pseudo_fields > 1 or not request.pseudo_fields:
        request.reject(Reason.REQUEST_MALFORMED, "Host is there twice; send it once")
    elif value.lower() != host.lower():
        request.reject(Reason.REQUEST_MALFORMED, "Host and :authority differ; send :authority alone")


def _note_rarer(request: Request, field: Field) -> None:
    role, value = field.role, field.value
    if role in _NOT_IN_HTTP2 and request.protocol == "HTTP/2":
        _judge_hop_by_hop(request, field)
    elif role == TRACE:
        request.traceparent = value if request.traceparent is None else b""
        request.lines.append(field.line)
    elif role == CONNECTION:
        request.options = _joined(request.options, b",", value)
    elif role == AUTHORIZATION:
        request.authorization = _joined(request.authorization, b", ", value)
    elif role == ID:
        # Two ids are none: which of them would the log mean?
        request.request_id = value if request.request_id is None else b""
    elif role == UPGRADE:
        request.upgrade = _joined(request.upgrade, b",", value)
    elif role == VIA or (role == FORWARDED and request.peer.trusted and b"_" not in field.name):
        request.brought = (*request.brought, (field.name, value))
    elif role == GRPC:
        request.is_grpc = True
        request.lines.append(field.line)
    elif role == GRPC_TIMEOUT:
        request.grpc_timeout = value if request.grpc_timeout is None else b""
        request.lines.append(field.line)
    elif role == TE:
        request.te_trailers = request.te_trailers or names_option(value, b"trailers")
    elif role == EXPECT and not request.http10:  # RFC 9110 §10.1.1: ignored from HTTP/1.0
        if value.lower() == b"100-continue":
            request.expects_continue = True
        else:
            request.reject(Reason.EXPECTATION_FAILED, "Expect can only be 100-continue")


def _judge_hop_by_hop(request: Request, field: Field) -> None:
    """RFC 9113 §8.2.2."""
    if field.role == TE and field.value.lower() == b"trailers":
        request.te_trailers = True
    elif field.role == TE:
        request.reject(Reason.REQUEST_MALFORMED, "TE can only be trailers in HTTP/2")
    elif field.name not in _FOR_PROXIES:
        request.reject(Reason.REQUEST_MALFORMED, f"HTTP/2 has no {field.name.decode()}")


def _joined(values: bytes | None, comma: bytes, value: bytes) -> bytes:
    return value if values is None else values + comma + value  # RFC 9110 §5.3


def _judge(request: Request, host: Field | None, length: bytes | None, coding: bytes | None) -> None:
    """What the fields say of the message itself: its framing, its host, its connection."""
    if length is not None or coding is not None:
        _frame(request, length, coding)
    if host is None:
        if not request.http10:
            request.reject(Reason.REQUEST_MALFORMED, "Host is missing")  # RFC 9112 §3.2
    elif host.role == HOST:
        request.host = host.value
    else:
        request.reject(Reason.REQUEST_MALFORMED, "Host is no host and port")
    if request.grpc_timeout is not None and request.is_grpc:
        request.grpc_timeout_s = parse_timeout(request.grpc_timeout)
        if request.grpc_timeout_s is None:
            request.reject(Reason.REQUEST_MALFORMED, "grpc-timeout is not up to 8 digits and one of HMSmun")
    options = request.options
    if request.http10:
        request.close = not names_option(options, b"keep-alive")  # RFC 9112 §9.3
    elif options is not None:
        request.close = request.close or names_option(options, b"close")
        if request.upgrade is not None and request.method == b"GET" and request.length_bytes == 0:
            asked = request.upgrade.strip().lower() == b"websocket"
            request.websocket = asked and names_option(options, b"upgrade")  # RFC 6455 §4.2.1
    if request.brought and request.peer.trusted:
        claimed = [value for name, value in request.brought if name == b"x-forwarded-for"]
        elements = [value for name, value in request.brought if name == b"forwarded"]
        request.client_ip = client_address(request.peer.peer_ip, claimed, request.peer.networks, elements)


def _frame(request: Request, length: bytes | None, coding: bytes | None) -> None:
    if coding is None:
        request.length_bytes = digits(length or b"")
        if request.length_bytes < 0:
            request.length_bytes = 0
            request.reject(Reason.REQUEST_MALFORMED, "Content-Length is not a number")
        return
    if length is not None:  # RFC 9112 §11.2
        request.reject(Reason.REQUEST_MALFORMED, "Content-Length and Transfer-Encoding together; send one")
    if request.protocol != "HTTP/1.1":  # RFC 9112 §6.1, RFC 9113 §8.2.2
        request.reject(Reason.REQUEST_MALFORMED, f"{request.protocol} has no Transfer-Encoding")
    if coding.lower() != b"chunked":
        request.reject(Reason.REQUEST_MALFORMED, "Transfer-Encoding can only be chunked")
    request.length_bytes = CHUNKED


def names_option(options: bytes | None, option: bytes) -> bool:
    """Whether a Connection value names `option` (lower-case)."""
    if options is None:
        return False
    return option in [part.strip() for part in options.lower().split(b",")]


def digits(value: bytes) -> int:
    """A Content-Length, or −1 for anything that is not one (RFC 9110 §8.6)."""
    return int(value) if value.isdigit() and len(value) <= MAX_LENGTH_DIGITS else -1
