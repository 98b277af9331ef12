"""Checks by grpc.health.v1 against gRPC's own server, and against what is none."""

import asyncio
import ssl

import pytest
import trustme

from app.config.model import HealthCheck
from app.dataplane.codec.credential import Credential
from app.dataplane.upstream.grpc_health_check import Checked, check_health
from tests.fakes.grpc_peer import GrpcUpstream
from tests.fakes.http2_upstream import Answer, Http2Stream, Http2Upstream, reply
from tests.fakes.process import free_port

OF_SERVER = HealthCheck(timeout_s=20.0, grpc_service="")
SERVING = b"\x00\x00\x00\x00\x02\x08\x01"


def at(port: int, tls: ssl.SSLContext | None = None, credential: Credential | None = None) -> Checked:
    return Checked("127.0.0.1", port, f"localhost:{port}", credential, tls, "localhost")


async def test_a_server_and_each_of_its_services_say_how_they_are():
    with GrpcUpstream() as up:
        up.healths = {"": True, "orders.v1.Orders": False}
        assert await check_health(at(up.port), OF_SERVER)
        assert not await check_health(at(up.port), HealthCheck(grpc_service="orders.v1.Orders"))
        assert not await check_health(at(up.port), HealthCheck(grpc_service="unknown.Service"))
        up.healths["orders.v1.Orders"] = True
        assert await check_health(at(up.port), HealthCheck(grpc_service="orders.v1.Orders"))


async def test_a_check_says_how_long_it_waits_and_who_asks():
    with GrpcUpstream() as up:
        assert await check_health(
            at(up.port, credential=Credential(b"authorization", b"Bearer x")), OF_SERVER
        )
        ((_, metadata, left_s),) = up.named("Check")
        assert metadata["authorization"] == "Bearer x"
        assert metadata["user-agent"] == "tidegate-check"
        assert left_s is not None
        assert left_s < 20.0


def contexts(*protocols: str) -> tuple[ssl.SSLContext, trustme.LeafCert]:
    authority = trustme.CA()
    context = ssl.create_default_context()
    context.set_alpn_protocols(list(protocols))
    authority.configure_trust(context)
    return context, authority.issue_cert("localhost")


async def test_over_tls_too():
    context, certificate = contexts("h2")
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    with GrpcUpstream(tls=(certificate.private_key_pem.bytes(), chain)) as up:
        assert await check_health(at(up.port, context), OF_SERVER)
        assert not await check_health(at(up.port, contexts("h2")[0]), OF_SERVER)


async def test_over_tls_without_http2_there_is_no_grpc():
    context, certificate = contexts("h2")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(server)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        assert not await check_health(at(port, context), OF_SERVER)


async def test_nobody_and_strangers_are_not_serving():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(3)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    assert not await check_health(at(free_port()), OF_SERVER)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        assert not await check_health(at(listening.sockets[0].getsockname()[1]), OF_SERVER)


OK = ((b"grpc-status", b"0"),)


async def reset(stream: Http2Stream) -> None:
    stream.reset()


async def close(stream: Http2Stream) -> None:
    stream.connection.transport.close()


async def say_garbage(stream: Http2Stream) -> None:
    stream.connection.transport.write(b"garbage and more of it")


async def never_end(stream: Http2Stream) -> None:
    stream.head(103)
    await stream.gone()


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (reply(200, SERVING, trailers=OK), True),
        (reply(200, SERVING), False),
        (reply(503, SERVING, trailers=OK), False),
        (reply(200, SERVING, trailers=((b"grpc-status", b"5"),)), False),
        (reply(200, b"\x00\x00\x00\x00\x02\x08\x02", trailers=OK), False),
        (reply(200, fields=((b"grpc-status", b"12"),)), False),
        (reset, False),
        (close, False),
        (say_garbage, False),
    ],
    ids=range(9),
)
async def test_only_serving_with_ok_is_good(answer: Answer, good: bool) -> None:
    async with Http2Upstream() as up:
        up.answer(answer)
        assert await check_health(at(up.port), OF_SERVER) is good
        (stream,) = up.streams
        assert (stream.path, stream.field(b"te")) == (b"/grpc.health.v1.Health/Check", b"trailers")


async def test_a_check_that_is_given_up_leaves_no_connection() -> None:
    async with Http2Upstream() as up:
        up.answer(never_end)
        check = asyncio.ensure_future(check_health(at(up.port), OF_SERVER))
        await up.wait_for(1)
        check.cancel()
        await asyncio.gather(check, return_exceptions=True)
        await up.until(lambda: not up.open_connections, "the connection to end")
