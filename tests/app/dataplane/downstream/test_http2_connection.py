"""A client's HTTP/2 connection over a fake transport: frames of `h2` in and out."""

import gc

import pytest

from app.dataplane.downstream import http2_life
from app.dataplane.downstream.http2_connection import Http2Connection, session_limits
from app.settings import load_settings
from tests.fakes.connected_client import pages_of
from tests.fakes.connected_http2_client import GET, POST, ConnectedHttp2Client
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import settled
from tests.fakes.transport import FakeTransport

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, ENHANCE_YOUR_CALM = 0, 1, 2, 11
MAX_STREAM = 2**31 - 1
HALF_HEAD = b"\x00\x00\x10\x01\x05\x00\x00\x00\x01\x82"
"""Of HEADERS with 16 bytes."""


@pytest.fixture
def connect(clock):
    def made(*stanzas, tls=False, sock=None, **environment):
        return ConnectedHttp2Client(Proxy(clock, gateway_text(*stanzas), **environment), tls=tls, sock=sock)

    return made


@pytest.fixture
async def client(connect):
    client = connect()
    await client.begin()
    return client


async def test_it_waits_for_the_preface_then_for_streams(connect):
    client = connect(HEADER_TIMEOUT="5s", KEEP_ALIVE_TIMEOUT="60s")
    assert (client.state, client.left_s) == ("PREFACE", 5.0)
    await client.begin()
    assert (client.state, client.left_s) == ("IDLE", 60.0)
    number = await client.open()
    assert (client.state, client.left_s) == ("ACTIVE", float("inf"))
    client.proxy.clock.now_s += 7.0
    await client.answer()
    assert client.fields(number)[":status"] == "200"
    assert client.body(number) == b"ok"
    assert (client.state, client.left_s) == ("IDLE", 60.0)
    assert client.connection.streams == {}
    assert client.proxy.is_at_rest


async def test_a_preface_that_does_not_come_ends_with_goaway(connect):
    client = connect()
    await client.come_due()
    assert b"\x00\x00\x08\x07" in bytes(client.transport.take()) or client.goaways()
    assert client.state == "CLOSING"


async def test_an_idle_connection_ends_with_goaway_and_time_to_read_it(client):
    await client.open()
    await client.answer()
    await client.come_due()
    assert client.goaways()[-1] == (1, NO_ERROR)
    assert (client.state, client.transport.eof_written, client.left_s) == ("CLOSING", True, 2.0)
    client.connection.data_received(b"anything")  # discarded
    await client.come_due()
    assert client.transport.aborted


async def test_over_tls_it_is_closed_at_once(connect):
    client = connect(tls=True)
    await client.begin()
    await client.come_due()
    assert client.goaways()[-1] == (0, NO_ERROR)
    assert (client.transport.closing, client.transport.aborted) == (True, False)
    await settled()
    assert client.state == "CLOSED"
    assert client.proxy.context.open_clients == set()


async def test_a_client_that_takes_no_goaway_is_cut_off(client):
    client.transport.stall()
    client.connection.transport.write(b"x" * 10)
    await client.come_due()
    assert client.state == "CLOSING"
    await client.come_due()
    assert client.transport.aborted


async def test_a_head_in_parts_has_its_own_time(connect, clock):
    client = connect(HEADER_TIMEOUT="5s")
    await client.begin()
    clock.now_s += 20.0
    client.connection.data_received(HALF_HEAD)
    assert client.left_s == 5.0
    clock.now_s += 3.0
    client.connection.data_received(b"\x86")
    assert client.left_s == 2.0
    await client.come_due()
    assert client.goaways()[-1][1] == ENHANCE_YOUR_CALM
    assert client.proxy.counted == {(b"other", 408, "request_timeout"): 1}


async def test_heads_that_come_one_behind_the_other_in_parts_have_each_their_time(connect, clock):
    client = connect(HEADER_TIMEOUT="5s")
    await client.begin()
    left = b""
    for _ in range(4):
        number = client.h2.get_next_available_stream_id()
        client.h2.send_headers(number, GET, end_stream=True)
        head = client.h2.data_to_send()
        client.connection.data_received(left + head[:12])  # each read ends amid a head
        left = head[12:]
        assert client.left_s == 5.0
        clock.now_s += 2.0
    assert client.left_s == 3.0
    assert client.state == "ACTIVE"


async def test_a_head_in_parts_that_becomes_whole_is_a_request(client):
    client.h2.send_headers(1, GET, end_stream=True)
    data = client.h2.data_to_send()
    client.connection.data_received(data[:15])
    client.connection.data_received(data[15:])
    assert client.left_s == float("inf")
    await client.exchange_frames()
    await client.answer()
    assert client.fields(1)[":status"] == "200"


async def test_a_slow_upload_in_parts_of_a_frame_is_no_head_in_parts(client):
    number = await client.open(POST, ("content-length", "10"), end=False)
    client.connection.data_received(b"\x00\x00\x0a\x00\x01" + number.to_bytes(4, "big"))
    for _ in range(10):
        assert client.left_s == float("inf")
        client.connection.data_received(b"x")
    await settled()
    assert client.proxy.loop.transports[0].take().endswith(b"\r\n\r\nxxxxxxxxxx")


async def test_a_connection_above_the_bound_is_aborted(connect):
    client = connect(MAX_CONNECTIONS="1")
    other = Http2Connection(client.proxy.context, client.connection._pages, client.proxy.context.own_entrance)
    transport = FakeTransport(other)
    other.connection_made(transport)
    assert transport.aborted
    other.data_received(b"anything")
    other.connection_lost(None)
    assert client.proxy.context.open_clients == {client.connection}
    await settled()


async def test_what_is_no_http2_ends_with_goaway(connect):
    client = connect()
    await settled()
    client.transport.take()
    client.connection.data_received(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await settled()
    written = client.transport.take()
    assert written[3] == 7
    assert client.state == "CLOSING"


async def test_a_malformed_head_is_counted_and_ends_its_stream_only(client):
    number = await client.open(GET, ("connection", "close"))
    assert client.named("StreamReset", number)
    assert client.proxy.counted == {(b"other", 400, "request_malformed"): 1}
    await client.open()
    await client.answer()
    assert client.fields(3)[":status"] == "200"


def broken(*_):
    raise ZeroDivisionError


async def test_a_fault_of_ours_ends_one_stream_only(client, monkeypatch):
    client.proxy.expect_faults()
    kept = await client.open()
    client.proxy.context.local_paths = frozenset({b"/page"})
    with monkeypatch.context() as patched:
        patched.setattr(client.transport, "get_extra_info", broken)
        number = await client.open([*GET[:3], (":path", "/page")])
    assert [event.error_code for event in client.named("StreamReset", number)] == [INTERNAL_ERROR]
    assert len(client.proxy.faults) == 1
    await client.answer()
    assert client.fields(kept)[":status"] == "200"


@pytest.mark.parametrize("part", ["data", "trailers"])
async def test_a_fault_of_ours_in_a_body_ends_one_stream_only(client, monkeypatch, part):
    client.proxy.expect_faults()
    kept = await client.open()
    number = await client.open(POST, end=False)
    with monkeypatch.context() as patched:
        patched.setattr(client.proxy.loop.transports[-1], "write", broken)
        if part == "data":
            await client.send(number, b"x")
        else:
            client.h2.send_headers(number, [("x-a", "1")], end_stream=True)
            await client.exchange_frames()
    assert client.fields(number)[":status"] == "500"
    await client.answer(upstream=0)
    assert client.fields(kept)[":status"] == "200"
    assert len(client.proxy.faults) == 1


async def test_a_fault_of_ours_in_the_session_ends_the_connection_with_goaway(connect, monkeypatch):
    client = connect()
    client.proxy.expect_faults()
    client.h2.initiate_connection()
    with monkeypatch.context() as patched:
        patched.setattr(http2_life, "now_s", broken)
        client.connection.data_received(client.h2.data_to_send())
    await client.exchange_frames()
    assert client.goaways()[0] == (0, INTERNAL_ERROR)
    assert client.state == "CLOSING"
    assert len(client.proxy.faults) == 1


async def test_a_fault_of_ours_in_one_streams_end_leaves_the_others(client, monkeypatch):
    client.proxy.expect_faults()
    await client.open()
    await client.open()
    for upstream in client.proxy.loop.transports:
        monkeypatch.setattr(upstream, "abort", broken)
    client.h2.reset_stream(1)
    await client.exchange_frames()
    assert (client.state, len(client.proxy.faults)) == ("ACTIVE", 1)
    client.transport.lose()
    await settled()
    assert len(client.proxy.faults) == 2
    assert client.connection.streams == {}


async def test_a_page_of_our_own_is_served_on_a_stream(clock):
    async def page(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"page"})

    proxy = Proxy(clock, gateway_text())
    proxy.context.local_paths = frozenset({b"/page"})
    client = ConnectedHttp2Client(proxy, pages_of(page))
    await client.begin()
    number = await client.open([*GET[:3], (":path", "/page")])
    await client.exchange_frames()
    assert (client.fields(number)[":status"], client.body(number)) == ("200", b"page")
    assert client.state == "IDLE"


async def test_a_page_whose_stream_ends_by_a_fault_of_ours_hears_of_it(clock):
    heard = []

    async def page(scope, receive, send):
        while True:
            heard.append((await receive())["type"])
            if heard[-1] == "http.disconnect":
                return

    proxy = Proxy(clock, gateway_text())
    proxy.expect_faults()
    proxy.context.local_paths = frozenset({b"/page"})
    client = ConnectedHttp2Client(proxy, pages_of(page))
    await client.begin()
    number = await client.open([*POST[:3], (":path", "/page")], end=False)
    client.connection.streams[number].failed_inside(ZeroDivisionError())
    await client.exchange_frames()
    assert [int(reset.error_code) for reset in client.named("StreamReset", number)] == [2]
    assert heard[-1] == "http.disconnect"
    assert client.state == "IDLE"


async def test_a_lost_connection_ends_all_its_exchanges(client):
    for _ in range(3):
        await client.open()
    client.transport.lose()
    await settled()
    assert client.proxy.is_at_rest
    assert client.proxy.context.open_clients == set()


async def test_a_lost_connection_needs_no_collector(client):
    gc.collect()
    gc.disable()
    try:
        await client.open()
        await client.answer()
        await client.open()
        client.transport.lose()
        await settled()
        number = id(client.connection)
        client.transport.protocol = None
        del client.connection
        assert number not in {id(each) for each in gc.get_objects() if isinstance(each, Http2Connection)}
    finally:
        gc.enable()


async def test_what_comes_for_streams_that_are_gone_is_ignored(client):
    connection = client.connection
    connection.on_data(99, b"x", True)
    connection.on_trailers(99, [])
    connection.on_stream_reset(99, 8)
    connection.on_stream_closed(99, 0)
    assert client.state == "IDLE"


# Back-pressure


async def test_a_client_that_reads_nothing_is_not_read_from(client):
    number = await client.open()
    client.transport.stall()
    client.transport.high_bytes = 1000
    await client.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000)
    assert not client.transport.reading
    assert client.proxy.context.disconnects._watched
    client.transport.drain()
    await client.exchange_frames()
    assert client.transport.reading
    assert len(client.body(number)) == 5000


# Drain


async def test_a_drain_sends_a_notice_and_once_that_is_read_the_last_stream(client):
    number = await client.open()
    client.connection.prepare_to_end()
    client.connection.prepare_to_end()  # once
    await client.exchange_frames()
    assert client.goaways() == [(MAX_STREAM, NO_ERROR), (number, NO_ERROR)]
    assert (client.state, client.connection.busy) == ("LAST_STREAMS", True)
    await client.answer()
    assert client.body(number) == b"ok"
    assert client.state == "CLOSING"


async def test_while_draining_the_end_of_its_streams_brings_the_notice(client):
    await client.open()
    client.proxy.context.draining = True
    await client.answer()
    assert client.goaways()[:2] == [(MAX_STREAM, NO_ERROR), (1, NO_ERROR)]
    assert client.state == "CLOSING"


async def test_an_idle_connection_that_is_quiet_is_closed(client):
    now = client.proxy.clock.now_s
    assert client.connection.quiet_s(now + 3.0, 0.0) == 3.0
    assert client.connection.quiet_s(now + 3.0, now + 1.0) == 2.0
    client.connection.close()
    await client.exchange_frames()
    assert client.state == "CLOSING"


async def test_close_lets_streams_go_on_and_cut_does_not(client):
    await client.open()
    client.connection.close()
    await client.exchange_frames()
    assert client.state == "ACTIVE"
    assert client.connection.quiet_s(client.proxy.clock.now_s, 0.0) == 0.0
    client.connection.cut()
    await client.exchange_frames()
    assert (client.state, set(client.goaways())) == ("CLOSING", {(1, NO_ERROR)})
    assert client.proxy.is_at_rest


async def test_a_client_that_leaves_is_closed_after_its_streams(client):
    number = await client.open()
    client.connection.on_goaway(0, NO_ERROR)
    assert client.state == "ACTIVE"
    await client.answer()
    assert client.body(number) == b"ok"
    assert client.state == "CLOSING"


async def test_a_client_that_leaves_without_streams_is_closed_at_once(client):
    client.h2.close_connection()
    await client.exchange_frames()
    assert client.state == "CLOSING"


def test_the_connections_window_holds_those_of_all_streams():
    limits = session_limits(load_settings({"MAX_STREAMS": "7"}))
    assert limits.connection_window_bytes == 7 * limits.stream_window_bytes
    most = session_limits(load_settings({"MAX_STREAMS": "100000"}))
    assert most.connection_window_bytes == 2**31 - 1
