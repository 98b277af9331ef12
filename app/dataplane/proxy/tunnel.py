"""A WebSocket after its 101: bytes pass unread both ways, with back-pressure; close codes pass with them.

The frames are only measured (RFC 6455 §5.2), so that at shutdown a Close can be put
between two of them.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

__all__ = ["FrameMeter", "Tunnel", "close_frame"]

HIGH_WATER_BYTES = 256 * 1024
LINGER_S = 10.0
GOING_AWAY = 1001  # RFC 6455 §7.4.1


def close_frame(code: int, masked: bool) -> bytes:
    """A Close frame; a client's must be masked (RFC 6455 §5.3), and zeros are a mask."""
    body = struct.pack("!H", code)
    return b"\x88\x82\0\0\0\0" + body if masked else b"\x88\x02" + body


class FrameMeter:
    """Follows frame after frame of one direction; `between_frames` tells where another may be put in."""

    __slots__ = ("_head", "_left_bytes")

    def __init__(self) -> None:
        self._head = b""
        self._left_bytes = 0

    @property
    def between_frames(self) -> bool:
        return not self._head and not self._left_bytes

    def feed(self, data: bytes) -> None:
        """O(frames in `data`)."""
        at = 0
        while at < len(data):
            if self._left_bytes:
                step = min(self._left_bytes, len(data) - at)
                self._left_bytes -= step
                at += step
                continue
            self._head += data[at : at + 1]
            at += 1
            length = _payload_bytes(self._head)
            if length is not None:
                self._head, self._left_bytes = b"", length


def _payload_bytes(head: bytes) -> int | None:
    """What follows a whole frame head; None while the head is not whole."""
    if len(head) < 2:
        return None
    short = head[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if len(head) < 2 + extended + (4 if head[1] & 0x80 else 0):
        return None
    return short if not extended else int.from_bytes(head[2 : 2 + extended], "big")


class _End(asyncio.Protocol):
    """One side of a tunnel."""

    __slots__ = ("other", "transport", "tunnel")

    def __init__(self, tunnel: "Tunnel", transport: asyncio.Transport) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.other: _End = cast(_End, None)

    def data_received(self, data: bytes) -> None:
        self.tunnel.carry(self, data)

    def eof_received(self) -> None:
        """None: the transport closes itself, and the other side with it."""

    def pause_writing(self) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.tunnel.lost(self)


class Tunnel:
    """Carries bytes until one side ends; `on_end` is called once, when both are gone."""

    __slots__ = (
        "_client",
        "_ends_open",
        "_going",
        "_leaving",
        "_loop",
        "_meter",
        "_meter_in",
        "_on_end",
        "_upstream",
        "bytes_in",
        "bytes_out",
    )

    def __init__(
        self, client: asyncio.Transport, upstream: asyncio.Transport, on_end: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._client, self._upstream = _End(self, client), _End(self, upstream)
        self._client.other, self._upstream.other = self._upstream, self._client
        self._on_end = on_end
        self._ends_open = 2
        self._meter = FrameMeter()
        self._meter_in = FrameMeter()
        self._going = self._leaving = False
        self.bytes_in = self.bytes_out = 0
        for end in (self._client, self._upstream):
            end.transport.set_write_buffer_limits(HIGH_WATER_BYTES)
            end.transport.set_protocol(end)

    def start(self, from_client: bytes, from_upstream: bytes) -> None:
        """Pass on what came along with the handshake, then read."""
        if from_client:
            self.carry(self._client, from_client)
        if from_upstream:
            self.carry(self._upstream, from_upstream)
        for end in (self._client, self._upstream):
            if not end.transport.is_closing():
                end.transport.resume_reading()

    def carry(self, source: _End, data: bytes) -> None:
        if self._going:
            return  # after our Close no frame may follow (RFC 6455 §5.5.1)
        if source is self._client:
            self.bytes_in += len(data)
            self._meter_in.feed(data)
        else:
            self.bytes_out += len(data)
            self._meter.feed(data)
        source.other.transport.write(data)
        if self._leaving:
            self.go_away()

    def go_away(self) -> None:
        """Tell both sides 1001 as soon as no frame to the client is cut by it, and end."""
        self._leaving = True
        if self._going:
            return
        if not self._meter.between_frames:
            return  # `carry` asks again after each piece
        self._going = True
        for end in (self._client, self._upstream):
            if end.transport.is_closing():
                continue
            if end is self._client:
                end.transport.write(close_frame(GOING_AWAY, masked=False))
            elif self._meter_in.between_frames:
                end.transport.write(close_frame(GOING_AWAY, masked=True))
            if end.transport.can_write_eof():
                end.transport.write_eof()  # that side ends it once it has read this: no reset under the Close
            else:
                end.transport.close()
            end.transport.resume_reading()

    def abort(self) -> None:
        """End now, in whatever frame it is."""
        self._client.transport.abort()
        self._upstream.transport.abort()

    def lost(self, end: _End) -> None:
        self._ends_open -= 1
        other = end.other.transport
        if not other.is_closing():
            if self._going and other.can_write_eof():
                pass  # it has its Close, and ends by itself or by `abort`
            else:
                other.close()
                # one that takes nothing would stay for ever
                self._loop.call_later(LINGER_S, other.abort)
        if self._ends_open == 0:
            self._on_end()
