"""From SIGTERM to exit (contract: shutdown), in process and as a real process."""

import asyncio
import json
import signal

import pytest

from tests.fakes.client import RawClient
from tests.fakes.exchange import DEADLINE_S, within
from tests.fakes.gateway import begin_drain, running_gateway
from tests.fakes.process import Child, free_port, free_ports
from tests.fakes.unaccepted import unaccepted
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def until_refused(port):
    async with within("connections to be refused"):
        while not await refused(port):  # noqa: ASYNC110 - no event says that a listener closed
            await asyncio.sleep(0.02)


async def refused(port):
    try:
        async with RawClient(port):
            return False
    except OSError:
        return True


async def test_a_draining_gateway_is_unready_but_alive_and_serves_during_the_delay():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, ADMIN_PORT=str(free_port())) as gateway,
        RawClient(gateway.admin_port) as admin,
    ):
        assert (await admin.request("GET", "/readyz")).status == 200
        stop = await begin_drain(gateway, delay_s=2.0)
        ready = await admin.request("GET", "/readyz")
        assert (ready.status, ready.json()["checks"]["draining"]) == (503, True)
        assert (await admin.request("GET", "/livez")).status == 200
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", "/")
            assert (answer.status, answer.get("Connection").lower()) == (200, "close")
            await client.expect_closed()
        await stop


async def test_after_the_delay_no_connection_is_accepted_while_a_request_runs_on():
    go_on = asyncio.Event()
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            await upstream.wait_for(1)
            stop = await begin_drain(gateway)
            await until_refused(gateway.port)
            go_on.set()
            answer = await client.read_response()
            assert (answer.status, answer.body, answer.get("Connection").lower()) == (200, b"ok", "close")
            await client.expect_closed()
        await stop


async def test_an_idle_connection_is_served_once_more_while_others_run():
    go_on = asyncio.Event()
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as idle, RawClient(gateway.port) as slow:
            assert (await idle.request("GET", "/")).get("Connection") == ""
            upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await slow.send(GET)
            await upstream.wait_for(2)
            stop = await begin_drain(gateway)
            answer = await idle.request("GET", "/")
            assert (answer.status, answer.get("Connection").lower()) == (200, "close")
            go_on.set()
            assert (await slow.read_response()).body == b"ok"
        await stop


async def test_an_idle_connection_is_closed_at_the_end_without_waiting_for_the_timeout():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        RawClient(gateway.port) as idle,
    ):
        await idle.request("GET", "/")
        await asyncio.wait_for(await begin_drain(gateway, timeout_s=3_600.0), DEADLINE_S)
        await idle.expect_closed()


async def test_a_websocket_opens_during_the_delay():
    handshake = (
        b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.pieces(switching, asyncio.Event())
        async with RawClient(gateway.port) as client:
            stop = await begin_drain(gateway, delay_s=2.0, timeout_s=5.0)
            await client.send(handshake)
            assert (await client.read_head()).status == 101
            assert await client.read(4) == b"\x88\x02\x03\xe9"  # going away, once the delay is over
            client.abort()
        await stop


async def test_clients_that_send_at_full_speed_lose_nothing():
    async with RecorderUpstream() as upstream:
        for _ in range(6):
            async with running_gateway(upstream.url) as gateway:
                clients = [RawClient(gateway.port) for _ in range(20)]
                for client in clients:
                    await client.connect()
                served = [asyncio.ensure_future(until_told_to_close(client)) for client in clients]
                await until(lambda: len(upstream.requests) > 40, "traffic")
                await gateway.stop(0.0, 5.0)
                assert all([await each > 0 for each in served])
            upstream.requests.clear()


@pytest.mark.one_process("holds up the loop that accepts; of workers: tests/scenarios/test_workers.py")
async def test_connections_that_wait_to_be_accepted_are_served_before_the_port_closes():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        with unaccepted(gateway.port, 20, GET) as waiting:
            await gateway.stop(0.0, 5.0)
            answers = [each.recv(65_536) for each in waiting]
        assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 20
        assert all(b"\r\nconnection: close\r\n" in answer.lower() for answer in answers)
        assert await refused(gateway.port)


async def until_told_to_close(client):
    """Requests back to back on one connection; how many, all answered, up to the one that says close."""
    count = 0
    try:
        while True:
            answer = await client.request("GET", "/")
            assert answer.status == 200
            count += 1
            if answer.get("Connection") == "close":
                return count
    finally:
        await client.close()


@pytest.mark.one_process("sees the state of a connection")
async def test_a_request_whose_head_is_half_sent_is_still_answered():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(GET[:10])
            await until(
                lambda: any(getattr(c, "busy", False) for c in gateway.context.open_clients), "the half head"
            )
            stop = await begin_drain(gateway)
            await client.send(GET[10:])
            answer = await client.read_response()
            assert (answer.status, answer.get("Connection").lower()) == (200, "close")
        await stop


async def test_a_request_that_outlasts_the_timeout_is_cut_and_the_drain_ends():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.never()
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            await upstream.wait_for(1)
            await asyncio.wait_for(await begin_drain(gateway, timeout_s=0.2), DEADLINE_S)
            assert await client.read_until_closed() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_lets_a_running_request_end_and_exits_with_0(number):
    port, admin_port = free_ports(2)
    go_on = asyncio.Event()
    async with RecorderUpstream() as upstream:
        env = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "AUTH": "none", "HOST": "127.0.0.1"}
        async with Child.app("gateway", env={**env, "CACHE_SERVICE_URL": upstream.url}) as child:
            await child.wait_port(port)
            upstream.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", go_on, b"cd")
            async with RawClient(port) as client:
                await client.send(GET)
                head = await client.read_head()
                child.signal(number)
                await until_refused(port)
                assert child.returncode is None
                go_on.set()
                await client.read_body(head)
                assert head.body == b"abcd"
            assert await child.wait() == 0
            assert child.left_over() == []
            (line,) = [json.loads(line) for line in child.lines if '"bytes_out"' in line]
            assert (line["status"], line["bytes_out"]) == (200, 4)  # the last line is not lost


async def test_the_process_exits_at_once_where_nothing_runs():
    port = free_port()
    env = {"PORT": str(port), "ADMIN_PORT": "0", "AUTH": "none", "HOST": "127.0.0.1"}
    async with Child.app("gateway", env=env) as child:
        await child.wait_port(port)
        assert await child.stop() == 0
