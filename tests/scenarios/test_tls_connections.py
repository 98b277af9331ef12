"""Connections of the TLS port: limits before the handshake is complete, bodies, closes, upgrades."""

import asyncio
import os
import socket
import ssl
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from tests.fakes.client import RawClient
from tests.fakes.exchange import within
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

HELLO_BYTES = 100
GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
MIB = 1 << 20


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    leaf = authority.issue_cert("localhost", key_type=trustme.KeyType.ECDSA)
    leaf.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
    return {"TLS_CERT_FILE": str(tmp_path / "tls.crt"), "TLS_KEY_FILE": str(tmp_path / "tls.key")}


@pytest.fixture
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@asynccontextmanager
async def serving(files, **variables: Any):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, **files, **variables) as gateway,
    ):
        yield upstream, gateway


def over_tls(gateway, context, **how: Any) -> RawClient:
    return RawClient(gateway.port, tls=context, server_name="localhost", **how)


def half_a_hello() -> bytes:
    """The first bytes of a handshake that never goes on."""
    outgoing = ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    return outgoing.read()[:HELLO_BYTES]


# Before the handshake is complete


@pytest.mark.one_process("a worker has its part of MAX_CONNECTIONS: tests/scenarios/test_workers_sharing.py")
async def test_connections_whose_handshake_is_not_complete_count_among_the_most(files, trusting):
    async with serving(files, MAX_CONNECTIONS="5") as (_, gateway):
        clients = [RawClient(gateway.port) for _ in range(50)]
        for number, client in enumerate(clients):
            await client.connect()
            if number < 5:
                await client.send(half_a_hello() if number % 2 else b"")
                await until(lambda: len(gateway.context.open_clients) > number, "it to be accepted")  # noqa: B023
        for client in clients[5:]:
            await client.expect_closed()
        assert len(gateway.context.open_clients) == 5
        for client in clients:
            await client.close()
        await until(lambda: not gateway.context.open_clients, "all to be gone")
        async with over_tls(gateway, trusting) as client:
            assert (await client.request("GET", "/")).status == 200


@pytest.mark.parametrize("first", [b"", half_a_hello()], ids=["silent", "half-a-hello"])
async def test_a_handshake_that_does_not_come_to_its_end_is_cut_off_after_the_header_timeout(files, first):
    async with serving(files, HEADER_TIMEOUT="300ms") as (_, gateway):
        async with RawClient(gateway.port) as client:
            await client.send(first)
            await client.expect_closed()
        assert gateway.context.counts.internal_errors == 0
        await until(lambda: not gateway.context.open_clients, "it to be gone")


async def test_after_the_handshake_the_head_has_its_own_time(files, trusting):
    async with (
        serving(files, HEADER_TIMEOUT="1s") as (_, gateway),
        over_tls(gateway, trusting) as client,
    ):
        await client.send(b"GET / HT")
        assert (await client.read_response()).status == 408
        await client.expect_closed()


@pytest.mark.one_process("sees the state of a connection")
async def test_the_drain_does_not_wait_for_a_handshake(files):
    async with running_gateway(**files) as gateway:
        client = RawClient(gateway.port)
        await client.connect()
        await client.send(half_a_hello())
        await until(lambda: len(gateway.context.open_clients) == 1, "it to be accepted")
    await client.expect_closed()
    await client.close()


# What is no TLS


GARBAGE = {
    "plain-http": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),  # OpenSSL has no alert for what is no record
    "zeros": (b"\x00" * 3000, b""),
    "a-record-of-junk": (b"\x16\x03\x01\x00\x05hello", b"\x15"),
    "a-record-too-long": (b"\x16\x03\x01\xff\xff" * 9, b"\x15"),
}


@pytest.mark.parametrize(("garbage", "alert"), GARBAGE.values(), ids=GARBAGE)
async def test_garbage_instead_of_a_hello_ends_the_connection_at_once(files, trusting, garbage, alert):
    async with serving(files) as (upstream, gateway):
        async with RawClient(gateway.port) as client:
            await client.send(garbage)
            assert (await client.read_until_closed())[:1] == alert
            assert not client.was_reset
        assert (gateway.context.counts.internal_errors, upstream.requests) == (0, [])
        async with over_tls(gateway, trusting) as client:
            assert (await client.request("GET", "/")).status == 200


async def test_garbage_after_the_handshake_ends_the_connection_and_its_request(files, trusting):
    async with serving(files) as (upstream, gateway):
        upstream.never()
        with socket.create_connection(("127.0.0.1", gateway.port)) as sock:
            with await asyncio.to_thread(trusting.wrap_socket, sock, server_hostname="localhost") as client:
                client.send(GET % b"x")
                await upstream.wait_for(1)
                raw = socket.socket(fileno=client.detach())
            with raw:
                raw.send(b"\x17\x03\x03\x00\x20" + b"junk" * 8)
                await upstream.wait_closed_early()
        assert gateway.context.counts.internal_errors == 0


def only(ciphers: str, trusting: ssl.SSLContext) -> ssl.SSLContext:
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    trusting.set_ciphers(ciphers)
    return trusting


@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"])
async def test_a_client_that_knows_only_cbc_suites_is_refused(files, trusting, ciphers):
    async with serving(files) as (_, gateway):
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            await over_tls(gateway, only(ciphers, trusting)).connect()


@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
async def test_suites_with_authenticated_encryption_are_spoken_over_tls_12(files, trusting, ciphers):
    async with serving(files) as (_, gateway), over_tls(gateway, only(ciphers, trusting)) as client:
        assert (await client.request("GET", "/")).status == 200
        assert client.writer.get_extra_info("cipher")[0] == ciphers


# Requests and bodies


async def test_many_requests_and_bodies_of_all_sizes_pass_on_one_connection(files, trusting):
    async with serving(files) as (upstream, gateway), over_tls(gateway, trusting) as client:
        for number in range(300):
            body = bytes([number % 256]) * (number * number)
            upstream.reply(200, body[::-1] + b"!")
            answer = await client.request("POST", f"/{number}", body=body)
            assert (answer.status, answer.body) == (200, body[::-1] + b"!")
        assert [len(request.body) for request in upstream.requests] == [n * n for n in range(300)]
        assert len({request.connection for request in upstream.requests}) == 1


async def test_pipelined_requests_are_answered_in_their_order(files, trusting):
    async with serving(files) as (upstream, gateway), over_tls(gateway, trusting) as client:
        for number in range(20):
            upstream.reply(200, b"%d" % number)
        for number in range(20):
            await client.send(GET % (b"%d" % number))
        for number in range(20):
            assert (await client.read_response()).body == b"%d" % number


@pytest.mark.one_process("sees the state of a connection")
async def test_a_large_body_waits_for_a_client_that_reads_slowly(files, trusting):
    body = bytes(range(256)) * (5 * MIB // 256)
    async with serving(files) as (upstream, gateway):
        upstream.reply(200, body)
        slow = over_tls(gateway, trusting, reader_limit_bytes=4096, receive_buffer_bytes=4096)
        async with slow as client:
            await client.send(GET % b"x")
            await client.read_head()
            (each,) = gateway.context.open_clients
            most_bytes, got = 0, b""
            while len(got) < len(body):
                got += await client.read(min(16 * 1024, len(body) - len(got)))
                unsent_bytes = each.transport.get_write_buffer_size()
                most_bytes = max(most_bytes, unsent_bytes)
            assert got == body
            assert 0 < most_bytes < MIB


async def test_a_large_upload_waits_for_an_upstream_that_reads_slowly(files, trusting):
    body = bytes(range(256)) * (5 * MIB // 256)
    async with serving(files) as (upstream, gateway), over_tls(gateway, trusting) as client:
        answer = await client.request("PUT", "/x", body=body)
        assert answer.status == 200
        assert upstream.requests[0].body == body


# The end of a connection


async def test_a_client_is_told_that_nothing_was_cut_off(files, trusting):
    """close_notify comes before FIN: a client that insists on it (suppress_ragged_eofs) is content."""
    async with serving(files) as (_, gateway):

        def ask() -> bytes:
            with (
                socket.create_connection(("127.0.0.1", gateway.port)) as sock,
                trusting.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False) as client,
            ):
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                got = b""
                while piece := client.recv(65536):
                    got += piece
                return got

        assert (await asyncio.to_thread(ask)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("how", ["close-notify", "fin", "reset"])
async def test_a_client_that_leaves_ends_its_request_at_the_upstream(files, trusting, how):
    async with serving(files) as (upstream, gateway):
        upstream.never()
        client = over_tls(gateway, trusting)
        await client.connect()
        await client.send(GET % b"x")
        await upstream.wait_for(1)
        sock = client.writer.get_extra_info("socket")
        if how == "fin":
            with socket.socket(fileno=os.dup(sock.fileno())) as same:
                same.shutdown(socket.SHUT_WR)
        elif how == "reset":
            client.abort()
        else:
            client.writer.close()
        await upstream.wait_closed_early()
        await client.close()
        await until(lambda: not gateway.context.open_clients, "it to be gone")
        assert gateway.context.counts.in_flight == 0


# Upgrades


async def test_websockets_pass_both_ways(files, trusting):
    async def echo(websocket: Any) -> None:
        async for message in websocket:
            await websocket.send(message)

    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with running_gateway(f"http://127.0.0.1:{port}", **files) as gateway:
            url = f"wss://localhost:{gateway.port}/chat"
            async with connect(url, ssl=trusting, host="127.0.0.1", max_size=None) as websocket:
                for message in ("text ✓", b"\x00" * MIB, "", "x" * 100_000):
                    await websocket.send(message)
                    assert await websocket.recv() == message
            await until(lambda: not gateway.context.tunnels, "the tunnel to end")


async def test_the_monitor_is_watched(files, trusting):
    async with running_gateway(**files) as gateway:
        url = f"wss://localhost:{gateway.port}/monitor/ws"
        async with connect(url, ssl=trusting, host="127.0.0.1") as viewer, within("its first message"):
            assert "gateway" in str(await viewer.recv())


async def test_own_pages_are_served_on_the_same_connection(files, trusting):
    async with serving(files) as (_, gateway), over_tls(gateway, trusting) as client:
        for path in ("/monitor", "/", "/metrics", "/monitor"):
            assert (await client.request("GET", path)).status == 200
