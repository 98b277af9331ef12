"""A request whose lease is empty waits for the store, and everything else of it stays right meanwhile."""

import asyncio
import contextlib
import json

import pytest
import redis as redis_py
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.fakes.client import RawClient
from tests.fakes.exchange import within
from tests.fakes.gateway import begin_drain, running_gateway
from tests.fakes.patience import patient_with_redis
from tests.fakes.process import as_many_workers, free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.valkey import Valkey
from tests.fakes.waiting import until

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def patient(monkeypatch):
    """A store that is frozen counts as slow only: whoever asks it waits until the test lets it go on."""
    monkeypatch.setattr("app.limits.redis.LEASE_S", 10.0)
    patient_with_redis(monkeypatch)
    monkeypatch.setattr("app.limits.redis.HEARTBEAT_TIMEOUT_S", 10.0)
    monkeypatch.setattr("app.limits.shared.WAIT_S", 10.0)


def config(requests=100, failure="Local", route="", stanzas=""):
    spec = (
        f"{{targetRefs: [{{kind: Gateway}}], rateLimit: {{rules: [{{name: r, key: Client, "
        f"requests: {requests}, period: 1h}}], onStoreFailure: {failure}}}{stanzas}}}"
    )
    return (
        f"routes: [{{name: r, match: {{path: {{prefix: /}}}}, auth: none, {route or 'upstream: cache'}}}]\n"
        f"policies: [{{name: p, spec: {spec}}}]\n"
    )


@contextlib.asynccontextmanager
async def serving(tmp_path, text=None, **variables):
    variables = {"config": text or config(), "folder": tmp_path, **variables}
    with Valkey(tmp_path / "valkey") as valkey:
        async with (
            RecorderUpstream() as upstream,
            running_gateway(**{"upstream": upstream.url, "REDIS_URL": valkey.url, **variables}) as gateway,
            RawClient(gateway.port) as client,
        ):
            yield valkey, upstream, gateway, client


async def waits(gateway, requests=1):
    """So many requests have been taken, and none of them decided."""
    await until(lambda: gateway.counts.in_flight == requests, "the request")


async def in_store(valkey) -> int:
    with redis_py.Redis.from_url(valkey.url) as admin:
        return sum(1 for _ in admin.scan_iter("tidegate:limit:*"))


async def test_the_request_goes_on_when_the_store_has_answered(tmp_path, patient):
    async with serving(tmp_path) as (valkey, upstream, gateway, client):
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        assert upstream.requests == []
        valkey.thaw()
        answer = await client.read_response()
        assert (answer.status, answer.get("RateLimit")) == (200, '"r";r=99;t=36')


async def test_and_is_refused_if_the_store_says_so(tmp_path, patient):
    async with serving(tmp_path, config(1)) as (valkey, upstream, gateway, client):
        assert (await client.request("GET", "/")).status == 200
        await asyncio.sleep(0.12)  # what the store said of an empty bucket holds so long
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        valkey.thaw()
        answer = await client.read_response()
        assert (answer.status, answer.get("Tidegate-Reason")) == (429, "rate_limited")
        assert len(upstream.requests) == 1


async def test_pipelined_requests_are_answered_in_their_order(tmp_path, patient):
    async with serving(tmp_path) as (valkey, upstream, gateway, client):
        valkey.freeze()
        await client.send(b"".join(GET % number for number in range(4)))
        await waits(gateway)
        valkey.thaw()
        for _ in range(4):
            assert (await client.read_response()).status == 200
        assert [each.target for each in upstream.requests] == ["/0", "/1", "/2", "/3"]


async def test_other_connections_wait_beside_it_and_are_all_decided_by_one_answer(tmp_path, patient):
    async with serving(tmp_path) as (valkey, upstream, gateway, _):
        async with contextlib.AsyncExitStack() as stack:
            others = [await stack.enter_async_context(RawClient(gateway.port)) for _ in range(20)]
            valkey.freeze()
            for each in others:
                await each.send(GET % 1)
            await waits(gateway, 20)
            valkey.thaw()
            for each in others:
                assert (await each.read_response()).status == 200
        assert len(upstream.requests) == 20


@pytest.mark.one_process("sees the state of a connection")
async def test_a_body_is_held_back_and_then_sent_whole(tmp_path, patient):
    body = bytes(range(256)) * 4096
    async with serving(tmp_path) as (valkey, upstream, gateway, client):
        valkey.freeze()
        client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await waits(gateway)
        (connection,) = gateway.context.open_clients
        await until(lambda: connection.socket.read_paused, "the client to be paused")
        assert connection.serving.body.replay_bytes < len(body)  # the rest stays in the sockets
        valkey.thaw()
        assert (await client.read_response()).status == 200
        assert upstream.requests[0].body == body
        assert (await client.request("GET", "/")).status == 200


async def test_a_chunked_body_that_came_whole_meanwhile_is_sent_whole(tmp_path, patient):
    async with serving(tmp_path) as (valkey, upstream, gateway, client):
        valkey.freeze()
        await client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        await waits(gateway)
        valkey.thaw()
        assert (await client.read_response()).status == 200
        assert upstream.requests[0].body == b"hello"


async def test_a_client_that_goes_away_is_charged_nothing_in_the_end(tmp_path, patient):
    async with serving(tmp_path) as (valkey, upstream, gateway, _):
        valkey.freeze()
        async with RawClient(gateway.port) as leaving:
            await leaving.send(GET % 1)
            await waits(gateway)
        await until(lambda: gateway.counts.in_flight == 0, "the client to be missed")
        valkey.thaw()
        await until(lambda: gateway.limits.limiter.results.get("returned") == 1, "the token to go back")
        assert upstream.requests == []
        assert await in_store(valkey) == 0


async def test_a_client_that_goes_away_amid_its_upload_is_missed_too(tmp_path, patient):
    async with serving(tmp_path) as (valkey, upstream, gateway, client):
        valkey.freeze()
        leaving = RawClient(gateway.port)
        await leaving.connect()
        await leaving.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
        await waits(gateway)
        leaving.abort()
        await until(lambda: gateway.counts.in_flight == 0, "the client to be missed")
        valkey.thaw()
        assert (await client.request("GET", "/")).status == 200
        assert [each.method for each in upstream.requests] == ["GET"]


async def test_a_drain_waits_for_who_waits(tmp_path, patient):
    async with serving(tmp_path) as (valkey, _, gateway, client):
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        stop = await begin_drain(gateway, 0.0, 5.0)
        assert not stop.done()
        valkey.thaw()
        answer = await client.read_response()
        assert (answer.status, answer.get("Connection").lower()) == (200, "close")
        await stop


async def test_a_limit_of_the_bodys_size_holds_while_waiting(tmp_path, patient):
    async with serving(tmp_path, MAX_BODY_BYTES="10") as (valkey, upstream, gateway, client):
        valkey.freeze()
        await client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + b"x" * 255 + b"\r\n"
        )
        answer = await client.read_response()
        assert answer.status == 413
        valkey.thaw()
        assert gateway.counts.in_flight == 0
        assert gateway.limits.limiter.results == {}  # it was gone before the store was asked
        assert upstream.requests == []


async def test_a_client_is_asked_for_its_body_only_when_it_may_pass(tmp_path, patient):
    async with serving(tmp_path, config(1)) as (valkey, _, gateway, client):
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        valkey.freeze()
        await client.send(head)
        await waits(gateway)
        valkey.thaw()
        assert (await client.read_interim()).status == 100
        await client.send(b"ok")
        assert (await client.read_response()).status == 200
        await asyncio.sleep(0.12)
        valkey.freeze()
        await client.send(head)
        await waits(gateway)
        valkey.thaw()
        answer = await client.read_response()
        assert (answer.status, answer.interim) == (429, [])


async def test_a_redirect_waits_as_well(tmp_path, patient):
    text = config(route="redirect: {status: 302, host: new.example}")
    async with serving(tmp_path, text) as (valkey, upstream, gateway, client):
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        valkey.thaw()
        assert (await client.read_response()).status == 302
        assert upstream.requests == []


async def test_a_websocket_opens_when_it_may(tmp_path, patient):
    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with serving(tmp_path, upstream=f"http://127.0.0.1:{port}") as (valkey, _, gateway, _):
            valkey.freeze()
            opening = asyncio.ensure_future(connect(f"ws://127.0.0.1:{gateway.port}/"))
            await waits(gateway)
            valkey.thaw()
            async with await opening as socket:
                await socket.send("hello")
                assert await socket.recv() == "hello"


async def test_the_time_for_a_head_does_not_end_a_request_that_waits(tmp_path, patient):
    async with serving(tmp_path, HEADER_TIMEOUT="100ms") as (valkey, _, gateway, client):
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        await asyncio.sleep(0.4)
        assert gateway.counts.in_flight == 1
        valkey.thaw()
        assert (await client.read_response()).status == 200


async def test_the_upstreams_time_begins_when_the_request_may_pass(tmp_path, patient):
    text = config(stanzas=", timeout: {request: 1s}")
    async with serving(tmp_path, text) as (valkey, upstream, gateway, client):
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        await asyncio.sleep(1.1)
        valkey.thaw()
        assert (await client.read_response()).status == 200
        hang = asyncio.Event()

        async def never(*_):
            await hang.wait()

        upstream.answer(never)
        answer = await client.request("GET", "/")
        assert (answer.status, answer.get("Tidegate-Reason")) == (504, "upstream_timeout")
        hang.set()


@pytest.mark.one_process("a worker gives back what it leased under the old numbers a moment later")
async def test_a_reload_meanwhile_judges_by_the_new_numbers(tmp_path, patient):
    async with serving(tmp_path) as (valkey, _, gateway, client):
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        (tmp_path / "gateway.yaml").write_text(config(50))
        await until(lambda: gateway.counts.config_sequence == 2, "the reload")
        valkey.thaw()
        answer = await client.read_response()
        assert (answer.status, answer.get("RateLimit")) == (200, '"r";r=49;t=72')


async def test_without_an_answer_from_the_store_a_closed_limit_rejects(tmp_path):
    text = config(100, "Closed")
    async with serving(tmp_path, text, ADMIN_PORT=str(free_port())) as (valkey, _, gateway, client):
        assert (await client.request("GET", "/")).status == 200
        valkey.freeze()
        answer = await client.request("GET", "/")
        assert (answer.status, answer.get("Tidegate-Reason")) == (503, "limit_store_down")
        assert answer.get("Retry-After") == "1"
        assert json.loads(answer.body)["reason"] == "limit_store_down"
        told = gateway.events.recent
        await until(lambda: told()[-1].kind == "store_down", "the event")
        async with RawClient(gateway.admin_port) as admin:
            page = (await admin.request("GET", "/metrics")).body.decode()
        assert 'tidegate_rate_limit_decisions_total{decision="store_down",route="r",rule="r"} 1.0' in page
        assert "tidegate_rate_limit_store_up 0.0" in page
        assert 'tidegate_rate_limit_leases_total{result="failed"} 1.0' in page
        valkey.thaw()
        await until(lambda: gateway.limits.limiter.up, "the store to be used again")
        if as_many_workers():  # one asks about a limit that was unavailable after half a second
            async with within("the store to be asked again"):
                while (await client.request("GET", "/")).status != 200:  # noqa: ASYNC110 - no event says it
                    await asyncio.sleep(0.05)
        assert (await client.request("GET", "/")).status == 200
        assert [each.kind for each in told() if each.kind.startswith("store_")] == ["store_down", "store_up"]


@pytest.mark.one_process("breaks a part of it")
async def test_a_fault_of_ours_after_the_wait_ends_that_request_only(tmp_path, patient, monkeypatch):
    async with serving(tmp_path) as (valkey, _, gateway, client):
        valkey.freeze()
        await client.send(GET % 1)
        await waits(gateway)
        with monkeypatch.context() as patched:
            patched.setattr(gateway.context, "random", object())  # has nothing that going on asks for
            valkey.thaw()
            answer = await client.read_response()
        assert (answer.status, answer.get("Tidegate-Reason")) == (500, "internal_error")
        assert gateway.counts.internal_errors == 1
        async with RawClient(gateway.port) as another:
            assert (await another.request("GET", "/")).status == 200


async def test_an_open_limit_lets_pass_without_an_answer(tmp_path):
    async with serving(tmp_path, config(2, "Open")) as (valkey, _, _, client):
        valkey.freeze()
        assert [(await client.request("GET", "/")).status for _ in range(9)] == [200] * 9
        valkey.thaw()
