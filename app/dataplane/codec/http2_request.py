"""A request's fields as HTTP/2 carries them, read into the same value as HTTP/1.1's (RFC 9113 §8.2, §8.3, RFC 8441).

What the framing layer has let through is not trusted: each check that keeps two messages apart stands here, too.
"""

from typing import Final, TypeAlias

from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.http2_owner import Pairs
from app.dataplane.codec.request import CHUNKED, METHODS, Request, read_fields, unread_request
from app.foundation.reasons import Reason
from app.routing.target import split_target

__all__ = ["HTTP2", "read_http2_request", "unread_http2_request"]

HTTP2: Final = "HTTP/2"

_READ_PAIR: Final = REQUEST_LINES.read_pair
_COOKIE: Final = b"cookie"
_PseudoFields: TypeAlias = tuple[
    bytes | None,  # :method
    bytes | None,  # :path
    bytes | None,  # :scheme
    bytes | None,  # :authority
    bytes | None,  # :protocol
    int,  # how many there are
]


def unread_http2_request(reason: Reason, detail: str, peer: PeerIdentity) -> Request:
    """Stands for a head that never became a request. `peer`: of HTTP/2."""
    request = unread_request(reason, detail, peer)
    request.protocol = HTTP2
    return request


def read_http2_request(pairs: Pairs, end: bool, peer: PeerIdentity) -> Request:
    """`end`: no body comes. `peer`: of HTTP/2. Never raises: look at `rejection`.

    An extended CONNECT for a WebSocket is the GET that HTTP/1.1 asks for one with. Elsewhere `length_bytes` is
    Content-Length, 0 where `end` says so, else CHUNKED: the stream's end is the body's, and the request's.
    """
    method, path, scheme, authority, protocol, at = _pseudo_fields(pairs)
    items, cookies = list(pairs[at:]), 0
    for name, _ in items:
        if name == _COOKIE:
            cookies += 1
    if cookies > 1:
        items = _with_one_cookie(items)
    known = METHODS.get(method) if method is not None else None
    request = Request(known or method or b"", path or b"", peer)
    request.protocol = HTTP2
    if (method is None or path is None or scheme is None) and _has_pseudo_field(items):
        request.reject(Reason.REQUEST_MALFORMED, "a field line is malformed")
    if authority is not None:
        items.insert(0, (b"host", authority))
        request.pseudo_fields = 1
    if method == b"CONNECT":
        _read_connect(request, path, scheme, authority, protocol)
    elif known is None:
        request.reject(Reason.REQUEST_MALFORMED, "the method is not one of HTTP")
    elif protocol is not None:
        request.reject(Reason.REQUEST_MALFORMED, ":protocol is for CONNECT only")
    else:
        _read_target(request, scheme)
    read_fields(request, items, 0, REQUEST_LINES.kept_pairs, _READ_PAIR)
    if not end and request.length_bytes == 0 and not request.websocket:
        request.length_bytes = (
            CHUNKED  # beside a Content-Length of 0, too: else it would be complete before its end
        )
    elif end and request.length_bytes != 0:
        request.length_bytes = 0
        request.reject(Reason.REQUEST_MALFORMED, "Content-Length promises a body, and none comes")
    return request


def _pseudo_fields(pairs: Pairs) -> _PseudoFields:
    """What stands before the fields. A late, strange or second one is left among them, and no name of a field."""
    method: bytes | None = None
    path: bytes | None = None
    scheme: bytes | None = None
    authority: bytes | None = None
    protocol: bytes | None = None
    at = 0
    for name, value in pairs:
        if name == b":method" and method is None:
            method = value
        elif name == b":path" and path is None:
            path = value
        elif name == b":scheme" and scheme is None:
            scheme = value
        elif name == b":authority" and authority is None:
            authority = value
        elif name == b":protocol" and protocol is None:
            protocol = value
        else:
            break
        at += 1
    return method, path, scheme, authority, protocol, at


def _has_pseudo_field(items: list[tuple[bytes, bytes]]) -> bool:
    return any(name[:1] == b":" for name, _ in items)


def _read_target(request: Request, scheme: bytes | None) -> None:
    path = request.target
    if scheme != b"https" and scheme != b"http":
        request.reject(Reason.REQUEST_MALFORMED, ":scheme can only be http or https")
    target = split_target(path, request.method) if path[:1] == b"/" or path == b"*" else None
    if target is None:
        request.reject(Reason.REQUEST_MALFORMED, ":path is no path")
    else:
        request.path, request.query, _ = target


def _read_connect(
    request: Request,
    path: bytes | None,
    scheme: bytes | None,
    authority: bytes | None,
    protocol: bytes | None,
) -> None:
    if protocol is None:
        if path is not None or scheme is not None:  # RFC 9113 §8.5
            request.reject(Reason.REQUEST_MALFORMED, "CONNECT has neither :path nor :scheme")
        request.target = authority or b""
    elif protocol.lower() == b"websocket":  # RFC 8441 §5
        request.method = b"GET"
        request.websocket = True
        _read_target(request, scheme)
    else:
        request.reject(Reason.REQUEST_MALFORMED, ":protocol can only be websocket")


def _with_one_cookie(items: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """A client may send its cookies one by one; other readers expect one field (RFC 9113 §8.2.3)."""
    cookies = [value for name, value in items if name == _COOKIE]
    return [*[pair for pair in items if pair[0] != _COOKIE], (_COOKIE, b"; ".join(cookies))]
