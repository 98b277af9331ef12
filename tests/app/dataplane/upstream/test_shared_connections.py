"""Many attempts, few connections: who comes while one is being made shares it; no socket."""

import asyncio
from typing import Any, cast

import pytest

from app.config.model import Endpoint, UpstreamProtocol
from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream import pool as pools
from app.dataplane.upstream.connector import ConnectFailure, Connector
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.http2_stream import Http2Stream
from app.dataplane.upstream.pool import ConnectionPool
from tests.fakes.http2_peer import Http2Peer
from tests.fakes.network import Network, Transport
from tests.fakes.upstream_side import RecordingReceiver

GET = RequestHead(b"GET", b"/", b"in.example", [], 0, False)


class Address:
    """A pool to one address whose connections the test's peers take. `max_streams`: what they allow."""

    def __init__(self, protocol: UpstreamProtocol = UpstreamProtocol.H2, *, tls: bool = False) -> None:
        self.network = Network()
        self.network.alpn = "h2"
        self.network.arrange = self._greet
        self.max_streams = 100
        self.peers: list[Http2Peer] = []
        connector = Connector(cast(asyncio.AbstractEventLoop, self.network), None, None, protocol)
        self.pool = ConnectionPool(Endpoint("in.example", 80, tls), "10.0.0.1", connector)

    def _greet(self, transport: Transport) -> None:
        if self.network.alpn == "h2":
            peer = Http2Peer(transport, self.max_streams)
            self.peers.append(peer)
            asyncio.get_running_loop().create_task(peer.begin())

    async def attempts(self, count: int) -> list[Any]:
        """So many at once."""

        async def one() -> Any:
            self.pool.begin()
            return self.pool.take(False) or await self.pool.connect(5.0, False)

        return await asyncio.gather(*[one() for _ in range(count)])

    async def turn(self) -> None:
        for peer in self.peers:
            await peer.turn()

    def counts(self) -> tuple[int, int, int, int]:
        pool = self.pool
        return pool.open, pool.idle, pool.active, pool.state.in_flight


async def test_attempts_that_come_while_the_first_connection_is_made_share_it():
    address = Address()
    streams = await address.attempts(50)
    assert all(isinstance(stream, Http2Stream) for stream in streams)
    assert len(address.network.made) == 1
    assert address.counts() == (1, 0, 1, 50)


async def test_so_they_do_where_alpn_decides():
    address = Address(UpstreamProtocol.AUTO, tls=True)
    await address.attempts(50)
    assert len(address.network.made) == 1


async def test_where_alpn_agrees_on_http1_each_makes_its_own_and_the_first_is_used():
    address = Address(UpstreamProtocol.AUTO, tls=True)
    address.network.alpn = "http/1.1"
    streams = await address.attempts(5)
    assert all(isinstance(stream, UpstreamConnection) for stream in streams)
    assert (len(address.network.made), len(set(map(id, streams)))) == (5, 5)
    assert address.counts() == (5, 0, 5, 5)
    for stream in streams:
        address.pool.release(stream, 0.0)
    assert await address.attempts(1) == [streams[-1]]
    address.network.alpn = "h2"
    more = await address.attempts(5)
    assert isinstance(more[-1], Http2Stream)  # it has learnt again


async def test_another_connection_is_made_as_the_upstreams_limit_nears():
    address = Address()
    address.max_streams = 10
    await address.attempts(1)
    await address.attempts(7)
    assert len(address.network.made) == 1
    await address.attempts(1)
    assert len(address.network.made) == 2


async def test_many_that_find_less_room_than_they_thought_make_no_more_than_they_need():
    address = Address()
    address.max_streams = 10
    streams = await address.attempts(80)
    assert all(isinstance(stream, Http2Stream) for stream in streams)
    assert len(address.network.made) == 10


async def test_one_failure_is_the_failure_of_all_who_waited():
    address = Address()
    address.network.reject = ConnectionRefusedError(111, "Connection refused")
    failures = await address.attempts(5)
    assert {failure.detail for failure in failures} == {"Connection refused"}
    assert len(address.network.asked) == 1
    address.network.reject = None
    (stream,) = await address.attempts(1)
    assert isinstance(stream, Http2Stream)


async def test_a_connection_that_nobody_waits_for_any_more_is_given_up():
    address = Address()
    address.network.gate = asyncio.Event()
    waiting = [asyncio.ensure_future(address.pool.connect(5.0, False)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert not waiting[1].done()
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    address.network.gate.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert address.network.made == []


async def test_one_who_gives_up_takes_no_connection_from_the_others():
    address = Address()
    address.network.gate = asyncio.Event()
    waiting = [asyncio.ensure_future(address.pool.connect(5.0, False)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    waiting[0].cancel()
    address.network.gate.set()
    assert isinstance(await waiting[1], Http2Stream)
    assert address.pool.open == 1


async def test_who_waits_for_too_long_gives_up():
    address = Address()
    address.network.gate = asyncio.Event()
    long = asyncio.ensure_future(address.pool.connect(0.0, False))
    await asyncio.sleep(0)
    failure = await address.pool.connect(0.01, False)
    assert isinstance(failure, ConnectFailure)
    assert failure.detail == "no connection within 0.01 s"
    address.network.gate.set()
    assert isinstance(await long, Http2Stream)


async def test_an_upstream_whose_connections_end_as_they_begin_is_not_asked_for_ever():
    address = Address()

    def greet_and_leave(transport: Transport) -> None:
        peer = Http2Peer(transport)

        async def act() -> None:
            peer.h2.initiate_connection()
            peer.h2.close_connection()
            await peer.turn()

        asyncio.get_running_loop().create_task(act())

    address.network.arrange = greet_and_leave
    failure = await address.pool.connect(5.0, False)
    assert isinstance(failure, ConnectFailure)
    assert len(address.network.made) <= pools.MAX_ROUNDS


async def test_a_websocket_is_not_sent_on_http2():
    address = Address()
    await address.attempts(1)
    assert address.pool.take(True) is None
    failure = await address.pool.connect(5.0, True)
    assert isinstance(failure, ConnectFailure)
    assert (failure.reason, failure.detail) == (
        "upstream_protocol",
        "a WebSocket needs HTTP/1.1, and protocol: h2 is set",
    )


async def test_a_websocket_gets_http1_where_alpn_may_decide():
    address = Address(UpstreamProtocol.AUTO, tls=True)
    await address.attempts(1)
    address.network.alpn = "http/1.1"
    assert isinstance(await address.pool.connect(5.0, True), UpstreamConnection)
    assert len(await address.attempts(3)) == 3
    assert len(address.network.made) == 2  # it says nothing of the others


# --- counts and ends ---------------------------------------------------------------------------------------


async def test_a_connection_is_idle_when_it_carries_nothing():
    address = Address()
    first, second = await address.attempts(2)
    for stream in (first, second):
        stream.begin(RecordingReceiver(stream))
        stream.send(GET, RequestBody(0))
    await address.turn()
    address.pool.discard(first)
    assert address.counts() == (1, 0, 1, 1)
    address.pool.discard(second)
    assert address.counts() == (1, 1, 0, 0)


async def test_a_stream_that_was_never_used_is_given_back():
    address = Address()
    (stream,) = await address.attempts(1)
    address.pool.discard(stream)
    assert address.counts() == (1, 1, 0, 0)


async def test_a_whole_response_gives_its_stream_back():
    address = Address()
    (stream,) = await address.attempts(1)
    stream.begin(RecordingReceiver(stream))
    stream.send(GET, RequestBody(0))
    stream.receiver.on_response_end = lambda *_: address.pool.release(stream, 0.0)
    await address.turn()
    await address.peers[0].head(1, 200, end=True)
    assert address.counts() == (1, 1, 0, 0)


async def test_what_is_idle_for_too_long_is_closed_with_a_goodbye():
    address = Address()
    idle, busy = await address.attempts(1), await address.attempts(0)
    assert busy == []
    address.pool.close_stale(1e12)
    await address.turn()
    assert address.pool.open == 1  # it carries a request
    address.pool.discard(idle[0])
    address.pool.close_stale(0.0)
    await address.turn()
    assert address.pool.open == 1  # it is not idle for long
    address.pool.close_stale(1e12)
    await address.turn()
    address.network.settle()
    assert (address.pool.open, address.peers[0].said_goaway) == (0, True)


async def test_a_closed_pool_lets_requests_end_and_keeps_nothing():
    address = Address()
    first, second = await address.attempts(2)
    address.pool.close()
    await address.turn()
    assert not address.network.made[0].aborted
    address.pool.discard(first)
    address.pool.discard(second)
    await address.turn()
    address.network.settle()
    assert address.counts() == (0, 0, 0, 0)
    (late,) = await address.attempts(1)  # of a request that came before
    address.pool.discard(late)
    await address.turn()
    address.network.settle()
    assert address.counts() == (0, 0, 0, 0)


async def test_a_lost_connection_is_counted_once_and_not_taken():
    address = Address()
    (stream,) = await address.attempts(1)
    address.network.made[0].lose()
    assert address.counts() == (0, 0, 0, 1)
    address.pool.discard(stream)
    assert address.pool.take(False) is None
    assert address.counts() == (0, 0, 0, 0)


@pytest.mark.parametrize("ticks", range(10))
async def test_a_connect_that_is_cancelled_in_any_tick_counts_what_is_open(ticks):
    address = Address()
    connecting = asyncio.ensure_future(address.pool.connect(5.0, False))
    for _ in range(ticks):
        await asyncio.sleep(0)
    connecting.cancel()
    (result,) = await asyncio.gather(connecting, return_exceptions=True)
    for _ in range(3):
        await asyncio.sleep(0)
    address.network.settle()
    assert address.pool.open == address.network.open
    assert address.pool.active == int(isinstance(result, Http2Stream))
