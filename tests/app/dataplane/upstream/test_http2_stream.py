"""One request on an HTTP/2 connection: what it sends, what its exchange hears, and who waits for whom. No socket."""

import h2.events
import pytest

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream import http2_connection, http2_stream
from tests.fakes.upstream_side import RecordingReceiver

POST = RequestHead(b"POST", b"/up", b"in.example", [], -1, False)
TRAILER = REQUEST_LINES.read(b"x-sum: 1")
FORBIDDEN = REQUEST_LINES.read(b"host: other")


def body_of(*pieces: bytes, end: bool = True, trailers=()) -> RequestBody:
    body = RequestBody(-1)
    for piece in pieces:
        body.add(piece)
    if end:
        body.end(list(trailers))
    return body


async def test_the_head_goes_with_its_pseudo_fields_first(connected):
    made = await connected()
    await made.request()
    assert made.peer.requests == [
        [
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":authority", b"in.example"),
            (b":path", b"/p?q"),
            (b"x-a", b"1"),
            (b"x-request-id", b"i"),
        ]
    ]
    assert len(made.peer.came(h2.events.StreamEnded)) == 1


async def test_a_response_is_passed_on_with_its_trailers(connected):
    made = await connected()
    stream, receiver = await made.request()
    assert not stream.response_begun
    await made.peer.head(1, 200, [(b"server", b"x")])
    assert stream.response_begun
    await made.peer.data(1, b"hello")
    await made.peer.head(1, 200, []) if False else made.peer.h2.send_headers(
        1, [(b"grpc-status", b"0")], True
    )
    await made.peer.turn()
    assert receiver.calls == [
        ("head", 200, b"server: x\r\n"),
        ("flush",),
        ("body", b"hello"),
        ("flush",),
        ("end", [(b"grpc-status", b"0")], True),
    ]
    assert (made.connection.in_use, made.peer.reset_codes) == (0, {})


@pytest.mark.parametrize("end_on_head", [True, False])
async def test_a_response_may_end_with_its_head_or_with_its_body(connected, end_on_head):
    made = await connected()
    _, receiver = await made.request()
    await made.peer.head(1, 204, end=end_on_head)
    if not end_on_head:
        await made.peer.data(1, b"", end=True)
    assert receiver.calls[-1] == ("end", [], True)
    assert receiver.body == b""


async def test_data_that_ends_the_response_goes_on_with_its_end(connected):
    made = await connected()
    _, receiver = await made.request()
    await made.peer.head(1, 200)
    await made.peer.data(1, b"he")
    await made.peer.data(1, b"llo", end=True)
    assert (receiver.body, receiver.last) == (b"hello", b"llo")


async def test_interim_responses_go_on_but_for_100(connected):
    made = await connected()
    _, receiver = await made.request()
    await made.peer.raw_fields(1, [(b":status", b"100")])
    await made.peer.raw_fields(1, [(b":status", b"103"), (b"link", b"</a>")])
    await made.peer.head(1, 200, end=True)
    assert [call[:2] for call in receiver.calls] == [("interim", 103), ("head", 200), ("end", [])]


async def test_interim_responses_without_end_are_a_fault(connected):
    made = await connected()
    _, receiver = await made.request()
    sent_bytes = 0
    while not made.peer.reset_codes:
        assert sent_bytes <= http2_stream.MAX_HEAD_BYTES
        await made.peer.raw_fields(1, [(b":status", b"103"), (b"link", b"x" * 8000)])
        sent_bytes += 8000
    assert receiver.calls[-1][1:] == (
        "upstream_protocol",
        "the upstream's response is malformed: its head is larger than 256 KiB",
    )
    assert made.peer.reset_codes == {1: 8}


FAULTS = {
    "uppercase": [(b":status", b"200"), (b"X-A", b"1")],
    "connection": [(b":status", b"200"), (b"connection", b"close")],
    "transfer-encoding": [(b":status", b"200"), (b"transfer-encoding", b"chunked")],
    "no status": [(b"server", b"x")],
    "two statuses": [(b":status", b"200"), (b":status", b"200")],
    "late status": [(b"server", b"x"), (b":status", b"200")],
    "a request's": [(b":status", b"200"), (b":path", b"/")],
    "101": [(b":status", b"101")],
    "a newline": [(b":status", b"200"), (b"x-a", b"1\r\nx-b: 2")],
    "no number": [(b":status", b"2x0")],
    "two lengths": [(b":status", b"200"), (b"content-length", b"1"), (b"content-length", b"2")],
}


@pytest.mark.parametrize("fields", FAULTS.values(), ids=FAULTS)
async def test_a_malformed_head_ends_its_request_and_no_other(connected, fields):
    made = await connected()
    _, receiver = await made.request()
    _, other = await made.request()
    await made.peer.raw_fields(1, fields)
    (call,) = receiver.calls
    assert call[:2] == ("failed", "upstream_protocol")
    assert call[2].startswith("the upstream's response is malformed")
    await made.peer.head(3, 200, end=True)
    assert other.calls[-1] == ("end", [], True)
    assert made.connection.in_use == 0


@pytest.mark.parametrize(("length", "sent"), [(b"5", b"hell"), (b"5", b"hello!")], ids=["fewer", "more"])
async def test_a_body_that_is_not_as_long_as_its_head_says_is_a_fault(connected, length, sent):
    made = await connected()
    _, receiver = await made.request()
    await made.peer.head(1, 200, [(b"content-length", length)])
    await made.peer.data(1, sent, end=True)
    assert receiver.calls[-1][:2] == ("failed", "upstream_protocol")


@pytest.mark.parametrize(
    "fields", [[(b":status", b"200")], [(b"X-T", b"1")], [(b"content-length", b"5")], [(b"connection", b"x")]]
)
async def test_malformed_trailers_are_a_fault(connected, fields):
    made = await connected()
    _, receiver = await made.request()
    await made.peer.head(1, 200)
    await made.peer.data(1, b"hello")
    await made.peer.raw_fields(1, fields, end=True)
    assert receiver.calls[-1][:2] == ("failed", "upstream_protocol")


async def test_a_response_that_is_not_wanted_is_not_read_on(connected):
    made = await connected()
    _, receiver = await made.request(wanted=False)
    await made.peer.head(1, 503, end=True)
    assert [call[0] for call in receiver.calls] == ["head"]
    assert made.connection.in_use == 0


# --- the request's body ------------------------------------------------------------------------------------


async def test_what_came_of_the_body_goes_with_the_head_and_the_rest_after_it(connected):
    made = await connected()
    stream, _ = await made.request(POST, body_of(b"ab", b"c", end=False))
    stream.send_body(b"def")
    stream.end_body([])
    await made.peer.turn()
    assert made.peer.body == b"abcdef"
    assert len(made.peer.came(h2.events.StreamEnded)) == 1


@pytest.mark.parametrize("at_once", [True, False])
async def test_trailers_end_a_body_but_for_those_that_may_not_be_any(connected, at_once):
    made = await connected()
    trailers = [TRAILER, FORBIDDEN]
    stream, _ = await made.request(POST, body_of(b"ab", end=at_once, trailers=trailers))
    if not at_once:
        stream.end_body(trailers)
        await made.peer.turn()
    (event,) = made.peer.came(h2.events.TrailersReceived)
    assert list(event.headers) == [(b"x-sum", b"1")]
    assert made.peer.body == b"ab"


async def test_an_upload_pauses_while_the_windows_are_full_and_goes_on_as_they_open(connected):
    made = await connected()
    stream, receiver = await made.request(POST, body_of(end=False))
    window = 65_535
    stream.send_body(b"x" * window)
    await made.peer.turn()
    stream.send_body(b"y" * http2_stream.HIGH_WATER_BYTES)
    await made.peer.turn()
    assert receiver.calls == []
    stream.send_body(b"z")
    assert receiver.calls == [("pause",)]
    stream.send_body(b"z")
    await made.peer.turn()
    assert (receiver.calls, len(made.peer.body)) == ([("pause",)], window)
    made.peer.h2.acknowledge_received_data(window, 1)
    await made.peer.turn()
    assert receiver.calls == [("pause",), ("resume",)]
    assert len(made.peer.body) == 2 * window
    assert stream.unsent_bytes() == 3


async def test_an_upload_that_waits_is_let_go_with_its_exchange(connected):
    made = await connected()
    stream, receiver = await made.request(POST, body_of(b"x" * 200_000, end=False))
    assert receiver.calls == [("pause",)]
    stream.abort()
    await made.peer.turn()
    assert receiver.calls == [("pause",)]
    assert made.peer.reset_codes == {1: 8}


async def test_a_response_that_is_whole_before_the_body_was_taken_leaves_the_rest_unsent(connected):
    made = await connected()
    _, receiver = await made.request(POST, body_of(b"x" * 70_000))
    await made.peer.head(1, 413, end=True)
    assert receiver.calls[-1] == ("end", [], True)
    assert made.peer.reset_codes == {1: 0}
    assert len(made.peer.body) == 65_535


# --- the client's pace -------------------------------------------------------------------------------------


async def test_credit_is_given_when_the_client_took_the_bytes(connected):
    made = await connected()
    window = http2_connection.STREAM_WINDOW_BYTES
    stream, receiver = await made.request()
    await made.peer.head(1, 200)
    stream.pause_reading()
    for _ in range(window // 16_384):
        await made.peer.data(1, b"x" * 16_384)
    assert len(receiver.body) == window
    assert made.peer.h2.local_flow_control_window(1) == 0
    stream.resume_reading()
    await made.peer.turn()
    assert made.peer.h2.local_flow_control_window(1) == window


async def test_one_client_that_takes_nothing_stops_no_other(connected):
    made = await connected()
    streams = [await made.request() for _ in range(3)]
    for number, (stream, _) in zip((1, 3, 5), streams, strict=True):
        await made.peer.head(number, 200)
        stream.pause_reading()
    for number in (1, 3):
        for _ in range(http2_connection.STREAM_WINDOW_BYTES // 16_384):
            await made.peer.data(number, b"x" * 16_384)
    await made.peer.data(5, b"hello", end=True)
    assert streams[2][1].body == b"hello"


async def test_what_streams_held_is_given_back_with_their_end(connected):
    """Else the connection's window, which all share, would be used up."""
    made = await connected()
    for number in range(1, 2 * http2_connection.MAX_RESETS, 2):
        stream, _ = await made.request()
        await made.peer.head(number, 200)
        stream.pause_reading()
        for _ in range(http2_connection.STREAM_WINDOW_BYTES // 16_384):
            made.peer.h2.send_data(number, b"x" * 16_384)
        await made.peer.turn()
        stream.abort()
        await made.peer.turn()
    least = http2_connection.MAX_STREAMS * http2_connection.STREAM_WINDOW_BYTES // 2
    assert made.peer.h2.outbound_flow_control_window > least


# --- faults of our own -------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["head", "body", "flush", "interim", "end", "failed"])
async def test_a_fault_inside_ends_one_exchange(connected, at):
    class Broken(RecordingReceiver):
        def _note(self, name, *details):
            if name == at:
                raise ZeroDivisionError(name)

    made = await connected()
    _, other = await made.request()
    stream = made.connection.take()
    broken = Broken(stream)
    stream.begin(broken)
    stream.send(RequestHead(b"GET", b"/", b"in.example", [], 0, False), RequestBody(0))
    await made.peer.turn()
    await made.peer.raw_fields(3, [(b":status", b"103")])
    if at == "failed":
        made.peer.h2.reset_stream(3, 2)
    else:
        if not made.peer.reset_codes:
            await made.peer.head(3, 200)
        if not made.peer.reset_codes:
            made.peer.h2.send_data(3, b"x")
            await made.peer.turn()
        if not made.peer.reset_codes:
            made.peer.h2.send_headers(3, [(b"x-t", b"1")], end_stream=True)
    await made.peer.turn()
    assert [str(bug) for bug in broken.bugs] == [at]
    await made.peer.head(1, 200, end=True)
    assert other.calls[-1] == ("end", [], True)
