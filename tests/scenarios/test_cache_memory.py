"""The cache service's memory, measured on a real process: within 1.5 × CACHE_MAX_BYTES + 60 MB."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.process import Child, free_port
from tests.fakes.valkey import Valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]

MAX_BYTES = 64 * 2**20
BOUND_BYTES = MAX_BYTES * 3 // 2 + 60_000_000
MIB = bytes(2**20)


@asynccontextmanager
async def service(**env: str) -> AsyncIterator[tuple[Child, int]]:
    port = free_port()
    settings = {"PORT": str(port), "HOST": "127.0.0.1", "CACHE_MAX_BYTES": str(MAX_BYTES), **env}
    async with Child.module("cache", env=settings) as child:
        await child.wait_port(port)
        yield child, port


def peak_bytes(child: Child) -> int:
    """The most that was resident at any time so far (proc(5), VmHWM)."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def within_bound(child: Child) -> bool:
    peak = peak_bytes(child)
    print(f"\n{peak / 1e6:.1f} MB at most; bound {BOUND_BYTES / 1e6:.1f} MB")
    return peak <= BOUND_BYTES


async def put_all(port: int, puts: Iterator[tuple[str, bytes]], writers: int = 8) -> list[int]:
    """Every put on one of `writers` connections; the statuses."""
    statuses: list[int] = []

    async def write() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for key, value in puts:
            head = f"PUT /cache/{key}?ttl=600 HTTP/1.1\r\nHost: h\r\nContent-Length: {len(value)}\r\n\r\n"
            writer.write(head.encode())
            writer.write(value)
            await writer.drain()
            statuses.append(int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(write() for _ in range(writers)))
    return statuses


def any_sizes(total_bytes: int) -> Iterator[tuple[str, bytes]]:
    """0 B – 1 MiB, as many small ones as large ones, keys used again and again."""
    chance = random.Random(1)
    while total_bytes > 0:
        size_bytes = int(2 ** chance.uniform(0, 20)) if chance.random() < 0.9 else 0
        total_bytes -= size_bytes + 200
        yield f"k{chance.randrange(20_000)}", MIB[:size_bytes]


def growing(total_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Every size a little larger than the last ones: what was let go of never fits what comes."""
    number, size_bytes = 0, 600.0
    while total_bytes > 0:
        yield f"g{number}", MIB[: int(size_bytes)]
        total_bytes -= int(size_bytes) + 200
        number, size_bytes = number + 1, min(size_bytes * 1.0003, 2**20)


def tiny(count: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield f"t{number}", b""


def full_of_small_then_large(total_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Small values of which every tenth is used on stay as holes between what large ones want."""
    for number in range(40_000):
        yield f"s{number}", MIB[: 1000 + number % 3000]
    for number in range(total_bytes // 60_000):
        yield f"l{number}", MIB[: 50_000 + number % 20_000]


MIXES = {
    "any": lambda: any_sizes(6 * MAX_BYTES),
    "growing": lambda: growing(4 * MAX_BYTES),
    "tiny": lambda: tiny(150_000),
    "small-then-large": lambda: full_of_small_then_large(3 * MAX_BYTES),
}


@pytest.mark.parametrize("mix", MIXES)
async def test_any_mix_of_sizes_stays_within_the_bound(mix: str):
    async with service() as (child, port):
        statuses = await put_all(port, MIXES[mix]())
        assert set(statuses) <= {201, 204}
        assert within_bound(child)


async def test_a_thousand_large_writes_at_once_stay_within_the_bound():
    async with service() as (child, port):
        statuses = await put_all(port, ((f"k{number}", MIB) for number in range(1000)), writers=1000)
        assert statuses == [201] * 1000
        assert within_bound(child)


async def test_through_redis_and_while_it_is_away_it_stays_within_the_bound(tmp_path: Path):
    with Valkey(tmp_path) as valkey:
        async with service(REDIS_URL=valkey.url) as (child, port):
            await put_all(port, any_sizes(2 * MAX_BYTES))
            assert set(await put_all(port, ((f"k{i}", MIB) for i in range(300)), writers=300)) <= {201, 204}
            valkey.kill()
            await put_all(port, any_sizes(4 * MAX_BYTES))
            valkey.start()
            await put_all(port, any_sizes(2 * MAX_BYTES))
            assert within_bound(child)
