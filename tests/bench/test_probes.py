import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.bench import probes
from tests.bench.probes import probing


@asynccontextmanager
async def serving(respond: Callable[[int], bytes]) -> AsyncIterator[int]:
    """A server that responds with `respond(n)` to request n of all; its port."""
    count = 0
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with suppress(ConnectionError):  # the client was faster
            while (await reader.read(65_536)).endswith(b"\r\n\r\n"):
                count += 1
                response = respond(count)
                if not response:
                    break
                writer.write(response)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*connections)


def response(edition: int, body: bytes = b"") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nX-Edition: {edition}\r\n\r\n"
    return head.encode() + body


async def test_probes_say_when_each_gateway_responded_so_first():
    """The first two requests of each are those before the change."""
    async with (
        serving(lambda count: response(1 if count < 5 else 2)) as one,
        serving(lambda _: response(2, b"with a body")) as other,
        probing({"one": ("127.0.0.1", one), "other": ("127.0.0.1", other)}, "a.example") as both,
    ):
        seen_s = await both.until("X-Edition", "2", time.monotonic())
    assert len(seen_s) == 2
    assert 0 < seen_s[0] < seen_s[1]


async def test_a_probe_takes_no_value_for_one_that_begins_with_it():
    async with (
        serving(lambda count: response(10 if count < 5 else 1)) as port,
        probing({"one": ("127.0.0.1", port)}, "a.example") as one,
    ):
        await one.until("X-Edition", "1", time.monotonic())


async def test_a_connection_that_ends_is_an_error():
    async with (
        serving(lambda count: response(1) if count < 4 else b"") as port,
        probing({"one": ("127.0.0.1", port)}, "a.example") as one,
    ):
        with pytest.raises(ConnectionResetError, match="closed the connection of a probe"):
            await one.until("X-Edition", "2", time.monotonic())


async def test_what_never_comes_is_named_with_what_came(monkeypatch):
    async with (
        serving(lambda _: response(1)) as port,
        probing({"one": ("127.0.0.1", port)}, "a.example") as one,
    ):
        monkeypatch.setattr(probes, "CHANGE_S", 0.05)
        with pytest.raises(TimeoutError, match=r"a\.example: no b'x-edition: 2'.*x-edition: 1"):
            await one.until("X-Edition", "2", time.monotonic())
