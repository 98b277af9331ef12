"""SIGTERM on a real cache service: no request of an open connection is lost (contract section 8)."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import httpx
import pytest

from tests.fakes.process import Child, free_port
from tests.fakes.unaccepted import unaccepted
from tests.fakes.valkey import eventually

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

ROUNDS = 3
SMALL, LARGE = b"v" * 100, b"V" * 20_000


def request(method: bytes, target: bytes, body: bytes = b"") -> bytes:
    length = b"content-length: %d\r\n" % len(body) if body else b""
    return b"%b %b HTTP/1.1\r\nhost: cache\r\n%b\r\n%b" % (method, target, length, body)


# the ways through the service: beneath the app and through it, with and without a body in several reads
LOADS = {
    "small writes": [request(b"PUT", b"/cache/%d", SMALL)],
    "large writes": [request(b"PUT", b"/cache/%d", LARGE)],
    "writes and reads": [request(b"PUT", b"/cache/%d", SMALL), request(b"GET", b"/cache/%d")],
    "everything": [
        request(b"PUT", b"/cache/%d", LARGE),
        request(b"GET", b"/cache/%d"),
        request(b"HEAD", b"/cache/%d"),
        request(b"GET", b"/cache"),
        request(b"DELETE", b"/cache/%d"),
        request(b"GET", b"/cache/%d"),
        request(b"POST", b"/cache:purge", b'{"prefix": "nothing/"}'),
    ],
}


@dataclass
class Tally:
    """What became of the requests of all clients; `busy` when there were enough of them."""

    answered: int = 0
    lost: int = 0
    told: int = 0
    busy: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self) -> None:
        self.answered += 1
        if self.answered == 400:
            self.busy.set()


async def at_full_speed(port: int, number: int, load: list[bytes], tally: Tally) -> None:
    """One request after another on one connection, until a response says that it is the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            for said in load:
                writer.write(said.replace(b"%d", b"%d" % number))
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
                if not said.startswith(b"HEAD"):
                    await reader.readexactly(int(fields.get(b"content-length", b"0")))
                tally.count()
                if fields.get(b"connection") == b"close":
                    tally.told += 1
                    assert await reader.read() == b""
                    return
    except (asyncio.IncompleteReadError, ConnectionError):
        tally.lost += 1
    finally:
        writer.close()


@pytest.mark.parametrize("load", LOADS)
async def test_clients_at_full_speed_lose_no_request(load: str):
    for _ in range(ROUNDS):
        port, tally = free_port(), Tally()
        async with Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1"}) as child:
            await child.wait_port(port)
            clients = [
                asyncio.create_task(at_full_speed(port, number, LOADS[load], tally)) for number in range(20)
            ]
            await tally.busy.wait()
            child.signal(signal.SIGTERM)
            await asyncio.gather(*clients)
            assert await child.wait() == 0, child.output
        assert (tally.lost, tally.told) == (0, len(clients))


@asynccontextmanager
async def service(**env: str) -> AsyncIterator[tuple[Child, int]]:
    port = free_port()
    async with Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1", **env}) as child:
        await child.wait_port(port)
        yield child, port


async def connected(port: int, said: bytes = b"") -> Connection:
    """A connection that the service has accepted, and read a request of; then `said` is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(b"GET", b"/livez"))
    await reader.readuntil(b"}")
    writer.write(said)
    await writer.drain()
    return reader, writer


async def drained(child: Child) -> None:
    """SIGTERM, and the listener is closed: from here on the drain has begun."""
    port = int(child.env["PORT"])
    child.signal(signal.SIGTERM)

    def is_closed() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    await eventually(is_closed)


async def test_an_idle_connection_is_served_once_more_or_closed_when_it_stays_quiet():
    async with service() as (child, port):
        idle, idle_writer = await connected(port)
        used, used_writer = await connected(port)
        await drained(child)
        used_writer.write(request(b"GET", b"/readyz"))
        told = await used.read()
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nconnection: close\r\n" in told
        assert told.endswith(b'{"status": "draining", "redis": "off"}')
        assert await idle.read() == b""
        assert await child.wait() == 0, child.output
        for writer in (idle_writer, used_writer):
            writer.close()


@pytest.mark.parametrize("cut", [5, 20, -1])
async def test_a_request_of_which_a_part_had_come_is_answered(cut: int):
    said = request(b"PUT", b"/cache/a", SMALL)
    async with service() as (child, port):
        reader, writer = await connected(port, said[:cut])
        await drained(child)
        writer.write(said[cut:])
        assert (await reader.read()).startswith(b"HTTP/1.1 201 ")
        writer.close()
        assert await child.wait() == 0, child.output


async def test_a_rejected_upload_reads_its_response_though_its_body_is_on_the_way():
    body = bytes(8 * 2**20)
    async with service(CACHE_MAX_ENTRY_BYTES="1Ki") as (child, port):
        reader, writer = await connected(port)
        await drained(child)
        writer.write(request(b"PUT", b"/cache/a", body))
        response = await reader.read()
        assert response.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nconnection: close\r\n" in response
        assert response.endswith(b"}")
        writer.close()
        assert await child.wait() == 0, child.output


async def test_a_response_that_is_taken_slowly_is_sent_whole():
    value = bytes(16 * 2**20)  # more than the sockets hold
    async with service(CACHE_MAX_ENTRY_BYTES="16Mi") as (child, port):
        reader, writer = await connected(port, request(b"PUT", b"/cache/a", value))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(request(b"GET", b"/cache/a"))
        head = await reader.readuntil(b"\r\n\r\n")
        await drained(child)
        assert b"connection: close" not in head
        await reader.readexactly(len(value))
        writer.write(request(b"GET", b"/livez"))  # nobody told it not to
        assert b"\r\nconnection: close\r\n" in await reader.read()
        writer.close()
        assert await child.wait() == 0, child.output


async def test_during_the_delay_it_is_unready_and_serves_whoever_comes():
    async with service(DRAIN_DELAY="1h") as (child, port):
        child.signal(signal.SIGTERM)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

            async def is_unready() -> bool:
                return (await http.get("/readyz")).status_code == 503

            await eventually(is_unready)
        for _ in range(2):
            reader, writer = await connected(port, request(b"PUT", b"/cache/a", SMALL))
            assert b"connection: close" not in await reader.readuntil(b"\r\n\r\n")
            writer.close()
        assert await child.stop(signal.SIGINT) == 0, child.output  # nobody has to wait for it


async def test_what_does_not_end_is_cut_after_the_timeout():
    async with service(DRAIN_TIMEOUT="100ms") as (child, port):
        small, small_writer = await connected(port, request(b"PUT", b"/cache/a", SMALL)[:-1])
        large, large_writer = await connected(port, request(b"PUT", b"/cache/a", LARGE)[:-1])
        assert await child.stop() == 0, child.output
        for reader in (small, large):
            assert b"HTTP/1.1 2" not in await reader.read()
        for writer in (small_writer, large_writer):
            writer.close()


async def test_connections_that_wait_to_be_accepted_are_served_before_the_port_closes():
    port = free_port()
    async with Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1"}) as child:
        await child.wait_port(port)
        os.kill(child.pid, signal.SIGSTOP)
        with unaccepted(port, 20, request(b"GET", b"/cache/a")) as waiting:
            child.signal(signal.SIGTERM)
            os.kill(child.pid, signal.SIGCONT)
            answers = await asyncio.gather(*(asyncio.to_thread(each.recv, 65_536) for each in waiting))
        assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 404 Not Found"] * 20
        assert await child.wait() == 0
