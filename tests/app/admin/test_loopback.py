import asyncio
import contextlib
import ssl

import pytest
import trustme

from app.admin.loopback import Front, NoResponse, Seen, ask
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream


async def seen(raw: bytes, key: str | None = None) -> tuple[Seen, RecorderUpstream]:
    async with RecorderUpstream() as upstream:
        upstream.raw(raw)
        return await ask(Front("127.0.0.1", upstream.port, False, key), "/demo/ok", 5.0), upstream


async def test_an_answer_is_its_status_reason_and_wait():
    answer, _ = await seen(
        b"HTTP/1.1 503 Service Unavailable\r\nTidegate-Reason: breaker_open\r\nRetry-After: 7\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    assert answer == Seen(503, "breaker_open", 7)


async def test_an_upstreams_answer_has_neither():
    answer, upstream = await seen(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert answer == Seen(200, "", None)
    assert "X-API-Key".lower() not in {name.lower() for name, _ in upstream.requests[0].fields}


async def test_the_key_is_sent():
    _, upstream = await seen(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "key-1")
    assert ("x-api-key", "key-1") in [(name.lower(), value) for name, value in upstream.requests[0].fields]


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\n", b"nonsense\r\n\r\n", b"x" * 70_000])
async def test_what_is_no_answer_is_told(raw):
    with pytest.raises(NoResponse):
        await seen(raw)


async def test_no_server_is_told():
    with pytest.raises(NoResponse, match="no response"):
        await ask(Front("127.0.0.1", free_port(), False), "/", 5.0)


async def test_silence_is_told():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NoResponse, match=r"within 0\.05 s"):
            await ask(Front("127.0.0.1", port, False), "/", 0.05)


async def test_over_tls_any_certificate_will_do():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("somebody.example").configure_cert(context)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        assert await ask(Front("127.0.0.1", port, True), "/", 5.0) == Seen(204, "", None)


async def test_an_answer_is_read_to_its_end_so_that_the_gateway_counts_it():
    left = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        with contextlib.suppress(TimeoutError):
            left.set_result(await asyncio.wait_for(reader.read(), 0.1))
        writer.write(b"tide")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await ask(Front("127.0.0.1", port, False), "/", 5.0) == Seen(200, "", None)
    assert not left.done(), "it left before the body came"
