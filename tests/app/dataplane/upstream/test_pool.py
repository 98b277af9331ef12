"""Who owns which connection: counted when it is open, whatever became of it in whatever order; no socket."""

import asyncio
import ssl
from itertools import product
from typing import Any, cast

import pytest

from app.config.model import Endpoint
from app.dataplane.upstream import pool as pools
from app.dataplane.upstream.connector import ConnectFailure, Connector
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.pool import ConnectionPool
from tests.fakes.network import Network, Transport
from tests.fakes.upstream_side import RecordingReceiver

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def network() -> Network:
    return Network()


def pool_of(
    network: Network, *, tls: ssl.SSLContext | None = None, name: str | None = None
) -> ConnectionPool:
    loop = cast(asyncio.AbstractEventLoop, network)
    endpoint = Endpoint("in.example", 8080, tls=tls is not None)
    return ConnectionPool(endpoint, "10.0.0.1", Connector(loop, tls, name))


async def attempt(pool: ConnectionPool) -> UpstreamConnection:
    pool.begin()
    stream = pool.take(False) or await pool.connect(5.0, False)
    assert isinstance(stream, UpstreamConnection)
    return stream


def failure(made: object) -> tuple[str, str]:
    assert isinstance(made, ConnectFailure)
    return made.reason, made.detail


def counts(pool: ConnectionPool) -> tuple[int, int, int, int]:
    return pool.open, pool.idle, pool.active, pool.state.in_flight


def lose(connection: UpstreamConnection) -> None:
    cast(Transport, connection.transport).lose()


async def test_a_connection_is_in_use_then_idle_then_in_use_again(network):
    pool = pool_of(network)
    connection = await attempt(pool)
    assert counts(pool) == (1, 0, 1, 1)
    pool.release(connection, 0.0)
    assert counts(pool) == (1, 1, 0, 0)
    assert list(pool.idle_connections()) == [connection]
    assert await attempt(pool) is connection
    assert counts(pool) == (1, 0, 1, 1)


async def test_the_connection_used_last_is_taken_first(network):
    pool = pool_of(network)
    first, second = await attempt(pool), await attempt(pool)
    pool.release(first, 0.0)
    pool.release(second, 1.0)
    assert await attempt(pool) is second


async def test_a_discarded_connection_is_counted_until_it_is_gone(network):
    pool = pool_of(network)
    connection = await attempt(pool)
    pool.discard(connection)
    assert counts(pool) == (1, 0, 1, 0)
    network.settle()
    assert counts(pool) == (0, 0, 0, 0)


async def test_an_attempt_without_a_connection_is_given_back_too(network):
    pool = pool_of(network)
    pool.begin()
    pool.discard(None)
    assert counts(pool) == (0, 0, 0, 0)


async def test_a_connection_lost_in_use_is_counted_once(network):
    pool = pool_of(network)
    connection = await attempt(pool)
    connection.begin(RecordingReceiver(connection))
    lose(connection)
    assert counts(pool) == (0, 0, 0, 1)
    pool.discard(connection)
    assert counts(pool) == (0, 0, 0, 0)


async def test_a_connection_lost_while_idle_is_idle_no_more(network):
    pool = pool_of(network)
    connection = await attempt(pool)
    pool.release(connection, 0.0)
    lose(connection)
    assert counts(pool) == (0, 0, 0, 0)
    assert pool.take(False) is None


async def test_an_idle_connection_that_is_closing_is_not_taken(network):
    pool = pool_of(network)
    first, second = await attempt(pool), await attempt(pool)
    pool.release(first, 0.0)
    pool.release(second, 0.0)
    second.transport.abort()
    assert pool.take(False) is first
    network.settle()
    assert pool.open == 1


async def test_bytes_that_come_unasked_take_a_connection_out_at_once(network):
    pool = pool_of(network)
    connection = await attempt(pool)
    pool.release(connection, 0.0)
    connection.data_received(HELLO)
    assert counts(pool) == (0, 0, 0, 0)
    network.settle()
    assert counts(pool) == (0, 0, 0, 0)


async def test_a_connection_that_is_closing_is_not_kept(network):
    pool = pool_of(network)
    connection = await attempt(pool)
    connection.transport.abort()
    pool.release(connection, 0.0)
    network.settle()
    assert counts(pool) == (0, 0, 0, 0)


async def test_no_more_than_so_many_are_kept(network):
    pool = pool_of(network)
    connections = [await attempt(pool) for _ in range(pools.MAX_IDLE + 1)]
    for connection in connections:
        pool.release(connection, 0.0)
    network.settle()
    assert counts(pool) == (pools.MAX_IDLE, pools.MAX_IDLE, 0, 0)


async def test_what_is_idle_for_too_long_is_closed(network):
    pool = pool_of(network)
    first, second = await attempt(pool), await attempt(pool)
    pool.release(first, 0.0)
    pool.release(second, 1.0)
    pool.close_stale(pools.IDLE_S)
    assert pool.idle == 2
    pool.close_stale(pools.IDLE_S + 0.5)
    network.settle()
    assert (pool.open, list(pool.idle_connections())) == (1, [second])


async def test_a_closed_pool_keeps_nothing_and_leaves_what_is_in_use(network):
    pool = pool_of(network)
    idle, busy = await attempt(pool), await attempt(pool)
    pool.release(idle, 0.0)
    pool.close()
    network.settle()
    assert counts(pool) == (1, 0, 1, 1)
    pool.release(busy, 0.0)
    network.settle()
    assert counts(pool) == (0, 0, 0, 0)


async def test_a_tunnel_is_counted_until_it_ends(network):
    pool = pool_of(network)
    await attempt(pool)
    assert counts(pool) == (1, 0, 1, 1)
    pool.end_tunnel()
    assert counts(pool) == (0, 0, 0, 0)


# --- connecting --------------------------------------------------------------------------------------------


async def test_a_refused_connection_counts_nothing(network):
    network.reject = ConnectionRefusedError(111, "Connection refused")
    pool = pool_of(network)
    pool.begin()
    assert failure(await pool.connect(5.0, False)) == ("upstream_connect", "Connection refused")
    assert counts(pool) == (0, 0, 0, 1)


async def test_a_connection_that_is_never_made_is_given_up_in_time(network):
    network.gate = asyncio.Event()
    pool = pool_of(network)
    made = await pool.connect(0.001, False)
    assert failure(made) == ("upstream_connect", "no connection within 0.001 s")
    assert counts(pool) == (0, 0, 0, 0)


async def test_without_a_timeout_a_connection_may_take_for_ever(network):
    network.gate = asyncio.Event()
    pool = pool_of(network)
    connecting = asyncio.ensure_future(pool.connect(0.0, False))
    await asyncio.sleep(0)
    network.gate.set()
    await connecting
    assert pool.open == 1


@pytest.mark.parametrize("ticks", range(6))
async def test_a_connect_that_is_cancelled_in_any_tick_counts_what_is_open(network, ticks):
    """Also in the very tick in which the connection is made."""
    pool = pool_of(network)
    connecting = asyncio.ensure_future(pool.connect(5.0, False))
    for _ in range(ticks):
        await asyncio.sleep(0)
    connecting.cancel()
    (result,) = await asyncio.gather(connecting, return_exceptions=True)
    network.settle()
    if isinstance(result, asyncio.CancelledError):
        assert all(transport.aborted for transport in network.made)
    assert pool.open == network.open
    assert pool.open == int(isinstance(result, UpstreamConnection))


async def test_a_connect_that_is_cancelled_as_it_is_made_counts_nothing(network):
    pool = pool_of(network)
    connecting: asyncio.Future[Any]
    network.arrange = lambda _: connecting.cancel() and None
    connecting = asyncio.ensure_future(pool.connect(5.0, False))
    with pytest.raises(asyncio.CancelledError):
        await connecting
    (transport,) = network.made
    assert transport.aborted
    assert counts(pool) == (0, 0, 0, 0)
    network.settle()
    assert counts(pool) == (0, 0, 0, 0)


async def test_a_connection_that_is_lost_as_it_is_made_counts_nothing_and_is_an_error(network):
    network.arrange = Transport.lose
    pool = pool_of(network)
    made = await pool.connect(5.0, False)
    assert failure(made) == ("upstream_connect", "closed as soon as it was made")
    assert counts(pool) == (0, 0, 0, 0)


async def test_in_clear_nothing_is_said_of_tls(network):
    pool = pool_of(network)
    await pool.connect(5.0, False)
    (asked,) = network.asked
    assert asked == {
        "host": "10.0.0.1",
        "port": 8080,
        "ssl": None,
        "server_hostname": None,
        "ssl_handshake_timeout": None,
    }


@pytest.mark.parametrize(
    ("name", "shown", "timeout_s"), [(None, "in.example", 5.0), ("other.example", "other.example", 0.0)]
)
async def test_tls_is_verified_against_the_endpoints_name_unless_another_is_set(
    network, name, shown, timeout_s
):
    context = ssl.create_default_context()
    pool = pool_of(network, tls=context, name=name)
    await pool.connect(timeout_s, False)
    (asked,) = network.asked
    assert asked["ssl"] is context
    assert asked["server_hostname"] == shown
    assert asked["ssl_handshake_timeout"] == (timeout_s or None)


@pytest.mark.parametrize(("ip", "label"), [("10.0.0.1", "10.0.0.1:80"), ("fd00::1", "[fd00::1]:80")])
def test_an_address_is_labelled_as_an_authority(ip, label):
    connector = Connector(cast(asyncio.AbstractEventLoop, None), None, None)
    assert ConnectionPool(Endpoint("x", 80), ip, connector).label == label


# --- every order -------------------------------------------------------------------------------------------

STEPS = ("attempt", "release", "discard", "lose", "unasked", "stale", "settle")


async def do(step: str, pool: ConnectionPool, busy: list[UpstreamConnection]) -> None:
    idle = list(pool.idle_connections())
    if step == "attempt":
        busy.append(await attempt(pool))
    elif step == "release" and busy:
        pool.release(busy.pop(0), 0.0)
    elif step == "discard" and busy:
        pool.discard(busy.pop())
    elif step == "lose" and busy:
        lose(busy[0])
    elif step == "unasked" and idle:
        idle[0].data_received(b"x")
    elif step == "stale":
        pool.close_stale(1e9)


async def test_in_every_order_what_is_counted_is_what_is_open():
    """Once the loop has told of what was aborted."""
    for steps in product(STEPS, repeat=5):
        network = Network()
        pool, busy = pool_of(network), list[UpstreamConnection]()
        for step in ("attempt", *steps):
            await do(step, pool, busy)
            if step == "settle":
                network.settle()
                assert pool.open == network.open, steps
            assert pool.state.in_flight == len(busy), steps
            assert 0 <= pool.idle <= pool.open <= len(network.made), steps
            assert all(not each.lost for each in pool.idle_connections()), steps
        network.settle()
        assert pool.open == network.open, steps
