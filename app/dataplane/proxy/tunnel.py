"""A WebSocket after its 101: bytes pass unread both ways, with back-pressure; close codes pass with them.

Only the boundaries of frames are followed, so that at shutdown a Close can be put between two of them.
"""

import asyncio
from typing import Final

from app.dataplane.codec.websocket_frames import FrameMeter, close_frame
from app.dataplane.proxy.downstream import TunnelOwner
from app.dataplane.proxy.entrance import Entrance

__all__ = ["Tunnel"]

HIGH_WATER_BYTES: Final = 256 * 1024
LINGER_S: Final = 10.0
ENDED_S: Final = 2.0
"""How long the upstream may go on after its client's END_STREAM: browsers send theirs with their Close frame, and the
upstream's is on its way then."""
CLOSE_CODE: Final = 1001  # "going away" (RFC 6455 §7.4.1)


class _End(asyncio.Protocol):
    """One side of a tunnel. `paused`: the other side takes no more of what it sends."""

    __slots__ = ("other", "paused", "transport", "tunnel")

    def __init__(self, tunnel: "Tunnel", transport: asyncio.Transport) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.other = self  # until the tunnel joins two
        self.paused = False

    def data_received(self, data: bytes) -> None:
        self.tunnel.carry(self, data)

    def eof_received(self) -> bool:
        """False: the transport closes itself, and the other side with it."""
        return self.tunnel.ended(self)

    def pause_writing(self) -> None:
        self.other.paused = True
        if not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.paused = False
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.tunnel.lost(self)


class Tunnel:
    """Carries bytes until one side ends; its owner hears once, when both are gone."""

    __slots__ = (
        "_client",
        "_ends_open",
        "_entrance",
        "_going",
        "_half_closes",
        "_leaving",
        "_loop",
        "_meter",
        "_meter_in",
        "_owner",
        "_upstream",
        "bytes_in",
        "bytes_out",
    )

    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        owner: TunnelOwner,
        entrance: Entrance,
        *,
        half_closes: bool = False,
    ) -> None:
        """`entrance`: by which the client came. `half_closes`: the client reads on after it has ended its own side, as
        on a stream of HTTP/2; of a connection that would be a client that hung up."""
        self._loop = asyncio.get_running_loop()
        self._client, self._upstream = _End(self, client), _End(self, upstream)
        self._client.other, self._upstream.other = self._upstream, self._client
        self._owner = owner
        self._entrance = entrance
        entrance.join_tunnel(self)
        self._ends_open = 2
        self._meter = FrameMeter(masked=False)
        self._meter_in = FrameMeter(masked=True)
        self._going = self._leaving = False
        self._half_closes = half_closes
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
            if not end.paused and not end.transport.is_closing():
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

    def ended(self, end: _End) -> bool:
        """That side sends no more: whether it is written to still."""
        if end is not self._client or not self._half_closes or self._going:
            return False
        self._loop.call_later(ENDED_S, self._upstream.transport.close)
        return True

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
            self._entrance.leave_tunnel(self)
            self._owner.on_tunnel_end(self.bytes_in, self.bytes_out)
