"""Real processes, ended by kill -9: what is acknowledged as `redis` stays; replicas come to agree."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import redis as redis_py

from tests.fakes.process import Child, free_port
from tests.fakes.valkey import Valkey, eventually

WRITERS = 8


@asynccontextmanager
async def service(url: str) -> AsyncIterator[tuple[Child, httpx.AsyncClient]]:
    port = free_port()
    async with Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1", "REDIS_URL": url}) as child:
        await child.wait_port(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield child, http


async def write_until_it_ends(http: httpx.AsyncClient, writer: int, acknowledged: dict[str, str]) -> None:
    """Values that grow; `acknowledged`: the newest of each key that is in Redis, as the service says."""
    for number in range(100_000):
        key = f"w{writer}.{number % 5}"
        try:
            answer = await http.put(f"/cache/{key}?ttl=600", content=f"{number}")
        except (httpx.HTTPError, AttributeError):  # of anyio: lost while it is made
            return
        if answer.headers["cache-durability"] == "redis":
            acknowledged[key] = f"{number}"


async def after_kill(
    url: str, kill: Callable[[Child], Awaitable[object]]
) -> tuple[dict[str, str], dict[str, str]]:
    """What was acknowledged by a service that was killed amid writes, and what a new one reads."""
    acknowledged: dict[str, str] = {}
    async with service(url) as (child, http):
        writers = [
            asyncio.ensure_future(write_until_it_ends(http, writer, acknowledged))
            for writer in range(WRITERS)
        ]
        await eventually(lambda: len(acknowledged) == 5 * WRITERS)
        await kill(child)
        await asyncio.gather(*writers)
    async with service(url) as (_, http):
        for key in acknowledged:  # on a busy machine Redis may count as away for a moment
            await eventually(lambda key=key: is_found(http, key))
        read = {key: (await http.get(f"/cache/{key}")).text for key in acknowledged}
    return acknowledged, read


async def is_found(http: httpx.AsyncClient, key: str) -> bool:
    return (await http.get(f"/cache/{key}")).status_code == 200


def not_older(acknowledged: dict[str, str], read: dict[str, str]) -> bool:
    """A write that was under way at the kill may have come in without having been acknowledged."""
    return all(int(read[key]) >= int(value) for key, value in acknowledged.items())


async def test_kill_9_of_the_service_amid_writes_loses_nothing_that_is_in_redis(tmp_path: Path):
    with Valkey(tmp_path, append_only=True) as valkey:
        acknowledged, read = await after_kill(valkey.url, lambda child: child.kill())
    assert not_older(acknowledged, read)


async def test_kill_9_of_service_and_redis_at_once_loses_nothing_that_is_on_its_volume(tmp_path: Path):
    with Valkey(tmp_path, append_only=True, options=("--appendfsync", "always")) as valkey:

        async def kill(child: Child) -> None:
            valkey.kill()
            await child.kill()
            valkey.start()

        acknowledged, read = await after_kill(valkey.url, kill)
    assert not_older(acknowledged, read)


async def test_redis_restarted_with_its_volume_loses_nothing(tmp_path: Path):
    with Valkey(tmp_path, append_only=True) as valkey:
        async with service(valkey.url) as (_, http):
            for number in range(50):
                await eventually(lambda key=number: is_in_redis(http, key))
        valkey.stop()
        valkey.start()
        async with service(valkey.url) as (_, http):
            values = [(await http.get(f"/cache/k{number}")).text for number in range(50)]
            assert values == [f"{number}" for number in range(50)]
            assert len((await http.get("/cache")).json()["keys"]) == 50
            assert (await http.post("/cache:purge", json={"tags": ["t"]})).json() == {"purged": 50}


async def is_in_redis(http: httpx.AsyncClient, key: int) -> bool:
    """On a busy machine Redis may count as away for a moment."""
    answer = await http.put(f"/cache/k{key}?ttl=600&tag=t", content=f"{key}")
    return answer.headers["cache-durability"] == "redis"


async def sees(http: httpx.AsyncClient, key: str, wanted: str | None) -> bool:
    answer = await http.get(f"/cache/{key}")
    return (answer.text if answer.status_code == 200 else None) == wanted


@pytest.mark.parametrize("announcements", ["heard", "lost"])
async def test_a_change_reaches_every_replica(tmp_path: Path, announcements: str):
    """`lost`: Redis cuts every subscriber off again and again; what it publishes meanwhile is lost."""
    with Valkey(tmp_path) as valkey:
        async with service(valkey.url) as (_, here), service(valkey.url) as (_, there):
            stop = asyncio.Event()

            async def cut_off() -> None:
                with redis_py.Redis.from_url(valkey.url) as admin:
                    while announcements == "lost" and not stop.is_set():
                        admin.client_kill_filter(_type="pubsub")
                        await asyncio.sleep(0.005)

            cutting = asyncio.ensure_future(cut_off())
            await here.put("/cache/a?ttl=60&tag=t", content="0")
            await eventually(lambda: sees(there, "a", "0"))
            for number in range(1, 9):
                if number % 4 == 0:
                    wanted = None
                    await (
                        here.delete("/cache/a")
                        if number == 4
                        else here.post("/cache:purge", json={"tags": ["t"]})
                    )
                else:
                    wanted = f"{number}"
                    await here.put("/cache/a?ttl=60&tag=t", content=wanted)
                await eventually(lambda value=wanted: sees(there, "a", value))
            stop.set()
            await cutting
