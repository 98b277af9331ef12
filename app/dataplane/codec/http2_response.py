"""A response's fields as HTTP/2 carries them, read into the same values as HTTP/1.1's (RFC 9113 §8.1, §8.2, §8.3.2).

What the framing layer has let through is not trusted: each check that keeps two messages apart stands here, too.
"""

from http import HTTPStatus
from typing import Final

from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.http2_owner import Pairs
from app.dataplane.codec.response import CHUNKED, UNTIL_CLOSE, ResponseHead, frame, read_fields

__all__ = ["read_http2_response"]

# HTTP/2 has no reason phrases, and clients of HTTP/1.1 show what stands there
_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_READ_PAIR: Final = RESPONSE_LINES.read_pair


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
    length, coding = read_fields(response, list(pairs[1:]), RESPONSE_LINES.kept_pairs, _READ_PAIR)
    if coding is not None or response.options is not None or response.upgrade is not None:
        response.fail("a field that HTTP/2 does not have")  # RFC 9113 §8.2.2
    frame(response, length, None, False)
    if response.length_bytes == UNTIL_CLOSE:
        response.length_bytes = CHUNKED
    return response
