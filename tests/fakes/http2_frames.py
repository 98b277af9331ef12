"""HTTP/2 frames byte by byte (RFC 9113 §4, §6), for peers that do what no library would let them do."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
PRIORITY_UPDATE = 16
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"gateway.test")]
POST = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"gateway.test")]
OK = [(b":status", b"200")]


class Frame(NamedTuple):
    kind: int
    flags: int
    stream_id: int
    payload: bytes


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big") + payload


def block(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A header block of literal fields, never indexed, not compressed (RFC 7541 §6.2.3): whatever bytes they have."""
    return b"".join(b"\x10" + _string(name) + _string(value) for name, value in pairs)


def headers(stream_id: int, pairs: Iterable[tuple[bytes, bytes]], end: bool = True) -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream_id, block(pairs))


def data(stream_id: int, payload: bytes, end: bool = False) -> bytes:
    return frame(DATA, END_STREAM if end else 0, stream_id, payload)


def settings(values: dict[int, int] | None = None) -> bytes:
    payload = b"".join(
        key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in (values or {}).items()
    )
    return frame(SETTINGS, payload=payload)


def window_update(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def rst_stream(stream_id: int, error_code: int = 8) -> bytes:
    return frame(RST_STREAM, 0, stream_id, error_code.to_bytes(4, "big"))


def frames(received: bytes) -> Iterator[Frame]:
    """The whole frames of `received`, without a client's preface."""
    at = len(PREFACE) if received.startswith(PREFACE) else 0
    while at + 9 <= len(received):
        size = int.from_bytes(received[at : at + 3], "big")
        if at + 9 + size > len(received):
            return
        number = int.from_bytes(received[at + 5 : at + 9], "big")
        yield Frame(received[at + 3], received[at + 4], number, received[at + 9 : at + 9 + size])
        at += 9 + size


def settings_of(payload: bytes) -> dict[int, int]:
    return {
        int.from_bytes(payload[at : at + 2], "big"): int.from_bytes(payload[at + 2 : at + 6], "big")
        for at in range(0, len(payload), 6)
    }


def _string(value: bytes) -> bytes:
    """RFC 7541 §5.1, §5.2."""
    if len(value) < 127:
        return bytes([len(value)]) + value
    rest = len(value) - 127
    size = b"\x7f"
    while rest >= 128:
        size += bytes([rest % 128 + 128])
        rest //= 128
    return size + bytes([rest]) + value


def error_code(one: Frame) -> int:
    """Of RST_STREAM or GOAWAY."""
    return int.from_bytes(one.payload[-4:] if one.kind == RST_STREAM else one.payload[4:8], "big")
