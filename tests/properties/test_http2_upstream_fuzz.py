"""Whatever an upstream sends over HTTP/2 and whenever it leaves: each request ends once, and nothing is left behind."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream.http2_connection import Http2Connection
from tests.app.dataplane.upstream.conftest import Connected
from tests.fakes.http2_frames import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    block,
    data,
    frame,
    headers,
    rst_stream,
    window_update,
)
from tests.fakes.http2_frames import settings as settings_frame
from tests.fakes.network import Network
from tests.fakes.upstream_side import RecordingReceiver

NUMBERS = st.sampled_from([0, 1, 3, 5, 7, 9, 2, 101])
CODES = st.sampled_from([0, 1, 2, 7, 8, 11, 13, 99])
FIELDS = st.lists(
    st.sampled_from(
        [
            (b":status", b"200"),
            (b":status", b"103"),
            (b":status", b"500"),
            (b":status", b"101"),
            (b":status", b"x"),
            (b":path", b"/"),
            (b"x-a", b"1"),
            (b"X-A", b"1"),
            (b"connection", b"close"),
            (b"content-length", b"3"),
            (b"content-length", b"0"),
            (b"date", b"today"),
            (b"x-a", b"a\r\nb: c"),
        ]
    ),
    max_size=4,
).map(lambda fields: sorted(fields, key=lambda field: field[0][:1] != b":"))


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


FRAMES = st.one_of(
    st.builds(headers, NUMBERS, FIELDS, st.booleans()),
    st.builds(headers, st.sampled_from([1, 3, 5]), st.just([(b":status", b"200")]), st.booleans()),
    st.builds(data, NUMBERS, st.sampled_from([b"", b"abc", b"x" * 300]), st.booleans()),
    st.builds(rst_stream, NUMBERS, CODES),
    st.builds(lambda last, code: frame(GOAWAY, payload=u32(last) + u32(code)), NUMBERS, CODES),
    st.builds(settings_frame, st.dictionaries(st.sampled_from([3, 4, 5]), st.sampled_from([0, 1, 20_000]))),
    st.builds(window_update, NUMBERS, st.sampled_from([0, 1, 70_000, 2**31 - 1])),
    st.just(frame(PING, payload=bytes(8))),
    st.builds(
        lambda number, fields: (
            frame(HEADERS, END_STREAM, number, block(fields)[:5])
            + frame(CONTINUATION, END_HEADERS, number, block(fields)[5:])
        ),
        NUMBERS,
        FIELDS,
    ),
    st.binary(max_size=30),
)
STEPS: st.SearchStrategy[list[tuple[str, list[bytes]]]] = st.lists(
    st.one_of(
        st.tuples(st.just("frames"), st.lists(FRAMES, min_size=1, max_size=4)),
        st.tuples(
            st.sampled_from(["request", "upload", "abort", "pause", "resume", "turn", "retire"]), st.just([])
        ),
    ),
    max_size=14,
)


def step(what: str, made: Connected, frames: list[bytes], receivers: list[RecordingReceiver]) -> None:
    connection = made.connection
    if what == "frames" and not made.transport.aborted:
        connection.data_received(b"".join(frames))
    elif what in ("request", "upload") and connection.has_room:
        stream = connection.take()
        receiver = RecordingReceiver(stream)
        receivers.append(receiver)
        stream.begin(receiver)
        body = RequestBody(-1 if what == "upload" else 0)
        if what == "upload":
            body.add(b"x" * 100_000)
        stream.send(RequestHead(b"POST", b"/", b"a", [b"x-b: 1\r\n"], body.length_bytes, False), body)
    elif what == "retire":
        connection.retire()
    elif what in ("abort", "pause", "resume"):
        live = [each.connection for each in receivers if each.connection.receiver is not None]
        if not live:
            return
        if what == "abort":
            live[-1].abort()
        elif what == "pause":
            live[-1].pause_reading()
        else:
            live[-1].resume_reading()


async def play(steps: list[tuple[str, list[bytes]]], greets: bool) -> None:
    made = Connected(Network())
    await made.make()
    if greets:
        made.connection.data_received(settings_frame())
    receivers: list[RecordingReceiver] = []
    for what, frames in steps:
        step(what, made, frames, receivers)
        if what == "turn":
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    made.transport.lose()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    connection: Http2Connection = made.connection
    assert (connection.in_use, connection.has_room, connection.greeted.done()) == (0, False, True)
    assert made.forgotten == [connection]
    for receiver in receivers:
        ends = [call[0] for call in receiver.calls if call[0] in ("end", "failed")]
        assert len(ends) <= 1
        assert receiver.calls == [] or ends == [] or receiver.calls[-1][0] in ("end", "failed")
        assert receiver.bugs == []
        assert receiver.connection.receiver is None


@settings(max_examples=300)
@given(STEPS, st.booleans())
def test_each_request_ends_once_whatever_an_upstream_sends(steps, greets):
    asyncio.run(play(steps, greets))
