"""One frame of a WebSocket's server side, made once for all viewers that get it (RFC 6455 §5.2)."""

import struct

__all__ = ["PING_FRAME", "text_frame"]

_FIN_TEXT, _FIN_PING = 0x81, 0x89
_SHORT, _16_BITS, _64_BITS = 125, 126, 127

PING_FRAME = bytes((_FIN_PING, 0))


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one unmasked, final text frame."""
    length = len(payload)
    if length <= _SHORT:
        return bytes((_FIN_TEXT, length)) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", _FIN_TEXT, _16_BITS, length) + payload
    return struct.pack("!BBQ", _FIN_TEXT, _64_BITS, length) + payload
