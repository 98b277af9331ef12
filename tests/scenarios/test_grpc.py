"""gRPC through the gateway, between gRPC's own client and server: calls of all kinds, their ends, deadlines."""

import asyncio
from collections.abc import Iterator
from queue import Queue

import grpc
import pytest
import trustme

from app.dataplane.codec.grpc import parse_timeout
from tests.fakes import answers
from tests.fakes.gateway import running_gateway
from tests.fakes.grpc_calls import calling, calls_config, counted, end_of
from tests.fakes.grpc_peer import CALLS, GrpcClient, GrpcUpstream, wait_until
from tests.fakes.http2_upstream import Http2Stream, Http2Upstream
from tests.fakes.upstream import RecorderUpstream

MESSAGE_BYTES = 4 * 1024 * 1024
BREAKER = {"consecutiveFailures": 2, "openDuration": "1h"}


# What passes


async def test_a_unary_call_passes_with_its_metadata_both_ways(tmp_path):
    async with calling(tmp_path) as calls:
        metadata = (("x-echo", "plain"), ("x-echo-bin", b"\x00\xff\n:"))
        done = await calls.unary(b"hello", metadata=metadata)
        assert (done.code, done.reply) == ("OK", b"hello")
        assert (done.initial["x-echo"], done.initial["x-echo-bin"]) == ("plain", b"\x00\xff\n:")
        assert done.trailing["x-trailing-echo-bin"] == b"\x00\xff\n:"
        ((_, given, _),) = calls.up.calls
        assert (given["x-echo"], given["x-echo-bin"]) == ("plain", b"\x00\xff\n:")
        assert await counted(calls.gateway) == {(200, ""): 1}


@pytest.mark.parametrize("size_bytes", [0, 1, 70_000, MESSAGE_BYTES])
async def test_messages_of_every_size_pass(tmp_path, size_bytes):
    async with calling(tmp_path) as calls:
        message = bytes(range(256)) * (size_bytes // 256) + b"x" * (size_bytes % 256)
        assert (await calls.unary(message)).reply == message


async def test_a_stream_of_replies_passes(tmp_path):
    async with calling(tmp_path) as calls:
        replies = await asyncio.to_thread(lambda: list(calls.client.server_stream(b"1000x100")))
        assert [len(reply) for reply in replies] == [100] * 1000


async def test_a_stream_of_requests_passes(tmp_path):
    async with calling(tmp_path) as calls:
        messages = [b"%d," % number for number in range(1000)]
        reply = await asyncio.to_thread(lambda: calls.client.client_stream(iter(messages)))
        assert reply == b"".join(messages)


async def test_both_sides_may_talk_at_once(tmp_path):
    def ping_pong(client: GrpcClient) -> list[bytes]:
        """Each message is sent when the one before came back."""
        seen: list[bytes] = []
        came: Queue[None] = Queue()

        def messages() -> Iterator[bytes]:
            for number in range(100):
                yield b"%d" % number
                came.get(timeout=30)

        for reply in client.bidi(messages()):
            seen.append(reply)
            came.put(None)
        return seen

    async with calling(tmp_path) as calls:
        assert await asyncio.to_thread(ping_pong, calls.client) == [b"%d" % number for number in range(100)]


async def test_a_reader_that_waits_holds_the_sender_back(tmp_path):
    async with calling(tmp_path) as calls:
        size_bytes = 1 << 20
        stream = calls.client.server_stream(b"256x%d" % size_bytes)
        await asyncio.to_thread(lambda: next(stream))
        for _ in range(100):  # others pass meanwhile, and it could have sent it all
            assert (await calls.unary(b"hello")).code == "OK"
        assert calls.up.taken_bytes < 64 * size_bytes
        rest = await asyncio.to_thread(lambda: sum(len(reply) for reply in stream))
        assert rest == 255 * size_bytes


async def test_an_upstream_that_does_not_read_holds_the_caller_back(tmp_path):
    size_bytes = 1 << 20
    given = 0

    def messages() -> Iterator[bytes]:
        nonlocal given
        for _ in range(128):
            given += 1
            yield bytes(size_bytes)

    async with calling(tmp_path) as calls:
        upload = asyncio.ensure_future(asyncio.to_thread(calls.client.client_stream, messages(), "Stall"))
        await asyncio.to_thread(wait_until, lambda: given > 0, "the first message")
        for _ in range(100):  # others pass meanwhile, and it could have sent it all
            assert (await calls.unary(b"hello")).code == "OK"
        assert given < 64
        calls.up.resumed.set()
        assert await upload == b"%d" % (128 * size_bytes)


async def test_a_call_to_an_upstream_of_http_1_passes_with_its_trailers(tmp_path):
    """Whoever speaks gRPC's framing in HTTP/1.1: trailers and `te` go both ways there, too."""
    async with RecorderUpstream() as up:
        up.default = answers.raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"7\r\n\x00\x00\x00\x00\x02hi\r\n0\r\ngrpc-status: 0\r\nx-sum: 7\r\n\r\n"
        )
        async with calling(tmp_path, url=up.url, protocol="http1") as calls:
            done = await calls.unary(b"hello")
            assert (done.code, done.reply, done.trailing["x-sum"]) == ("OK", b"hi", "7")
            (request,) = up.requests
            assert (request.get("te"), request.get("connection")) == ("trailers", "TE")


async def test_the_upstream_is_told_that_trailers_are_wanted_and_what_time_is_left(tmp_path):
    async with Http2Upstream() as up, calling(tmp_path, url=up.url) as calls:
        up.reply(200, b"\x00\x00\x00\x00\x02hi", trailers=((b"grpc-status", b"0"),))
        assert (await calls.unary(b"hello", timeout_s=20.0)).reply == b"hi"
        (stream,) = up.streams
        assert (stream.method, stream.path) == (b"POST", b"/test.Calls/Unary")
        assert (stream.field(b"te"), stream.field(b"content-type")) == (b"trailers", b"application/grpc")
        timeout_s = parse_timeout(stream.field(b"grpc-timeout"))
        assert timeout_s is not None
        assert 10.0 < timeout_s < 20.0


async def test_calls_pass_over_tls_on_both_sides(tmp_path):
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    key, chain = leaf.private_key_pem.bytes(), b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    (tmp_path / "tls.key").write_bytes(key)
    (tmp_path / "tls.crt").write_bytes(chain)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    files = {"TLS_CERT_FILE": str(tmp_path / "tls.crt"), "TLS_KEY_FILE": str(tmp_path / "tls.key")}
    with GrpcUpstream(tls=(key, chain)) as up:
        config = calls_config(
            f"https://127.0.0.1:{up.port}", protocol="auto", ca_file=str(tmp_path / "ca.crt")
        )
        async with running_gateway(config=config, folder=tmp_path, **files) as gateway:  # type: ignore[arg-type]
            with GrpcClient(gateway.port, authority.cert_pem.bytes()) as client:
                done = await asyncio.to_thread(client.unary, b"hello")
                assert (done.code, done.reply) == ("OK", b"hello")
                replies = await asyncio.to_thread(lambda: list(client.server_stream(b"10x100000")))
                assert len(replies) == 10


# Ends


@pytest.mark.parametrize("method", ["Fail", "FailLate"])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("NOT_FOUND", 404),
        ("CANCELLED", 499),
        ("UNAVAILABLE", 503),
        ("UNIMPLEMENTED", 404),
        ("DATA_LOSS", 500),
    ],
)
async def test_a_status_passes_and_counts_as_that_of_http(tmp_path, method, code, status):
    async with calling(tmp_path) as calls:
        if method == "Fail":
            done = await calls.unary(code.encode(), method)
            assert (done.code, done.details) == (code, "as it was asked to")
        else:
            stream = calls.client.server_stream(code.encode(), method)
            assert await asyncio.to_thread(lambda: next(stream)) == b"first"
            assert await asyncio.to_thread(end_of, stream) == code
        assert await counted(calls.gateway) == {(status, ""): 1}


async def test_a_message_of_a_status_passes_as_it_was_encoded(tmp_path):
    async with calling(tmp_path) as calls:
        calls.up.failures = 1
        done = await calls.unary(b"")
        assert (done.code, done.details) == ("UNAVAILABLE", "try again: 50 % of é")


async def test_a_caller_that_cancels_ends_the_call_at_the_upstream(tmp_path):
    async with calling(tmp_path) as calls:
        future = calls.client.channel.unary_unary(f"/{CALLS}/Hang").future(b"")
        await asyncio.to_thread(wait_until, lambda: bool(calls.up.calls), "the call")
        future.cancel()
        await asyncio.to_thread(wait_until, calls.up.left.is_set, "the upstream's end of it")
        assert calls.gateway.counts.in_flight == 0


async def test_an_upstream_that_ends_a_stream_early_ends_it_for_the_caller(tmp_path):
    def endless() -> Iterator[bytes]:
        yield b"DATA_LOSS"
        while True:
            yield b"x" * 1000

    async with calling(tmp_path) as calls:
        stream = calls.client.channel.stream_unary(f"/{CALLS}/Fail")
        assert await asyncio.to_thread(lambda: stream.future(endless()).code().name) == "DATA_LOSS"


async def test_a_call_whose_upstream_breaks_off_is_told_so(tmp_path):
    async def break_off(stream: Http2Stream) -> None:
        stream.head(200, ((b"content-type", b"application/grpc"),))
        await stream.data(b"\x00\x00\x00\x00\x02hi\x00\x00\x00\x00\x05but")
        stream.connection.transport.abort()

    async with Http2Upstream() as up, calling(tmp_path, url=up.url) as calls:
        up.answer(break_off)
        stream = calls.client.server_stream(b"")
        assert await asyncio.to_thread(lambda: next(stream)) == b"hi"
        assert await asyncio.to_thread(end_of, stream) == "UNAVAILABLE"
        assert stream.details().startswith("upstream_reset: ")
        assert await counted(calls.gateway) == {(502, "upstream_reset"): 1}


async def test_no_call_is_lost_to_a_server_that_replaces_its_connections(tmp_path):
    age = (("grpc.max_connection_age_ms", 100), ("grpc.max_connection_age_grace_ms", 20_000))
    async with calling(tmp_path, options=age) as calls:
        while len(calls.up.peers) < 4:
            done = await asyncio.gather(*[calls.unary(b"hello") for _ in range(8)])
            assert {each.code for each in done} == {"OK"}
        assert set(await counted(calls.gateway)) == {(200, "")}


# Deadlines


async def test_a_deadline_goes_on_to_the_upstream(tmp_path):
    async with calling(tmp_path) as calls:
        await calls.unary(b"", timeout_s=20.0)
        await calls.unary(b"", timeout_s=None)
        first, second = calls.up.calls
        assert first[2] is not None
        assert 10.0 < first[2] <= 20.0
        assert second[2] is None or second[2] > 1e6


async def test_a_call_past_its_deadline_ends_everywhere(tmp_path):
    async with calling(tmp_path) as calls:
        done = await calls.unary(b"", "Hang", timeout_s=2.0)
        assert done.code == "DEADLINE_EXCEEDED"
        await asyncio.to_thread(wait_until, calls.up.left.is_set, "the upstream's end of it")
        assert {status for status, _ in await counted(calls.gateway)} == {
            504
        }  # said by us, or by the server's own clock


async def test_a_stream_past_its_deadline_ends_and_its_connection_goes_on(tmp_path):
    async with calling(tmp_path, circuitBreaker=BREAKER) as calls:
        for _ in range(3):  # nothing of them is read, so most of it is still to be sent
            stream = calls.client.server_stream(b"256x1000000", timeout_s=1.5)  # a busy server begins in time
            assert await asyncio.to_thread(stream.code) == grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await calls.unary(b"hello")).reply == b"hello"
        await asyncio.to_thread(wait_until, lambda: calls.gateway.counts.in_flight == 0, "their ends")


async def test_a_route_may_give_calls_less_time_than_they_ask_for(tmp_path):
    async with calling(tmp_path, timeout={"request": "1s"}) as calls:
        done = await calls.unary(b"", "Hang", timeout_s=20.0)
        assert done.code == "DEADLINE_EXCEEDED"
        assert done.details.startswith("upstream_timeout: ")
        assert dict(done.trailing)["tidegate-reason"] == "upstream_timeout"
        await asyncio.to_thread(wait_until, calls.up.left.is_set, "the upstream's end of it")
