"""A WebSocket after its 101: bytes pass unread both ways, with back-pressure; close codes pass with them.

The frames are only measured (RFC 6455 §5.2), so that at shutdown a Close can be put
between two of them.
"""

import asyncio
import re
import struct

from app.dataplane.proxy.downstream import TunnelOwner

__all__ = ["FrameMeter", "Tunnel", "close_frame"]

HIGH_WATER_BYTES = 256 * 1024
LINGER_S = 10.0
CLOSE_CODE = 1001  # "going away" (RFC 6455 §7.4.1)
FRAMES_A_STEP = 256
_FORBIDDEN = -1
_FEWEST_BYTES = {2: 126, 8: 1 << 16}  # what a length of so many bytes tells at least (RFC 6455 §5.2)


def close_frame(code: int, masked: bool) -> bytes:
    """A Close frame; a client's must be masked (RFC 6455 §5.3), and zeros are a mask."""
    body = struct.pack("!H", code)
    return b"\x88\x82\0\0\0\0" + body if masked else b"\x88\x02" + body


def _short_frames(masked: bool) -> "re.Pattern[bytes]":
    """Up to FRAMES_A_STEP whole frames of at most 125 bytes in a row (RFC 6455 §5.2).

    Its second byte alone says which branch a frame takes, so nothing is tried twice. No possessive quantifier:
    in Python 3.11 before 3.11.5 they match what they should not (gh-106052).
    """
    mark, mask_bytes = (0x80, 4) if masked else (0, 0)
    frames = [b"%b.{%d}" % (re.escape(bytes((mark | size,))), mask_bytes + size) for size in range(126)]
    return re.compile(b"(?:.(?:%b)){0,%d}" % (b"|".join(frames), FRAMES_A_STEP), re.DOTALL)


_FROM_CLIENT, _FROM_SERVER = _short_frames(masked=True), _short_frames(masked=False)


class FrameMeter:
    """Follows frame after frame of one direction; `between_frames` tells where another may be put in.

    A frame that RFC 6455 forbids (§5.1 masking, §5.2 lengths in the fewest bytes) ends the following: nothing can
    be put in any more. Such frames could hold so little that following them would cost per frame, not per byte.
    """

    __slots__ = ("_head", "_left_bytes", "_lost", "_masked", "_short")

    def __init__(self, *, masked: bool) -> None:
        """`masked`: as a client's frames are."""
        self._masked = masked
        self._short = _FROM_CLIENT if masked else _FROM_SERVER
        self._head = b""
        self._left_bytes = 0
        self._lost = False

    @property
    def between_frames(self) -> bool:
        return not self._head and not self._left_bytes and not self._lost

    def feed(self, data: bytes) -> None:
        """O(bytes in `data`), whatever the frames' sizes: short ones in a row are steps of a regex.

        256 KiB of a client's empty pings take 6 ms; read head by head they took 50, in which all other clients waited.
        """
        at = 0
        while at < len(data) and not self._lost:
            if self._left_bytes:
                step = min(self._left_bytes, len(data) - at)
                self._left_bytes -= step
                at += step
                continue
            if not self._head:
                short = self._short.match(data, at)
                if short is not None and short.end() > at:
                    at = short.end()
                    continue
            self._head += data[at : at + 1]
            at += 1
            length = _payload_bytes(self._head, self._masked)
            if length == _FORBIDDEN:
                self._lost = True
            elif length is not None:
                self._head, self._left_bytes = b"", length


def _payload_bytes(head: bytes, masked: bool) -> int | None:
    """What follows a whole frame head; None while the head is not whole, _FORBIDDEN where it is no frame's."""
    if len(head) < 2:
        return None
    if bool(head[1] & 0x80) != masked:
        return _FORBIDDEN
    short = head[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if len(head) < 2 + extended + (4 if masked else 0):
        return None
    if not extended:
        return short
    length = int.from_bytes(head[2 : 2 + extended], "big")
    return length if _FEWEST_BYTES[extended] <= length < 1 << 63 else _FORBIDDEN


class _End(asyncio.Protocol):
    """One side of a tunnel."""

    __slots__ = ("other", "transport", "tunnel")

    def __init__(self, tunnel: "Tunnel", transport: asyncio.Transport) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.other = self  # until the tunnel joins two

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
    """Carries bytes until one side ends; its owner hears once, when both are gone."""

    __slots__ = (
        "_client",
        "_ends_open",
        "_going",
        "_leaving",
        "_loop",
        "_meter",
        "_meter_in",
        "_owner",
        "_tunnels",
        "_upstream",
        "bytes_in",
        "bytes_out",
    )

    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        owner: TunnelOwner,
        tunnels: set[object],
    ) -> None:
        """`tunnels`: all that are open; it is one of them until its end."""
        self._loop = asyncio.get_running_loop()
        self._client, self._upstream = _End(self, client), _End(self, upstream)
        self._client.other, self._upstream.other = self._upstream, self._client
        self._owner = owner
        self._tunnels = tunnels
        tunnels.add(self)
        self._ends_open = 2
        self._meter = FrameMeter(masked=False)
        self._meter_in = FrameMeter(masked=True)
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
            self.send_close()

    def send_close(self) -> None:
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
                end.transport.write(close_frame(CLOSE_CODE, masked=False))
            elif self._meter_in.between_frames:
                end.transport.write(close_frame(CLOSE_CODE, masked=True))
            if end.transport.can_write_eof():
                end.transport.write_eof()  # that side ends it once it has read this: no reset under the Close
                end.transport.resume_reading()
            else:
                end.transport.close()

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
            self._tunnels.discard(self)
            self._owner.on_tunnel_end(self.bytes_in, self.bytes_out)
