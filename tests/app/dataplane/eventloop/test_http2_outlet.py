"""The way of frames to the socket."""

import pytest

from app.dataplane.eventloop.http2_outlet import OUTPUT_BYTES, Http2Outlet
from tests.fakes.http2_pair import Http2Pair
from tests.fakes.manual_loop import ManualLoop, settled
from tests.fakes.transport import FakeTransport


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


PING, GOAWAY = 6, 7


class Opened:
    """`session`: a server's, whose client has opened one stream."""

    def __init__(self) -> None:
        self.pair = Http2Pair()
        self.number = self.pair.open()
        self.session = self.pair.session
        self.transport = FakeTransport(self)
        self.over = 0
        self.outlet = Http2Outlet(self, ManualLoop(), self.session, self.transport)

    def respond(self, *, size_bytes: int = 0) -> None:
        """The session has something to send."""
        self.session.send_head(self.number, [(b":status", b"200")], not size_bytes)
        if size_bytes:
            self.session.send_data(self.number, bytes(size_bytes), True)

    def kinds(self) -> list[int]:
        """Of the frames that were written since."""
        found, data = [], self.transport.take()
        while data:
            found.append(data[3])
            data = data[9 + int.from_bytes(data[:3], "big") :]
        return found

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
    opened.respond(size_bytes=65_000)
    opened.session.ping()
    assert opened.transport.take() == b""
    await settled()
    assert len(opened.transport.take()) > OUTPUT_BYTES - 1024
    await settled()
    assert opened.transport.take() == b""


async def test_a_blocked_transport_is_given_no_more_but_the_last_words(opened):
    opened.transport.stall()
    opened.transport.high_bytes = 1
    opened.respond()
    opened.outlet.flush()
    assert (opened.outlet.blocked, opened.kinds()) == (True, [1])
    opened.session.ping()
    opened.outlet.flush()
    assert opened.kinds() == []
    opened.session.terminate(0, "why")
    opened.outlet.flush()
    assert GOAWAY in opened.kinds()


async def test_the_owner_hears_when_the_session_is_over(opened):
    opened.session.terminate(0, "why")
    opened.outlet.flush()
    assert (GOAWAY in opened.kinds(), opened.over) == (True, 1)


async def test_a_ping_follows_what_was_to_be_sent_before_it(opened):
    opened.session.shutdown_notice()
    opened.outlet.ping_soon()
    await settled()
    assert opened.kinds() == [GOAWAY, PING]


async def test_what_is_received_makes_a_flush_where_something_is_to_be_sent(opened):
    opened.outlet.flush()
    opened.transport.take()
    opened.outlet.flush_received()
    opened.respond()
    await settled()
    assert opened.kinds() == []  # nothing was due then
    opened.outlet.flush_received()
    await settled()
    assert opened.kinds() == [1]


async def test_what_is_received_makes_a_flush_where_a_stream_waits_for_one(opened):
    stream = Waits(False)
    opened.outlet.flush()
    opened.outlet.call_when_sent(stream)
    opened.outlet.flush_received()
    await settled()
    assert stream.heard == [True]


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
    opened.respond()
    opened.outlet.stop()
    opened.outlet.flush()
    assert opened.kinds() == []
    other = Opened()
    other.respond()
    other.transport.closing = True
    other.outlet.flush()
    assert other.kinds() == []
