"""What is asked of a tiered store, and its Redis lost."""

from app.foundation.clock import now_s
from cache.entry import Content
from tests.fakes.valkey import eventually

__all__ = [
    "MAX_BYTES",
    "ONE",
    "TWO",
    "becomes",
    "lose",
    "put",
    "up",
    "value",
]


ONE, TWO = Content(b"1", "t", ("x",)), Content(b"2", "t", ("x",))
MAX_BYTES = 10**6


async def put(store, key, content, ttl_s=60):
    return (await store.put(key, content, ttl_s, now_s())).durability


async def value(store, key):
    entry = await store.get(key, now_s())
    return None if entry is None else entry.value


async def becomes(store, key, wanted):
    async def is_it() -> bool:
        return bool(await value(store, key) == wanted)

    await eventually(is_it)


def up(store):
    return not store.state(now_s()).degraded


async def lose(valkey, store):
    valkey.kill()
    await eventually(lambda: not up(store))
