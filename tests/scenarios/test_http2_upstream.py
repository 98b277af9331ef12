"""Upstreams that speak HTTP/2, on real sockets: which protocol is spoken, many requests on a connection, both paces."""

import asyncio

import pytest
from h2.settings import SettingCodes

from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.exchange import within
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_upstream import Http2Stream, Http2Upstream, never, reply
from tests.fakes.http2_upstream_gateway import (
    gateway_to,
    server_tls,
    trusting,
    two_on_one_connection,
)
from tests.fakes.socket_buffers import kernel_keeps_bytes
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
MIB = 1024 * 1024


def used(upstream: Http2Upstream) -> list[int]:
    """Requests of each connection that carried any: the start looks whether a port is open, too."""
    return [len(connection.streams) for connection in upstream.connections if connection.streams]


# --- which protocol ----------------------------------------------------------------------------------------


async def test_h2_in_clear_is_prior_knowledge(tmp_path):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.reply(200, b"hello", [(b"x-a", b"1"), (b"set-cookie", b"a"), (b"set-cookie", b"b")])
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", "/p?q=1", [("X-B", "2"), ("Connection", "keep-alive")])
    assert (answer.status, answer.reason, answer.body) == (200, "OK", b"hello")
    assert (answer.get("x-a"), answer.all("set-cookie")) == ("1", ["a", "b"])
    (stream,) = upstream.streams
    assert (stream.method, stream.path, stream.field(b":scheme")) == (b"GET", b"/p?q=1", b"http")
    assert stream.field(b":authority") == f"127.0.0.1:{gateway.port}".encode()
    assert (stream.field(b"x-b"), stream.field(b"via")) == (b"2", b"1.1 tidegate")
    assert not stream.all(b"connection")
    assert not stream.all(b"host")


@pytest.mark.parametrize("protocol", ["auto", "h2"])
async def test_over_tls_alpn_gives_http2(tmp_path, protocol):
    async with (
        Http2Upstream(tls=server_tls(tmp_path, "h2", "http/1.1")) as upstream,
        gateway_to(upstream.url, tmp_path, protocol, trusting(tmp_path)) as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await client.request("POST", "/", (), b"x" * 300_000)).status == 200
    assert (upstream.streams[0].field(b":scheme"), len(upstream.streams[0].body)) == (b"https", 300_000)


@pytest.mark.parametrize(
    ("protocol", "alpn"),
    [("auto", ["http/1.1"]), ("auto", []), ("http1", ["h2", "http/1.1"]), ("http1", [])],
)
async def test_over_tls_it_is_http1_where_that_is_set_or_agreed_on(tmp_path, protocol, alpn):
    async with (
        RecorderUpstream(tls=server_tls(tmp_path, *alpn)) as upstream,
        gateway_to(upstream.url, tmp_path, protocol, trusting(tmp_path)) as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await client.request("GET", "/")).status == 200


async def test_in_clear_auto_is_http1(tmp_path):
    async with (
        RecorderUpstream() as upstream,
        gateway_to(upstream.url, tmp_path, "auto") as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await client.request("GET", "/")).status == 200
    assert upstream.requests[0].version == "HTTP/1.1"


@pytest.mark.one_process("a worker has connections of its own to an upstream")
async def test_an_edit_of_the_protocol_is_in_force_for_the_next_request(tmp_path):
    async with (
        RecorderUpstream() as old,
        Http2Upstream() as new,
        gateway_to(old.url, tmp_path, "http1") as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await client.request("GET", "/")).status == 200
        (tmp_path / "gateway.yaml").write_text(config_text(new.url, upstream={"protocol": "h2"}))
        async with within("the edit to be in force"):
            while not new.streams:
                assert (await client.request("GET", "/")).status == 200
                await asyncio.sleep(0.05)


# --- many requests, few connections ------------------------------------------------------------------------


async def ask(gateway: Gateway, count: int) -> list[RawClient]:
    """So many clients, whose requests are on their way."""
    clients = [RawClient(gateway.port) for _ in range(count)]
    for client in clients:
        await client.connect()
    for client in clients:
        await client.send(GET)
    return clients


async def close(clients: list[RawClient]) -> None:
    for client in clients:
        await client.close()


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.one_process("a worker has connections of its own to an upstream")
async def test_many_first_requests_share_one_connection(tmp_path, tls):
    context = server_tls(tmp_path, "h2") if tls else None
    async with Http2Upstream(tls=context) as upstream:
        protocol, more = ("auto", trusting(tmp_path)) if tls else ("h2", {})
        async with gateway_to(upstream.url, tmp_path, protocol, more) as gateway:
            clients = await ask(gateway, 60)
            for client in clients:
                assert (await client.read_response()).status == 200
            await close(clients)
            assert used(upstream) == [60]


@pytest.mark.one_process("a worker chooses by what it has in flight at an endpoint itself")
async def test_another_connection_takes_what_is_above_four_fifths_of_the_limit(tmp_path):
    settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 10}
    go = asyncio.Event()

    async def wait(stream: Http2Stream) -> None:
        await go.wait()
        stream.head(200, end=True)

    async with Http2Upstream(settings=settings) as upstream:
        upstream.default = wait
        async with gateway_to(upstream.url, tmp_path) as gateway:
            clients = await ask(gateway, 20)
            await upstream.wait_for(20)
            (pool,) = gateway.bindings.upstreams["main"].addresses
            assert sorted(used(upstream)) == [4, 8, 8]
            assert (pool.open, pool.active, pool.idle, pool.state.in_flight) == (3, 3, 0, 20)
            go.set()
            for client in clients:
                assert (await client.read_response()).status == 200
            assert (pool.open, pool.active, pool.idle, pool.state.in_flight) == (3, 0, 3, 0)
            await close(clients)


@pytest.mark.one_process("a worker chooses by what it has in flight at an endpoint itself")
async def test_the_balancer_counts_requests_not_connections(tmp_path):
    async with Http2Upstream() as first, Http2Upstream() as second:
        for upstream in (first, second):
            upstream.default = never()
        text = config_text(first.url, second.url, upstream={"protocol": "h2"})
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            clients = await ask(gateway, 10)
            await until(lambda: len(first.streams) + len(second.streams) == 10, "all requests")
            assert (len(first.streams), len(second.streams)) == (5, 5)
            await close(clients)
            await until(lambda: gateway.counts.in_flight == 0, "the ends")


async def test_a_client_that_hangs_up_ends_its_request_and_no_other(tmp_path):
    async with (
        Http2Upstream() as upstream,
        gateway_to(upstream.url, tmp_path) as gateway,
        two_on_one_connection(gateway, upstream) as (leaving, client),
    ):
        upstream.answer(never())
        await leaving.send(GET)
        left = (await upstream.wait_for(len(upstream.streams) + 1))[-1]
        leaving.abort()
        await upstream.until(lambda: left.reset_code is not None, "the reset")
        assert left.reset_code == 8
        assert (await client.request("GET", "/")).status == 200
        assert upstream.streams[-1].connection is left.connection


# --- messages ----------------------------------------------------------------------------------------------


async def test_trailers_pass_both_ways(tmp_path):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.reply(200, b"hello", [], [(b"grpc-status", b"0"), (b"x-sum", b"1")])
        async with RawClient(gateway.port) as client:
            await client.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
                b"3\r\nabc\r\n0\r\nX-T: 7\r\nHost: evil\r\n\r\n"
            )
            answer = await client.read_response()
    assert answer.trailers == [("grpc-status", "0"), ("x-sum", "1")]
    assert upstream.streams[0].trailers == [(b"x-t", b"7")]
    assert bytes(upstream.streams[0].body) == b"abc"


async def test_interim_responses_pass_and_an_expected_continue_is_the_gateways(tmp_path):
    async def hint(stream: Http2Stream) -> None:
        await stream.whole()
        stream.connection.h2.send_headers(stream.stream_id, [(b":status", b"103"), (b"link", b"</a>")])
        stream.head(200, end=True)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(hint)
        async with RawClient(gateway.port) as client:
            await client.send(
                b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            )
            await upstream.wait_for(1)
            await client.send(b"abc")
            answer = await client.read_response()
    assert [each.status for each in answer.interim] == [100, 103]
    assert answer.status == 200


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_what_has_no_body_has_none(tmp_path, method, status):
    async def answer(stream: Http2Stream) -> None:
        fields = [] if status == 204 else [(b"content-length", b"5")]
        stream.head(status, fields, end=True)

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(answer)
        async with RawClient(gateway.port) as client:
            answered = await client.request(method, "/")
            assert (answered.status, answered.body) == (status, b"")
            assert (await client.request("GET", "/")).status == 200


async def test_a_large_body_goes_through_whole_both_ways(tmp_path):
    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.reply(200, b"y" * 3 * MIB)
        async with RawClient(gateway.port) as client:
            answer = await client.request("POST", "/", (), b"x" * 3 * MIB)
    assert answer.body == b"y" * 3 * MIB
    assert bytes(upstream.streams[0].body) == b"x" * 3 * MIB


# --- both paces --------------------------------------------------------------------------------------------


async def test_an_upload_stops_at_an_upstream_that_takes_nothing_and_others_go_on(tmp_path):
    async def hold(stream: Http2Stream) -> None:
        await upstream.until(lambda: len(stream.body) == 65_535, "the window's fill")
        await go.wait()
        while not stream.ended:
            stream.credit()
            await stream.connection.moved()
        stream.head(200, end=True)

    go = asyncio.Event()
    async with Http2Upstream(credits=False) as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        upstream.answer(hold)
        async with RawClient(gateway.port) as slow, RawClient(gateway.port) as other:
            size = 8 * MIB
            await slow.send(b"PUT /slow HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            sending = asyncio.ensure_future(slow.send(b"x" * size))
            await upstream.wait_for(1)
            await upstream.until(lambda: len(upstream.streams[0].body) == 65_535, "the window's fill")
            assert (await other.request("GET", "/")).status == 200
            assert not sending.done()
            assert len(upstream.streams[0].body) == 65_535
            go.set()
            await sending
            assert (await slow.read_response()).status == 200
    assert len(upstream.streams[0].body) == size


async def test_a_client_that_reads_nothing_holds_its_own_response_only_and_memory_is_bounded(tmp_path):
    """Its upstream stops at the stream's window and the buffers on the way; others on the connection go on."""
    sent = 0

    async def endless(stream: Http2Stream) -> None:
        nonlocal sent
        stream.head(200)
        while True:
            await stream.data(b"x" * 16_384)
            sent += 16_384

    async with Http2Upstream() as upstream, gateway_to(upstream.url, tmp_path) as gateway:
        async with two_on_one_connection(gateway, upstream) as (idle, other):
            upstream.answer(endless)
            await idle.send(GET)
            held = (await upstream.wait_for(len(upstream.streams) + 1))[-1]
            # the gateway's socket and the client's; then the stream's window and what the gateway keeps itself
            most_bytes = kernel_keeps_bytes(senders=1, receivers=1) + 4 * MIB
            last, same = -1, 0
            while same < 5:  # it stands still
                same = same + 1 if sent == last else 0
                last = sent
                assert sent < most_bytes
                assert (await other.request("GET", "/")).status == 200
                await asyncio.sleep(0.02)
            assert upstream.streams[-1].connection is held.connection
        await upstream.until(lambda: held.reset_code is not None, "the reset")


# --- health checks, drain ----------------------------------------------------------------------------------


async def test_health_checks_speak_http2_too(tmp_path):
    async with Http2Upstream() as upstream:
        check = {"healthCheck": {"path": "/ready", "interval": "100ms", "unhealthy": 1}}
        async with gateway_to(upstream.url, tmp_path, "h2", check) as gateway:
            (state,) = gateway.bindings.upstreams["main"].states
            await upstream.wait_for(1)
            assert upstream.streams[0].path == b"/ready"
            await until(lambda: state.checked, "a verdict")
            assert state.check_ok
            upstream.default = reply(503)
            await until(lambda: not state.check_ok, "the bad verdict")


async def test_at_its_end_the_gateway_lets_requests_end_and_says_goodbye(tmp_path):
    go = asyncio.Event()

    async def wait(stream: Http2Stream) -> None:
        await go.wait()
        stream.head(200, end=True)

    text_of = {"protocol": "h2"}
    async with Http2Upstream() as upstream:
        upstream.answer(wait)
        text = config_text(upstream.url, upstream=text_of)
        async with running_gateway(config=text, folder=tmp_path, drain_s=5.0) as gateway:
            client = RawClient(gateway.port)
            await client.connect()
            await client.send(GET)
            await upstream.wait_for(1)
            asyncio.get_running_loop().call_later(0.1, go.set)
        answer = await client.read_response()
        assert (answer.status, answer.get("connection")) == (200, "close")
        await client.close()
        await upstream.until(lambda: not upstream.open_connections, "the ends of the connections")
