"""Checks by grpc.health.v1 against gRPC's own server, and against what is none."""

import asyncio
import ssl

import pytest
import trustme

from app.config.model import Endpoint, HealthCheck, UpstreamProtocol
from app.dataplane.codec.credential import Credential
from app.dataplane.upstream.check_request import status_of
from app.dataplane.upstream.connector import Connector
from app.dataplane.upstream.grpc_health_check import HealthReceiver, health_body, health_head
from tests.fakes.grpc_peer import GrpcUpstream
from tests.fakes.http2_upstream import Answer, Http2Stream, Http2Upstream, reply
from tests.fakes.process import free_port

OF_SERVER = HealthCheck(timeout_s=20.0, grpc_service="")
SERVING = b"\x00\x00\x00\x00\x02\x08\x01"


async def is_good(
    port: int,
    check: HealthCheck = OF_SERVER,
    tls: ssl.SSLContext | None = None,
    credential: Credential | None = None,
) -> bool:
    connector = Connector(asyncio.get_running_loop(), tls, "localhost", UpstreamProtocol.H2)
    endpoint = Endpoint("127.0.0.1", port, tls is not None)
    head = health_head(endpoint, check, credential)
    return (
        await status_of(connector, endpoint, "127.0.0.1", head, health_body(check), HealthReceiver()) == 200
    )


async def test_a_server_and_each_of_its_services_say_how_they_are():
    with GrpcUpstream() as up:
        up.healths = {"": True, "orders.v1.Orders": False}
        assert await is_good(up.port)
        assert not await is_good(up.port, HealthCheck(grpc_service="orders.v1.Orders"))
        assert not await is_good(up.port, HealthCheck(grpc_service="unknown.Service"))
        up.healths["orders.v1.Orders"] = True
        assert await is_good(up.port, HealthCheck(grpc_service="orders.v1.Orders"))


async def test_a_check_says_how_long_it_waits_and_who_asks():
    with GrpcUpstream() as up:
        assert await is_good(up.port, credential=Credential(b"authorization", b"Bearer x"))
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
        assert await is_good(up.port, tls=context)
        assert not await is_good(up.port, tls=contexts("h2")[0])


async def test_over_tls_without_http2_there_is_no_grpc():
    context, certificate = contexts("h2")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(server)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        assert not await is_good(port, tls=context)


async def test_nobody_and_strangers_are_not_serving():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(3)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    assert not await is_good(free_port())
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        assert not await is_good(listening.sockets[0].getsockname()[1])


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
        (reply(200, bytes(20_000), trailers=OK), False),
    ],
    ids=range(10),
)
async def test_only_serving_with_ok_is_good(answer: Answer, good: bool) -> None:
    async with Http2Upstream() as up:
        up.answer(answer)
        assert await is_good(up.port) is good
        (stream,) = up.streams
        assert (stream.path, stream.field(b"te")) == (b"/grpc.health.v1.Health/Check", b"trailers")


async def test_a_check_that_is_given_up_leaves_no_connection() -> None:
    async with Http2Upstream() as up:
        up.answer(never_end)
        check = asyncio.ensure_future(is_good(up.port))
        await up.wait_for(1)
        check.cancel()
        await asyncio.gather(check, return_exceptions=True)
        await up.until(lambda: not up.open_connections, "the connection to end")
