"""The way of frames to the socket, with a session that gives what the test says."""

from typing import Any

import pytest

from app.dataplane.eventloop.http2_outlet import OUTPUT_BYTES, Http2Outlet
from tests.fakes.manual_loop import ManualLoop, settled
from tests.fakes.transport import FakeTransport


class Session:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.fault: object | None = None
        self.over = False
        self.pings = 0

    def output(self, max_bytes: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def ping(self) -> None:
        self.pings += 1
        self.pieces.append(b"ping")


class Waits:
    def __init__(self, *wants: bool, bug: Exception | None = None) -> None:
        self.wants = list(wants)
        self.heard: list[bool] = []
        self.bug = bug
        self.failures: list[Exception] = []

    def on_sent(self, *, all_sent: bool) -> bool:
        if self.bug is not None:
            raise self.bug
        self.heard.append(all_sent)
        return self.wants.pop(0)

    def failed_inside(self, bug: Exception) -> None:
        self.failures.append(bug)


class Opened:
    def __init__(self) -> None:
        session: Any = Session()
        self.session = session
        self.transport = FakeTransport(self)
        self.over = 0
        self.outlet = Http2Outlet(self, ManualLoop(), session, self.transport)

    def on_session_over(self) -> None:
        self.over += 1

    def pause_writing(self) -> None:
        self.outlet.blocked = True

    def resume_writing(self) -> None:
        self.outlet.blocked = False


@pytest.fixture
async def opened():
    return Opened()


async def test_what_comes_in_one_turn_is_flushed_once(opened):
    opened.outlet.flush_soon()
    opened.outlet.flush_soon()
    opened.session.pieces = [b"a" * OUTPUT_BYTES, b"b"]
    assert opened.transport.take() == b""
    await settled()
    assert opened.transport.take() == b"a" * OUTPUT_BYTES + b"b"


async def test_a_blocked_transport_is_given_no_more_but_the_last_words(opened):
    opened.transport.stall()
    opened.transport.high_bytes = 1
    opened.session.pieces = [b"ab", b"cd"]
    opened.outlet.flush()
    assert (opened.outlet.blocked, opened.transport.take()) == (True, b"ab")
    opened.session.fault = "why"
    opened.outlet.flush()
    assert opened.transport.take() == b"cd"


async def test_the_owner_hears_when_the_session_is_over(opened):
    opened.session.pieces, opened.session.over = [b"goaway"], True
    opened.outlet.flush()
    assert (opened.transport.take(), opened.over) == (b"goaway", 1)


async def test_a_ping_follows_what_was_to_be_sent_before_it(opened):
    opened.session.pieces = [b"notice"]
    opened.outlet.ping_soon()
    await settled()
    assert (opened.transport.take(), opened.session.pings) == (b"noticeping", 1)


async def test_streams_hear_of_flushes_as_long_as_they_want_to(opened):
    stream, gone = Waits(True, False), Waits()
    opened.outlet.call_when_sent(stream)
    opened.outlet.call_when_sent(gone)
    opened.outlet.forget(gone)
    opened.outlet.blocked = True
    opened.outlet.flush()
    opened.outlet.blocked = False
    opened.outlet.flush()
    opened.outlet.flush()
    assert (stream.heard, gone.heard) == ([False, True], [])


async def test_a_fault_of_ours_is_told_to_the_stream_once(opened):
    bug = ZeroDivisionError()
    stream = Waits(bug=bug)
    opened.outlet.call_when_sent(stream)
    opened.outlet.flush()
    opened.outlet.flush()
    assert stream.failures == [bug]


async def test_after_its_end_nothing_is_written(opened):
    opened.session.pieces = [b"a"]
    opened.outlet.stop()
    opened.outlet.flush()
    assert opened.transport.take() == b""
    other = Opened()
    other.session.pieces = [b"a"]
    other.transport.closing = True
    other.outlet.flush()
    assert other.transport.take() == b""
