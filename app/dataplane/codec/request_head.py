"""The head of a request for an upstream: a value, its bytes in HTTP/1.1 (RFC 9112 §§3, 6), its fields in HTTP/2."""

from typing import Final

from app.dataplane.codec.field_pairs import add_pairs

__all__ = ["RequestHead", "http1_head", "http2_fields"]

_USUALLY_WITH_BODY: Final = frozenset({b"POST", b"PUT", b"PATCH"})


class RequestHead:
    """`target`: in origin-form. `lines`: header lines, each ended by CRLF, in pieces, without Host and framing.

    `length_bytes`: of the body, −1 where it is not known. `names_te`: `te` is among the lines, which HTTP/1.1 wants to
    be named by Connection (RFC 9110 §10.1.4). `websocket`: it asks for one (RFC 6455 §4.1).
    """

    __slots__ = ("host", "length_bytes", "lines", "method", "names_te", "target", "websocket")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        host: bytes,
        lines: list[bytes],
        length_bytes: int,
        websocket: bool,
    ) -> None:
        self.method = method
        self.target = target
        self.host = host
        self.lines = lines
        self.length_bytes = length_bytes
        self.names_te = False
        self.websocket = websocket


def http1_head(head: RequestHead) -> bytes:
    """The request line, Host, the header lines and the framing of the body."""
    method = head.method
    if head.length_bytes or head.websocket or head.names_te or method in _USUALLY_WITH_BODY:
        framing = _framing_lines(head)
    else:
        framing = b"\r\n"
    lines = b"".join(head.lines)
    return b"%b %b HTTP/1.1\r\nhost: %b\r\n%b%b" % (method, head.target, head.host, lines, framing)


def _framing_lines(head: RequestHead) -> bytes:
    if head.websocket:
        return b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    length_bytes = head.length_bytes
    if length_bytes > 0 or (length_bytes == 0 and head.method in _USUALLY_WITH_BODY):
        framing = b"content-length: %d\r\n\r\n" % length_bytes
    else:
        framing = b"transfer-encoding: chunked\r\n\r\n" if length_bytes < 0 else b"\r\n"
    return b"connection: TE\r\n" + framing if head.names_te else framing


def http2_fields(head: RequestHead, scheme: bytes) -> list[tuple[bytes, bytes]]:
    """Pseudo-fields first, all names in lower case (RFC 9113 §8.2, §8.3.1)."""
    pairs = [
        (b":method", head.method),
        (b":scheme", scheme),
        (b":authority", head.host),
        (b":path", head.target),
    ]
    add_pairs(pairs, head.lines)
    length_bytes = head.length_bytes
    if length_bytes > 0 or (length_bytes == 0 and head.method in _USUALLY_WITH_BODY):
        pairs.append((b"content-length", b"%d" % length_bytes))
    return pairs
