"""Bodies far larger than memory through a real gateway process: they stream, whatever the slow side."""

import asyncio
import contextlib
import itertools
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.process import Child, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GIB = 1 << 30
MIB = 1 << 20
GROWTH_BYTES = 32 * MIB
BLOCK = bytes(zlib.crc32(number.to_bytes(4, "big")) & 0xFF for number in range(MIB // 4)) * 4
PIECE_BYTES = 256 * 1024
SLOW_S = 10

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Checksum:
    """How many bytes came, and their CRC-32."""

    def __init__(self) -> None:
        self.total_bytes, self.crc = 0, 0

    def add(self, data: bytes) -> None:
        self.total_bytes += len(data)
        self.crc = zlib.crc32(data, self.crc)

    @property
    def value(self) -> tuple[int, int]:
        return self.total_bytes, self.crc


def pieces(total_bytes: int) -> Iterator[bytes]:
    whole = [BLOCK[at : at + PIECE_BYTES] for at in range(0, MIB, PIECE_BYTES)]
    return itertools.islice(itertools.cycle(whole), total_bytes // PIECE_BYTES)


def checksum_of(total_bytes: int) -> tuple[int, int]:
    checksum = Checksum()
    for piece in pieces(total_bytes):
        checksum.add(piece)
    return checksum.value


async def send_body(writer: asyncio.StreamWriter, total_bytes: int, chunked: bool, sent: Checksum) -> None:
    for piece in pieces(total_bytes):
        if chunked:
            writer.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        else:
            writer.write(piece)
        sent.total_bytes += len(piece)
        await writer.drain()
    if chunked:
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\r\n\r\n")).lower()


async def received(reader: asyncio.StreamReader, head: bytes, pace_bytes_per_s: int = 0) -> Checksum:
    """The body that `head` announces (RFC 9112 §6.3)."""
    got = Checksum()
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head)
    if length:
        await take(reader, int(length[1]), got, pace_bytes_per_s)
        return got
    assert b"\r\ntransfer-encoding: chunked\r\n" in head, head
    while size := int(await reader.readline(), 16):
        await take(reader, size, got, pace_bytes_per_s)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return got


async def take(reader: asyncio.StreamReader, total_bytes: int, got: Checksum, pace_bytes_per_s: int) -> None:
    left = total_bytes
    while left:
        data = await reader.read(min(left, PIECE_BYTES))
        assert data, f"the body ended {left} bytes too early"
        left -= len(data)
        got.add(data)
        if pace_bytes_per_s:
            await asyncio.sleep(len(data) / pace_bytes_per_s)


class Upstream:
    """GET is answered with `total_bytes`, chunked under /chunked; a body is read at `pace`, and summed up."""

    def __init__(self, total_bytes: int, pace_bytes_per_s: int = 0) -> None:
        self.total_bytes, self.pace = total_bytes, pace_bytes_per_s
        self.sent, self.got = Checksum(), Checksum()
        self._serving: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def ended(self) -> None:
        """All connections closed; to be called when the gateway has gone."""
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A gateway that goes away half-way is the end of the slow tests, not a fault.
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError, AssertionError):
            head = await read_head(reader)
            if head.startswith(b"get"):
                chunked = head.startswith(b"get /chunked")
                framing = (
                    b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % self.total_bytes
                )
                writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
                await send_body(writer, self.total_bytes, chunked, self.sent)
            else:
                self.got = await received(reader, head, self.pace)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
            await reader.read()
        writer.transport.abort()


def memory_bytes(pid: int, name: str) -> int:
    """`VmRSS` now, `VmHWM` at its highest (proc(5), status)."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=PIECE_BYTES)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def gateway_before(upstream: Upstream) -> AsyncIterator[Streams]:
    """A connection to a gateway process in front of it, whose memory must not grow meanwhile."""
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0, limit=PIECE_BYTES)
    port = free_port()
    env = {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "ADMIN_PORT": "0",
        "AUTH": "none",
        "CACHE_SERVICE_URL": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
    }
    try:
        async with Child.app("gateway", env=env) as child:
            await child.wait_port(port)
            before_bytes = memory_bytes(child.pid, "VmRSS")
            async with connected(port) as (reader, writer):
                yield reader, writer
            growth_bytes = memory_bytes(child.pid, "VmHWM") - before_bytes
            print(f"\nmemory grew by {growth_bytes / MIB:.1f} MiB from {before_bytes / MIB:.1f} MiB")
            assert growth_bytes < GROWTH_BYTES
    finally:
        server.close()
        await upstream.ended()


@pytest.mark.parametrize("path", [b"/sized", b"/chunked"])
async def test_a_gibibyte_comes_down_whole_and_memory_stays_flat(path):
    async with gateway_before(Upstream(GIB)) as (reader, writer):
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await read_head(reader)
        assert head.startswith(b"http/1.1 200 ")
        got = await received(reader, head)
    assert got.value == checksum_of(GIB)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_gibibyte_goes_up_whole_and_memory_stays_flat(chunked):
    upstream = Upstream(0)
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % GIB
    async with gateway_before(upstream) as (reader, writer):
        writer.write(b"PUT /up HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
        await send_body(writer, GIB, chunked, Checksum())
        assert (await read_head(reader)).startswith(b"http/1.1 204 ")
    assert upstream.got.value == checksum_of(GIB)


@pytest.mark.parametrize("path", [b"/sized", b"/chunked"])
async def test_a_client_that_reads_a_mebibyte_a_second_holds_the_upstream_back(path):
    upstream = Upstream(GIB)
    async with gateway_before(upstream) as (reader, writer):
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        await read_head(reader)
        read = Checksum()
        await take(reader, SLOW_S * MIB, read, MIB)
        ahead_bytes = upstream.sent.total_bytes - read.total_bytes
        print(f"\nthe upstream is {ahead_bytes / MIB:.1f} MiB ahead of the client")
        assert ahead_bytes < GROWTH_BYTES  # the kernel's buffers on both sides included


async def test_an_upstream_that_reads_a_mebibyte_a_second_holds_the_client_back():
    upstream = Upstream(0, MIB)
    sent = Checksum()
    async with gateway_before(upstream) as (_, writer):
        writer.write(b"PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIB)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(send_body(writer, GIB, False, sent), SLOW_S)
        print(f"\n{sent.total_bytes / MIB:.1f} MiB were taken in {SLOW_S} s")
        assert sent.total_bytes < SLOW_S * MIB + GROWTH_BYTES
