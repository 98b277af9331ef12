"""Requests behind each other on a client's connection, and clients that leave or take nothing amid them."""

import asyncio
import socket

from app.dataplane.downstream.http1_connection import REQUESTS_A_TURN
from tests.fakes.http1_bytes import GET, NOT_THERE, statuses
from tests.fakes.manual_loop import settled

# Pipelining


async def test_requests_are_answered_in_order_one_exchange_at_a_time(connect):
    client = connect()
    await client.send(GET + NOT_THERE + GET)
    assert client.proxy.context.counts.in_flight == 1
    assert client.connection.reader.unread_bytes == len(NOT_THERE + GET)
    assert statuses(await client.answer()) == [200, 404]
    assert client.proxy.context.counts.in_flight == 1
    assert statuses(await client.answer()) == [200]
    assert client.connection.reader.unread_bytes == 0


async def test_nothing_is_read_while_something_waits_unread(connect):
    client = connect()
    await client.send(GET)
    assert client.transport.reading
    await client.send(GET)
    assert not client.transport.reading
    await client.answer()
    assert client.proxy.context.counts.in_flight == 1
    await client.answer()
    assert client.transport.reading


async def test_thousands_of_tiny_requests_hold_one_exchange(connect):
    client = connect()
    await client.send(GET * 5000)
    for _ in range(5000):
        assert client.proxy.context.counts.in_flight == 1
        assert statuses(await client.answer()) == [200]
    assert client.proxy.context.counts.in_flight == 0
    assert len(client.proxy.loop.connected) == 1
    assert client.transport.reading


async def test_others_have_their_turn_every_so_many_requests(connect):
    client = connect()
    client.connection.data_received(NOT_THERE * 5000)
    turns = []
    while client.connection.reader.unread_bytes:
        turns.append(len(statuses(client.transport.take())))
        assert not client.transport.reading
        assert client.connection.serving is None
        await asyncio.sleep(0)  # others' turn
    turns.append(len(statuses(client.transport.take())))
    assert max(turns) == REQUESTS_A_TURN
    assert sum(turns) == 5000
    await settled()
    assert client.transport.reading


async def test_a_client_that_takes_no_response_gets_no_further_one(connect):
    client = connect()
    client.transport.stall()
    await client.send(NOT_THERE * 5000)
    written = client.proxy.counted[b"GET", 404, "no_route"]
    assert written < 5000
    assert not client.transport.reading
    client.transport.drain()
    await settled()
    assert client.proxy.counted[b"GET", 404, "no_route"] > written


async def test_a_client_with_a_request_waiting_that_leaves_is_noticed(connect):
    ours, theirs = socket.socketpair()
    client = connect(sock=ours)
    await client.send(GET + GET)
    theirs.close()
    client.proxy.loop.fire()
    await settled()
    ours.close()
    assert client.transport.aborted
    assert client.state == "CLOSED"
    assert client.proxy.loop.transports[0].aborted
    assert client.proxy.is_at_rest


async def test_a_client_is_seen_to_leave_after_the_turn_of_others(connect):
    client = connect()
    await client.send(NOT_THERE * REQUESTS_A_TURN + GET)
    assert client.state == "RESPONDING"
    assert client.transport.reading
    await client.send(GET)
    assert not client.transport.reading
    assert statuses(await client.answer()) == [200]
    assert client.transport.reading


async def test_a_client_is_seen_to_leave_after_it_has_taken_its_responses(connect):
    client = connect()
    client.transport.stall()
    count = 0
    while not client.connection.socket.read_paused:
        await client.send(NOT_THERE)
        count += 1
    client.connection.reader.receive(GET)
    client.transport.drain()
    await settled()
    assert client.proxy.counted == {(b"GET", 404, "no_route"): count}
    assert client.state == "RESPONDING"
    assert client.transport.reading


async def test_a_client_that_leaves_ends_its_exchange(connect):
    client = connect()
    await client.send(GET)
    client.transport.lose()
    await settled()
    assert client.proxy.is_at_rest
    assert client.proxy.counted == {(b"GET", 499, ""): 1}
    assert not client.proxy.context.open_clients
