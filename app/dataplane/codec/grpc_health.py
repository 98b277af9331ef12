"""The messages of `grpc.health.v1.Health/Check` (health.proto of the gRPC project), as gRPC sends them.

Two messages with one field each need no code generated from their description.
"""

from typing import Final

__all__ = ["PATH", "check_request", "is_serving"]

PATH: Final = b"/grpc.health.v1.Health/Check"

_SERVING: Final = 1
_PREFIX_BYTES: Final = 5  # of each message: whether it is compressed, and its length
_VARINT: Final = 0
_BYTES: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}  # by wire type
_MAX_VARINT_BYTES: Final = 10


def check_request(service: str) -> bytes:
    """HealthCheckRequest; `service` "": the server as a whole."""
    name = service.encode()
    message = b"\x0a%b%b" % (_varint(len(name)), name) if name else b""
    return b"\x00%b%b" % (len(message).to_bytes(4, "big"), message)


def is_serving(body: bytes) -> bool:
    """Whether `body` is one HealthCheckResponse whose status is SERVING. Anything else, malformed or not, says no."""
    message = body[_PREFIX_BYTES:]
    if len(body) < _PREFIX_BYTES or body[0] or int.from_bytes(body[1:_PREFIX_BYTES], "big") != len(message):
        return False
    status, at = 0, 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            status = value if tag >> 3 == 1 else status
        elif kind == _BYTES:
            length, at = _read_varint(message, at)
            at += length
        else:
            at += _FIXED_BYTES.get(kind, len(message) + 1)
    return at == len(message) and status == _SERVING


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number and where it ends; an end behind `data` where it is malformed."""
    value = 0
    for shift, octet in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        value |= (octet & 0x7F) << (7 * shift)
        if octet < 0x80:
            return value, at + shift + 1
    return 0, len(data) + 1
