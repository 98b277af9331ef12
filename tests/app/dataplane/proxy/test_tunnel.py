"""A tunnel over fake transports: bytes in at one end, bytes out at the other, and its end."""

import asyncio

import pytest

from app.dataplane.codec.websocket_frames import close_frame
from app.dataplane.proxy.entrance import Entrance
from app.dataplane.proxy.tunnel import Tunnel
from tests.fakes.manual_loop import settled
from tests.fakes.transport import FakeTransport

PING, MASKED_PING = b"\x89\x00", b"\x89\x80\0\0\0\0"
AWAY, MASKED_AWAY = close_frame(1001, masked=False), close_frame(1001, masked=True)


class Ends:
    def __init__(self, *, tls: bool = False, half_closes: bool = False) -> None:
        self.client, self.upstream = FakeTransport(tls=tls), FakeTransport(tls=tls)
        self.ended = 0
        self.tunnels: set[object] = set()
        entrance = Entrance(20001, set(), self.tunnels)
        self.tunnel = Tunnel(self.client, self.upstream, self, entrance, half_closes=half_closes)

    def on_tunnel_end(self, bytes_in: int, bytes_out: int) -> None:
        assert (bytes_in, bytes_out) == (self.tunnel.bytes_in, self.tunnel.bytes_out)
        assert not self.tunnels
        self.ended += 1

    def from_client(self, data: bytes) -> bytes:
        self.client.protocol.data_received(data)
        return self.upstream.take()

    def from_upstream(self, data: bytes) -> bytes:
        self.upstream.protocol.data_received(data)
        return self.client.take()


async def test_what_came_along_with_the_handshake_goes_first():
    ends = Ends()
    ends.client.pause_reading()
    ends.tunnel.start(b"c", b"u")
    assert (ends.client.take(), ends.upstream.take()) == (b"u", b"c")
    assert ends.client.reading
    assert ends.from_client(b"more") == b"more"
    assert ends.from_upstream(b"less") == b"less"
    assert (ends.tunnel.bytes_in, ends.tunnel.bytes_out) == (5, 5)


async def test_the_other_end_is_not_read_while_one_takes_nothing():
    ends = Ends()
    ends.tunnel.start(b"", b"")
    ends.upstream.stall()
    ends.from_client(b"x" * 300_000)
    assert not ends.client.reading
    ends.upstream.drain()
    assert ends.client.reading


async def test_what_came_along_and_is_not_taken_holds_its_sender_back_from_the_start():
    ends = Ends()
    ends.client.pause_reading()
    ends.upstream.stall()
    ends.tunnel.start(b"x" * 300_000, b"")
    assert not ends.client.reading
    ends.upstream.drain()
    assert ends.client.reading


async def test_a_gone_end_is_neither_paused_nor_resumed():
    ends = Ends()
    ends.upstream.stall()
    ends.client.closing = True
    ends.tunnel.carry(ends.client.protocol, b"x" * 300_000)
    ends.upstream.drain()
    ends.tunnel.start(b"", b"")
    assert ends.client.calls == []


@pytest.mark.parametrize("first", ["client", "upstream"])
async def test_one_ends_with_the_other_and_is_told_once(first):
    ends = Ends()
    gone = getattr(ends, first)
    assert not gone.protocol.eof_received()
    gone.lose()
    await settled()
    assert ends.client.closing
    assert ends.upstream.closing
    assert ends.ended == 1


async def test_a_client_that_ends_its_side_alone_gets_what_the_upstream_has_to_say_still(monkeypatch):
    due = []
    monkeypatch.setattr(
        asyncio.get_running_loop(), "call_later", lambda after_s, call: due.append((after_s, call))
    )
    ends = Ends(half_closes=True)
    assert ends.client.protocol.eof_received()
    assert ends.from_upstream(PING) == PING
    ((after_s, close),) = due
    assert (after_s, ends.upstream.closing) == (2.0, False)
    close()  # the upstream has not ended in that time
    await settled()
    assert ends.client.closing
    ends.client.lose()
    await settled()
    assert ends.ended == 1


@pytest.mark.parametrize("going", [True, False])
async def test_an_upstream_never_ends_its_side_alone_and_after_our_close_nobody_does(going):
    ends = Ends(half_closes=True)
    if going:
        ends.tunnel.send_close()
        assert not ends.client.protocol.eof_received()
    assert not ends.upstream.protocol.eof_received()


async def test_going_away_both_ends_are_told_between_frames():
    ends = Ends()
    ends.from_client(MASKED_PING)
    ends.from_upstream(PING)
    ends.tunnel.send_close()
    ends.tunnel.send_close()
    assert (ends.client.take(), ends.upstream.take()) == (AWAY, MASKED_AWAY)
    assert ends.client.eof_written
    assert ends.upstream.eof_written
    assert (ends.from_client(b"late"), ends.from_upstream(b"late")) == (b"", b"")
    ends.client.lose()
    await settled()
    assert (ends.upstream.closing, ends.ended) == (False, 0)  # it has its Close, and ends by itself
    ends.upstream.lose()
    await settled()
    assert ends.ended == 1


async def test_a_frame_under_way_to_the_client_ends_first():
    ends = Ends()
    ends.from_upstream(PING + b"\x81\x05he")
    ends.tunnel.send_close()
    assert ends.client.take() == b""
    assert ends.from_upstream(b"llo") == b"llo" + AWAY


async def test_a_frame_that_the_client_is_amid_is_not_cut_by_a_close():
    ends = Ends()
    ends.from_client(MASKED_PING[:3])
    ends.tunnel.send_close()
    assert (ends.client.take(), ends.upstream.take()) == (AWAY, b"")


async def test_over_tls_the_ends_are_closed():
    ends = Ends(tls=True)
    ends.tunnel.send_close()
    assert ends.client.closing
    assert ends.upstream.closing
    await settled()
    assert ends.ended == 1


async def test_going_away_skips_an_end_that_is_gone():
    ends = Ends()
    ends.client.lose()
    ends.tunnel.send_close()
    await settled()
    assert ends.client.take() == b""
    assert ends.upstream.take() == MASKED_AWAY


async def test_it_may_end_at_once():
    ends = Ends()
    ends.from_upstream(b"\x81\x05he")
    ends.tunnel.abort()
    await settled()
    assert ends.client.aborted
    assert ends.upstream.aborted
    assert ends.ended == 1
