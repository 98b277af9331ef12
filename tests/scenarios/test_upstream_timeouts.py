"""Every wait ends; and a client that goes away ends the work of the upstream."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.fakes.client import RawClient, Truncated
from tests.fakes.config import config_text
from tests.fakes.exchange import within
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_no_answer_within_request_is_upstream_timeout(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.never()
        text = config_text(upstream.url, timeout={"request": "1s", "connect": "1s"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            answer = await client.request("GET", "/")
            assert (answer.status, answer.get("tidegate-reason")) == (504, "upstream_timeout")
            await upstream.wait_closed_early(0)
            assert (await client.request("GET", "/")).status == 200


async def test_no_answer_within_per_try_is_upstream_timeout(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.never()
        text = config_text(upstream.url, timeout={"perTry": "100ms"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            answer = await client.request("GET", "/")
            assert (answer.status, answer.get("tidegate-reason")) == (504, "upstream_timeout")


async def test_per_try_begins_with_the_end_of_the_request(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, timeout={"perTry": "1s"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            await upstream.wait_for(1)
            await asyncio.sleep(1.1)  # the client is slow, which is not the upstream's fault
            await client.send(b"cd")
            assert (await client.read_response()).status == 200


async def test_no_connection_within_connect_is_upstream_connect(tmp_path):
    # a listener that accepts no more: its backlog is full
    import socket

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        port = full.getsockname()[1]
        text = config_text(f"http://127.0.0.1:{port}", timeout={"connect": "150ms"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            answer = await client.request("GET", "/")
            assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_connect")
        for filler in fillers:
            filler.close()


async def test_an_answer_that_stops_is_cut_after_idle(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", asyncio.Event())
        text = config_text(upstream.url, timeout={"idle": "200ms"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(GET)
            with pytest.raises(Truncated):
                await client.read_response()
        await upstream.wait_closed_early(0)


async def test_an_answer_that_drips_is_not_cut(tmp_path):
    parts = [asyncio.Event() for _ in range(4)]
    async with RecorderUpstream() as upstream:
        pieces: list[bytes | asyncio.Event] = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"]
        for part in parts:
            pieces += [part, b"x"]
        upstream.pieces(*pieces)
        text = config_text(upstream.url, timeout={"idle": "1s", "request": "1s", "connect": "1s"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(GET)
            head = await client.read_head()
            for part in parts:
                await asyncio.sleep(0.3)
                part.set()
            await client.read_body(head)
            assert head.body == b"xxxx"


async def test_a_body_that_does_not_come_is_request_timeout_and_no_failure_of_the_upstream(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, timeout={"idle": "150ms"}, circuitBreaker={"consecutiveFailures": 1})
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            async with RawClient(gateway.port) as client:
                await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
                answer = await client.read_response()
                assert (answer.status, answer.get("tidegate-reason")) == (408, "request_timeout")
            async with RawClient(gateway.port) as client:
                assert (await client.request("GET", "/")).status == 200


@pytest.mark.parametrize("way", ["FIN", "RST"])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_goes_away_ends_the_upstreams_work_and_counts_nothing(tmp_path, way, begun):
    async with RecorderUpstream() as upstream:
        if begun:
            upstream.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", asyncio.Event())
        else:
            upstream.never()
        text = config_text(upstream.url, circuitBreaker={"consecutiveFailures": 1, "openDuration": "1m"})
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            client = RawClient(gateway.port)
            await client.connect()
            await client.send(GET)
            await upstream.wait_for(1)
            if begun:
                await client.read_head()
            if way == "RST":
                client.abort()
            else:
                await client.close()
            async with within("the upstream's connection to end"):
                await upstream.wait_closed_early(0)
            assert gateway.counts.in_flight == 0
            async with RawClient(gateway.port) as other:
                assert (await other.request("GET", "/")).status == 200


@pytest.mark.parametrize("way", ["FIN", "RST"])
@pytest.mark.one_process("sees the state of a connection")
async def test_a_client_that_goes_away_while_its_upload_waits_for_the_upstream_is_noticed(way):
    never = asyncio.Event()
    async with RecorderUpstream(hold_bodies=never, reader_limit_bytes=1024) as upstream:
        upstream.never()
        async with running_gateway(upstream.url) as gateway:
            client = RawClient(gateway.port)
            await client.connect()
            await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
            await upstream.wait_for(1)
            (connection,) = gateway.context.open_clients
            while not connection.socket.read_paused:  # type: ignore[attr-defined]
                await client.send(b"x" * 65536)
                await asyncio.sleep(0)
            # all of it is on its way, so that the end can follow
            await until(
                lambda: not (client.writer.transport.get_write_buffer_size()), "the client's bytes to leave"
            )
            client.abort() if way == "RST" else client.writer.close()
            await until(lambda: not (gateway.counts.in_flight), "the gateway to notice")
            never.set()


@pytest.mark.one_process("sees the state of a connection")
async def test_a_slow_upload_never_piles_up_in_the_gateway():
    never = asyncio.Event()
    async with RecorderUpstream(hold_bodies=never, reader_limit_bytes=1024) as upstream:
        upstream.never()
        async with running_gateway(upstream.url) as gateway:
            client = RawClient(gateway.port, timeout_s=1.0)
            await client.connect()
            with pytest.raises(AssertionError):
                await client.send(
                    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 50_000_000
                )
            (connection,) = gateway.context.open_clients
            upstream_side = connection.serving._relay._attempts._attempt.connection  # type: ignore[attr-defined]
            assert upstream_side.transport.get_write_buffer_size() < 1_000_000
            client.abort()
            never.set()


async def test_a_client_that_goes_away_between_two_tries_ends_the_trying(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.reply(503)
        retry = {"attempts": 5, "backoff": {"base": "1m", "max": "1m"}}
        async with running_gateway(config=config_text(upstream.url, retry=retry), folder=tmp_path) as gateway:
            async with RawClient(gateway.port) as client:
                await client.send(GET)
                target = gateway.context.plans.plans[0].targets[0]
                await until(lambda: bool(target.counts.retries), "the retry to be planned")
            await until(lambda: not gateway.counts.in_flight, "the gateway to notice")
            assert [state.in_flight for state in target.upstream.states] == [0]
        assert len(upstream.requests) == 1


@pytest.mark.one_process("connects in its place")
async def test_a_client_that_goes_away_while_the_gateway_connects_ends_the_connecting(tmp_path, monkeypatch):
    text = config_text("http://127.0.0.1:9")
    async with running_gateway(config=text, folder=tmp_path) as gateway:
        target = gateway.context.plans.plans[0].targets[0]
        connecting, ended = asyncio.Event(), asyncio.Event()

        async def connect(*_: object, **__: object) -> None:
            connecting.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        monkeypatch.setattr(target.upstream.connector, "loop", SimpleNamespace(create_connection=connect))
        async with RawClient(gateway.port) as client:
            await client.send(GET)
            async with within("the connecting to begin"):
                await connecting.wait()
        async with within("the connecting to end"):
            await ended.wait()
        assert gateway.counts.in_flight == 0
        assert [state.in_flight for state in target.upstream.states] == [0]
