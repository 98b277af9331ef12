"""A response's fields as HTTP/2 carries them, read into the same values as HTTP/1.1's (RFC 9113 §8.1, §8.2, §8.3.2).

What the framing layer has let through is not trusted: each check that keeps two messages apart stands here, too.
"""

from http import HTTPStatus
from typing import Final

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.http2_owner import Pairs
from app.dataplane.codec.response import CHUNKED, UNTIL_CLOSE, ResponseHead, frame, read_lines

__all__ = ["read_http2_response", "read_http2_trailers"]

# HTTP/2 has no reason phrases, and clients of HTTP/1.1 show what stands there
_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_IN_THE_HEAD_ONLY: Final = frozenset({b"content-length", b"transfer-encoding"})


def read_http2_response(pairs: Pairs) -> ResponseHead:
    """`pairs`: of a field section, in order, pseudo-fields too. Never raises: look at `fault`.

    `length_bytes`: Content-Length, or CHUNKED; the stream's end is the body's.
    """
    name, value = pairs[0] if pairs else (b"", b"")
    if name != b":status" or len(value) != 3 or not value.isdigit():
        response = ResponseHead(0, b"")
        response.fail("it does not begin with a status")
        return response
    status = int(value)
    response = ResponseHead(status, _PHRASES.get(status, b""))
    if not 100 <= status <= 599 or status == 101:  # RFC 9113 §8.6: 101 does not exist here
        response.fail(f"status {status}")
        return response
    for name, _ in pairs[1:]:
        if not _is_name(name):
            response.fail("a field's name is malformed")
            return response
    length, coding = read_lines(response, [b"%b: %b" % pair for pair in pairs[1:]])
    if coding is not None or response.options is not None or response.upgrade is not None:
        response.fail("a field that HTTP/2 does not have")  # RFC 9113 §8.2.2
    frame(response, length, None, False)
    if response.length_bytes == UNTIL_CLOSE:
        response.length_bytes = CHUNKED
    return response


def read_http2_trailers(pairs: Pairs) -> list[Field] | None:
    """The fields behind a body; None where one is malformed (RFC 9113 §8.1)."""
    trailers: list[Field] = []
    for name, value in pairs:
        field = RESPONSE_LINES.read(b"%b: %b" % (name, value)) if _is_name(name) else None
        if field is None or field.name in _IN_THE_HEAD_ONLY:
            return None
        trailers.append(field)
    return trailers


def _is_name(name: bytes) -> bool:
    """Lower-case (RFC 9113 §8.2.1), and no pseudo-field; the rest of its grammar is checked with its line."""
    return b":" not in name and name == name.lower()
