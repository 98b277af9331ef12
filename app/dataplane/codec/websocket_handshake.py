"""The handshake of a WebSocket, where the gateway makes it for a client that has none (RFC 6455 §4.1, RFC 8441 §5)."""

import base64
import hashlib
from typing import Final

__all__ = ["KEY_BITS", "accept_of", "accepts", "handshake_key"]

KEY_BITS: Final = 128
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
_ACCEPT: Final = b"sec-websocket-accept:"


def handshake_key(random_bits: int) -> bytes:
    """A Sec-WebSocket-Key of KEY_BITS random bits."""
    return base64.b64encode(random_bits.to_bytes(KEY_BITS // 8, "big"))


def accept_of(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that a server which took `key` responds with (RFC 6455 §4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - the RFC's: it guards no secret


def accepts(lines: list[bytes], key: bytes) -> bool:
    """Whether a response's header lines, names in lower case, accept that key, and say so once."""
    values = [line[len(_ACCEPT) :].strip() for line in lines if line.startswith(_ACCEPT)]
    return values == [accept_of(key)]
