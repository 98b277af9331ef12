"""A client's connection over a fake transport: bytes in, bytes out."""

import gc
import socket

import pytest

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.head_buffer import HeadBuffer
from app.dataplane.downstream.connection_state import State
from app.dataplane.downstream.request_reader import RequestReader
from app.dataplane.downstream.response_writer import Http1ResponseWriter
from tests.fakes.connected_client import ConnectedClient
from tests.fakes.http1_bytes import GET, NOT_THERE, OK, POST_5, statuses
from tests.fakes.manual_loop import settled


async def test_a_request_goes_to_the_upstream_and_its_response_to_the_client(connect):
    client = connect()
    assert await client.send(GET) == b""
    assert client.state == "RESPONDING"
    written = await client.answer()
    assert written.startswith(OK)
    assert written.endswith(b"\r\ncontent-length: 2\r\n\r\nok")
    assert client.state == "IDLE"
    assert not client.transport.closing


async def test_bytes_may_come_one_by_one(connect):
    client = connect()
    for at in range(len(POST_5)):
        await client.send(POST_5[at : at + 1])
    assert client.state == "RECEIVING"
    for byte in b"hello":
        await client.send(bytes((byte,)))
    assert client.state == "RESPONDING"
    assert client.proxy.loop.transports[0].take().endswith(b"\r\n\r\nhello")
    assert statuses(await client.answer()) == [200]


async def test_a_client_over_tls_is_known_as_such(connect):
    client = connect(tls=True)
    await client.send(GET)
    assert b"x-forwarded-proto: https\r\n" in client.proxy.loop.transports[0].take()


async def test_http_1_0_keeps_its_connection_where_it_asks(connect):
    client = connect()
    for _ in range(3):
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"\r\nconnection: keep-alive\r\n" in await client.answer()
    await client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in await client.answer()
    assert client.transport.closing


async def test_connection_close_is_heeded(connect):
    client = connect()
    await client.send(GET[:-2] + b"Connection: close\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in await client.answer()
    assert client.transport.closing
    assert client.state == "CLOSED"


# Bodies


async def test_the_rest_of_a_rejected_requests_short_body_is_thrown_away(connect):
    client = connect()
    post = POST_5.replace(b"POST /", b"POST /none")
    assert statuses(await client.send(post + b"he")) == [404]
    assert (client.state, client.left_s) == ("DISCARDING", 10.0)
    assert await client.send(b"llo") == b""
    assert (client.state, client.left_s) == ("IDLE", 75.0)
    await client.send(GET)
    assert statuses(await client.answer()) == [200]


async def test_a_rest_that_does_not_come_ends_the_connection(connect):
    client = connect()
    await client.send(POST_5.replace(b"POST /", b"POST /none") + b"he")
    await client.come_due()
    assert client.transport.closing


async def test_after_a_rejection_amid_a_long_body_the_client_has_time_to_read_it(connect):
    client = connect()
    post = b"POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"
    assert b"connection: close\r\n" in await client.send(post + b"x" * 10)
    assert (client.state, client.left_s) == ("LINGERING", 2.0)
    assert client.transport.eof_written
    assert await client.send(b"x" * 1000) == b""
    await client.come_due()
    assert client.transport.closing


async def test_a_body_larger_than_the_bound_that_comes_with_its_head_is_rejected(connect):
    client = connect(MAX_BODY_BYTES="4")
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    written = await client.send(head + b"5\r\nhello\r\n0\r\n\r\n" + GET)
    assert statuses(written) == [413]
    assert b"connection: close\r\n" in written
    assert client.proxy.loop.connected == []


async def test_a_body_that_is_malformed_with_its_head_is_rejected(connect):
    client = connect()
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert statuses(await client.send(head + b"no size\r\n" + GET)) == [400]
    assert client.state == "LINGERING"
    assert client.proxy.loop.connected == []


async def test_a_body_that_breaks_later_is_rejected(connect):
    client = connect()
    await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    assert client.state == "RECEIVING"
    assert statuses(await client.send(b"no size\r\n" + GET)) == [400]
    assert client.state == "LINGERING"
    assert client.proxy.is_at_rest


async def test_trailers_go_on(connect):
    client = connect()
    await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.send(b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert client.proxy.loop.transports[0].take().endswith(b"1\r\na\r\n0\r\nx-sum: 1\r\n\r\n")


async def test_the_upload_is_not_read_while_the_upstream_takes_nothing(connect):
    ours, theirs = socket.socketpair()
    client = connect(sock=ours)
    await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
    client.proxy.loop.transports[0].stall()
    await client.send(b"x" * 300_000)
    assert not client.transport.reading
    client.proxy.loop.transports[0].drain()
    assert client.transport.reading
    client.proxy.loop.transports[0].stall()
    await client.send(b"x" * 300_000)
    theirs.close()
    client.proxy.loop.fire()
    await settled()
    ours.close()
    assert client.proxy.is_at_rest


async def test_the_response_is_not_read_while_the_client_takes_nothing(connect):
    client = connect()
    await client.send(GET)
    client.transport.stall()
    await client.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 300_000)
    assert not client.proxy.loop.transports[0].reading
    client.transport.drain()
    assert client.proxy.loop.transports[0].reading


async def test_a_response_that_breaks_off_is_cut(connect):
    client = connect()
    await client.send(GET)
    await client.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
    client.proxy.loop.transports[0].lose(ConnectionResetError())
    await settled()
    assert client.transport.aborted


# Deadlines


async def test_a_connection_has_the_heads_time_from_its_start(connect):
    client = connect(HEADER_TIMEOUT="5s")
    assert client.left_s == 5.0
    await client.come_due()
    assert client.transport.closing
    assert client.transport.take() == b""


async def test_a_head_that_does_not_come_whole_is_408(connect):
    client = connect(HEADER_TIMEOUT="5s")
    await client.send(b"GET / HT")
    client.proxy.clock.now_s += 3
    await client.send(b"TP/1.1\r\n")
    assert (client.state, client.left_s) == ("HEAD", 2.0)  # from its first byte
    assert statuses(await client.come_due()) == [408]
    assert client.state == "LINGERING"


async def test_an_idle_connection_has_the_keep_alive_time(connect):
    client = connect(KEEP_ALIVE_TIMEOUT="7s", HEADER_TIMEOUT="5s")
    await client.send(GET)
    await client.answer()
    assert client.left_s == 7.0
    await client.send(b"G")
    assert client.left_s == 5.0


async def test_while_a_request_is_under_way_its_own_time_counts(connect):
    client = connect("timeout: {request: 3s, idle: 4s}")
    await client.send(GET)
    assert client.left_s == 3.0
    assert statuses(await client.come_due()) == [504]
    assert client.state == "IDLE"


async def test_a_client_that_never_takes_the_last_response_is_cut_off(connect):
    client = connect(HEADER_TIMEOUT="5s")
    client.transport.stall()
    await client.send(NOT_THERE[:-2] + b"Connection: close\r\n\r\n")
    assert (client.state, client.left_s) == ("CLOSING", 5.0)
    assert not client.transport.lost
    await client.come_due()
    assert client.transport.aborted


async def test_a_half_head_behind_untaken_responses_is_not_answered(connect):
    client = connect()
    client.transport.stall()
    await client.send(NOT_THERE * 1000)
    before = client.proxy.counted
    await client.come_due()
    assert client.proxy.counted == before
    assert client.transport.closing


# Ends


async def test_after_something_malformed_nothing_is_believed(connect):
    client = connect()
    assert statuses(await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX : 1\r\n\r\n" + GET)) == [400]
    assert client.state == "LINGERING"
    assert await client.send(GET) == b""


async def test_without_a_half_close_the_lingering_is_the_same(connect):
    client = connect(tls=True)
    await client.send(b"hello\r\n\r\n")
    assert (client.state, client.transport.eof_written) == ("LINGERING", False)
    await client.come_due()
    assert client.transport.closing


async def test_one_connection_too_many_is_ended(proxy):
    known = proxy(MAX_CONNECTIONS="1")
    first, second = ConnectedClient(known), ConnectedClient(known)
    await settled()
    assert (first.transport.closing, second.transport.aborted) == (False, True)
    assert len(known.context.open_clients) == 1
    first.transport.lose()
    await settled()
    assert not ConnectedClient(known).transport.closing


def broken(*_):
    raise ZeroDivisionError


async def test_a_fault_of_ours_ends_this_connection_only(connect, monkeypatch):
    client = connect()
    client.proxy.expect_faults()
    client.proxy.context.local_paths = frozenset({b"/"})
    monkeypatch.setattr(client.transport, "get_extra_info", broken)
    await client.send(GET)
    assert client.transport.aborted
    assert len(client.proxy.faults) == 1


async def test_a_fault_of_ours_in_a_later_piece_of_a_body_is_500_and_counted(connect, monkeypatch):
    client = connect()
    client.proxy.expect_faults()
    await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
    monkeypatch.setattr(client.proxy.loop.transports[-1], "write", broken)
    written = await client.send(b"world")
    assert (statuses(written), b"internal_error" in written) == ([500], True)
    assert len(client.proxy.faults) == 1
    assert client.proxy.context.counts.in_flight == 0


def held_bytes(connection):
    """Of messages, by what reads and writes them."""
    total, todo, seen = 0, [connection.reader, connection.writer], set()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, bytes):
            total += len(each)
        elif isinstance(each, list | RequestReader | HeadBuffer | Http1ResponseWriter | RequestBody):
            todo += gc.get_referents(each)
    return total


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_connection_at_rest_holds_nothing_of_the_bodies_it_has_served(connect, chunked):
    client = connect()
    body = b"x" * 60_000
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    await client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n" + framed)
    assert held_bytes(client.connection) > len(body)  # for a retry
    assert statuses(await client.answer()) == [200]
    assert client.state == "IDLE"
    assert held_bytes(client.connection) < 1024


async def test_the_end_of_the_clients_stream_is_its_end(connect):
    client = connect()
    assert client.connection.eof_received() is None  # asyncio closes then


# Shutdown


async def test_while_draining_each_response_is_the_last(connect):
    client = connect()
    await client.send(GET + GET)
    client.proxy.context.draining = True
    client.connection.prepare_to_end()
    written = await client.answer()
    assert (statuses(written), b"connection: close\r\n" in written) == ([200], True)
    assert client.state == "LINGERING"  # the second one came too late


async def test_a_connection_tells_whether_it_may_be_closed(connect):
    client, start_s = connect(), 1000.0
    connection = client.connection
    assert (connection.busy, connection.quiet_s(start_s + 5, start_s + 2)) == (False, 3.0)
    await client.send(b"GET")
    assert (connection.busy, connection.quiet_s(start_s + 5, start_s + 2)) == (True, 0.0)
    connection.close()
    assert not client.transport.closing
    await client.send(GET[3:])
    client.proxy.clock.now_s = start_s + 10
    await client.answer()
    assert (connection.busy, connection.quiet_s(start_s + 11, start_s + 2)) == (False, 1.0)
    connection.close()
    await settled()
    assert client.state == "CLOSED"


# WebSockets


UPGRADE = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"


async def test_after_an_upgrade_bytes_pass_unread(connect):
    client = connect()
    await client.send(UPGRADE)
    assert (await client.answer(SWITCHED + b"hello")).endswith(b"upgrade: websocket\r\n\r\nhello")
    assert client.connection.life.state is State.TUNNEL
    upstream = client.proxy.loop.transports[0]
    upstream.take()
    client.transport.protocol.data_received(b"\x81\x82\0\0\0\0hi")
    assert upstream.take() == b"\x81\x82\0\0\0\0hi"
    upstream.protocol.data_received(b"\x81\x02ho")
    assert client.transport.take() == b"\x81\x02ho"
    assert client.proxy.context.counts.in_flight == 1
    client.transport.lose()
    await settled()
    assert upstream.closing
    assert client.proxy.is_at_rest
    assert not client.proxy.context.tunnels


async def test_frames_that_came_before_the_101_go_on_and_the_tunnel_is_no_paused_upload(connect):
    ours, theirs = socket.socketpair()
    client = connect(sock=ours)
    await client.send(UPGRADE + b"\x81\x82\0\0\0\0hi")
    assert not client.transport.reading
    client.proxy.loop.transports[0].take()
    await client.answer(SWITCHED)
    assert client.proxy.loop.transports[0].take() == b"\x81\x82\0\0\0\0hi"
    assert client.transport.reading
    client.proxy.loop.fire()
    assert (
        client.proxy.loop.waiting == []
    )  # nobody asks its socket any more: it sees its client leave by itself
    theirs.close()
    ours.close()
