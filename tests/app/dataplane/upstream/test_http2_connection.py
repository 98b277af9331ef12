"""One HTTP/2 connection to an upstream: which requests it takes, and what becomes of them at its end. No socket."""

import asyncio

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, PingFrame, RstStreamFrame, SettingsFrame

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream import http2_connection
from tests.app.dataplane.upstream.conftest import GET, Connected
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.network import Network
from tests.fakes.upstream_side import RecordingReceiver


async def greeting(fault_of: Connected) -> str:
    return await asyncio.wait_for(fault_of.connection.greeted, DEADLINE_S)


async def test_it_is_ready_once_the_settings_of_the_upstream_came():
    made = Connected(Network())
    await made.make()
    assert not made.connection.greeted.done()
    await made.peer.begin()
    assert await greeting(made) == ""


@pytest.mark.parametrize(
    ("allowed", "taken"), [(1, 1), (2, 1), (5, 4), (100, 80), (124, 99), (1000, 100), (2**31 - 1, 100)]
)
async def test_it_takes_four_fifths_of_the_streams_that_the_upstream_allows(connected, allowed, taken):
    made = await connected(allowed)
    while made.connection.has_room:
        made.connection.take()
    assert made.connection.in_use == taken


async def test_an_upstream_that_allows_no_streams_is_of_no_use(connected):
    made = await connected(0)
    assert await greeting(made) == "it allows no streams (SETTINGS_MAX_CONCURRENT_STREAMS is 0)"
    assert not made.connection.has_room


async def test_the_limit_may_change(connected):
    made = await connected(5)
    for allowed, limit in ((1, 1), (0, 0), (10, 8)):
        made.peer.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: allowed})
        await made.peer.turn()
        assert made.connection.max_streams == limit


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it responds in HTTP/1.1, not in HTTP/2"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it does not speak HTTP/2"),
        (b"\x15\x03\x01\x00\x02\x02\x46" + b"x" * 20, "it does not speak HTTP/2"),
        (PingFrame(0, opaque_data=b"12345678").serialize(), "it does not speak HTTP/2"),
    ],
)
async def test_what_does_not_begin_as_http2_is_refused(data, fault):
    made = Connected(Network())
    await made.make()
    made.connection.data_received(data)
    assert (await greeting(made)).startswith(fault)
    await asyncio.sleep(0)
    assert made.transport.aborted
    made.transport.lose()
    assert not made.connection.has_room


async def test_a_connection_that_is_closed_before_its_settings_came_says_so():
    made = Connected(Network())
    await made.make()
    made.transport.lose()
    assert await greeting(made) == "it closed the connection instead of beginning HTTP/2"
    assert made.forgotten == [made.connection]


async def test_one_that_was_never_made_can_be_given_up():
    made = Connected(Network())
    connection = http2_connection.Http2Connection(made, asyncio.get_running_loop(), b"http")
    connection.abort()
    assert connection.retired


# --- the ends of requests ----------------------------------------------------------------------------------


async def test_the_loss_of_the_connection_is_the_end_of_all_its_requests(connected):
    made = await connected()
    receivers = [(await made.request())[1] for _ in range(3)]
    made.transport.lose(ConnectionResetError())
    assert [each.calls for each in receivers] == [
        [("failed", "upstream_reset", "the upstream closed the connection")]
    ] * 3
    assert (made.connection.in_use, made.connection.has_room) == (0, False)
    assert made.forgotten == [made.connection]


async def test_above_the_last_id_of_a_goaway_nothing_was_processed_and_below_it_all_ends_well(connected):
    made = await connected()
    below, above = await made.request(), await made.request()
    await made.peer.goaway(1)
    assert above[1].calls == [("failed", "upstream_reset", "the upstream did not take the request")]
    assert (above[0].unprocessed, below[0].unprocessed) == (True, False)
    assert not made.connection.has_room
    assert not made.transport.aborted
    made.peer.h2.send_headers(1, [(b":status", b"200")], end_stream=True)
    await made.peer.turn()
    assert below[1].calls[-1] == ("end", [], True)
    await asyncio.sleep(0)
    assert made.transport.aborted


async def test_a_goaway_ends_an_idle_connection(connected):
    made = await connected()
    await made.peer.goaway(0)
    await asyncio.sleep(0)
    assert made.transport.aborted


async def test_the_code_of_a_goaway_is_said_of_what_it_ends(connected):
    made = await connected()
    _, receiver = await made.request()
    await made.peer.goaway(1, 11)
    made.transport.lose()
    assert receiver.calls[-1] == (
        "failed",
        "upstream_reset",
        "the upstream closed the connection, saying ENHANCE_YOUR_CALM",
    )


@pytest.mark.parametrize(
    ("code", "reason", "detail", "unprocessed"),
    [
        (7, "upstream_reset", "the upstream did not take the request", True),
        (2, "upstream_reset", "the upstream reset the stream (INTERNAL_ERROR)", False),
        (0, "upstream_reset", "the upstream reset the stream (NO_ERROR)", False),
        (13, "upstream_protocol", "the upstream wants HTTP/1.1 for this request", False),
    ],
)
async def test_a_reset_ends_one_request(connected, code, reason, detail, unprocessed):
    made = await connected()
    _, other = await made.request()
    stream, receiver = await made.request()
    frame = RstStreamFrame(3)
    frame.error_code = code
    await made.peer.raw(frame)
    assert receiver.calls == [("failed", reason, detail)]
    assert stream.unprocessed is unprocessed
    assert (other.calls, made.connection.in_use) == ([], 1)


async def test_a_reset_after_the_response_is_no_failure(connected):
    """RFC 9113 §8.1: the upstream does not want the rest of the request."""
    made = await connected()
    _, receiver = await made.request()
    await made.peer.head(1, 200, end=True)
    await made.peer.raw(RstStreamFrame(1))
    assert [call[0] for call in receiver.calls] == ["head", "end"]
    assert made.connection.has_room


async def test_an_upstream_that_refuses_a_stream_gets_no_more_than_it_has(connected):
    made = await connected()
    await made.request()
    await made.request()
    made.peer.h2.reset_stream(3, 7)
    await made.peer.turn()
    assert not made.connection.has_room
    assert not made.connection.retired


async def test_an_upstream_that_refuses_its_only_stream_is_left(connected):
    made = await connected()
    await made.request()
    made.peer.h2.reset_stream(1, 7)
    await made.peer.turn()
    await asyncio.sleep(0)
    assert made.transport.aborted


async def test_a_frame_that_breaks_the_connection_ends_all_its_requests(connected):
    made = await connected()
    _, receiver = await made.request()
    made.connection.data_received(b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x")  # DATA on stream 0
    await asyncio.sleep(0)
    assert receiver.calls[0][:2] == ("failed", "upstream_protocol")
    assert receiver.calls[0][2].startswith("the upstream breaks HTTP/2")
    assert made.transport.aborted


async def test_a_response_on_a_stream_that_nobody_opened_breaks_the_connection(connected):
    made = await connected()
    _, receiver = await made.request()
    await made.peer.raw_fields(99, [(b":status", b"200")])
    assert receiver.calls[0][:2] == ("failed", "upstream_protocol")


async def test_what_comes_for_a_request_that_was_given_up_is_dropped(connected):
    made = await connected()
    stream, receiver = await made.request()
    stream.abort()
    made.peer.h2.send_headers(1, [(b":status", b"200")])
    made.peer.h2.send_data(1, b"late")
    made.peer.send()
    await made.peer.turn()
    assert receiver.calls == []
    assert made.connection.has_room


async def test_after_many_that_were_given_up_it_takes_no_more_and_ends(connected):
    made = await connected()
    for _ in range(http2_connection.MAX_RESETS):
        assert made.connection.has_room
        stream, _ = await made.request()
        stream.abort()
    await made.peer.turn()
    assert made.transport.aborted
    assert made.peer.said_goaway


async def test_one_that_is_at_its_end_fails_what_it_is_given(connected):
    made = await connected()
    stream = made.connection.take()
    made.peer.h2.close_connection()
    made.peer.send()
    receiver = RecordingReceiver(stream)
    stream.begin(receiver)
    body = RequestBody(-1)
    body.add(b"abc")
    stream.send(RequestHead(b"POST", b"/", b"in.example", [], -1, False), body)
    stream.send_body(b"def")
    stream.end_body([])
    assert stream.unsent_bytes() == 0
    await made.peer.turn()
    assert receiver.calls == [("failed", "upstream_reset", "the upstream did not take the request")]
    assert stream.unprocessed


async def test_what_comes_on_a_stream_above_the_last_id_of_a_goaway_is_dropped(connected):
    made = await connected()
    _, below = await made.request()
    _, above = await made.request()
    await made.peer.goaway(1)
    await made.peer.raw_fields(3, [(b":status", b"200")])
    await made.peer.raw(DataFrame(3, data=b"late"))
    assert [call[0] for call in above.calls] == ["failed"]
    made.peer.h2.send_headers(1, [(b":status", b"200")], end_stream=True)
    await made.peer.turn()
    assert below.calls[-1] == ("end", [], True)


async def test_a_fault_amid_the_session_ends_this_connection_and_leaves_none_of_its_requests_waiting(
    connected,
):
    class Hopeless(RecordingReceiver):
        """Fails, and once more as it hears of it."""

        def on_response_head(self, head):
            raise ZeroDivisionError("head")

        def failed_inside(self, bug):
            super().failed_inside(bug)
            if len(self.bugs) == 1:
                raise ZeroDivisionError("again")

    made = await connected()
    stream = made.connection.take()
    hopeless = Hopeless(stream)
    stream.begin(hopeless)
    stream.send(GET, RequestBody(0))
    await made.peer.turn()
    _, other = await made.request()
    made.peer.h2.send_headers(1, [(b":status", b"200")])
    made.peer.send()
    assert [str(bug) for bug in (*hopeless.bugs, *other.bugs)] == ["head", "again"]
    assert (made.transport.aborted, made.connection.has_room, made.connection.in_use) == (True, False, 0)


# --- its own end -------------------------------------------------------------------------------------------


async def test_a_retired_connection_ends_with_its_last_request(connected):
    made = await connected()
    _, receiver = await made.request()
    made.connection.retire()
    await made.peer.turn()
    assert (made.connection.has_room, made.transport.aborted) == (False, False)
    await made.peer.head(1, 200, end=True)
    assert receiver.calls[-1] == ("end", [], True)
    await made.peer.turn()
    assert (made.transport.aborted, made.peer.said_goaway) == (True, True)


async def test_it_is_aborted_where_the_upstream_takes_nothing(connected):
    made = await connected()
    made.transport.unsent_bytes = 1
    made.connection.close()
    assert made.transport.aborted
    made.transport.lose()
    made.connection.close()  # there is nothing left to be said


async def test_half_closed_by_the_upstream_it_takes_no_more(connected):
    made = await connected()
    made.transport.unsent_bytes = 1
    made.connection.eof_received()
    assert (made.connection.has_room, made.transport.aborted) == (False, True)


async def test_nothing_is_written_while_the_socket_takes_nothing(connected):
    made = await connected()
    made.connection.pause_writing()
    await made.request()
    assert made.peer.requests == []
    made.connection.resume_writing()
    await made.peer.turn()
    assert len(made.peer.requests) == 1


async def test_what_many_send_in_one_turn_is_one_write(connected):
    made = await connected()
    writes = []
    write = made.transport.write

    def noted(data):
        writes.append(len(data))
        write(data)

    made.transport.write = noted
    for _ in range(5):
        stream = made.connection.take()
        stream.send(GET, RequestBody(0))
    await made.peer.turn()
    assert (len(writes), len(made.peer.requests)) == (1, 5)


async def test_settings_and_pings_are_acknowledged(connected):
    made = await connected()
    await made.peer.raw(PingFrame(0, opaque_data=b"12345678"), SettingsFrame(0))
    assert b"12345678" in made.transport.written
