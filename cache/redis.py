"""The scripts of `cache/lua/`, run on the servers of REDIS_URL; the calls of one tick share a pipeline per server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from app.foundation.errors import StoreDown
from app.foundation.redis.batch import Batcher
from app.foundation.redis.scripts import Args, ScriptCall, load_scripts
from app.foundation.redis.servers import RedisServers
from app.foundation.redis.url import RedisAddress

__all__ = ["MAX_IN_FLIGHT", "STORE", "RedisLink"]

STORE = "redis"
"""What errors call it."""
MAX_IN_FLIGHT = 2  # batches under way; more would only be smaller, Redis runs one script at a time


class RedisLink:
    """The servers at `address`."""

    def __init__(self, address: RedisAddress) -> None:
        self._servers = RedisServers(address, STORE)
        self._scripts = load_scripts(Path(__file__).with_name("lua"))
        self._batch: Batcher[ScriptCall, Any] = Batcher(self.send, MAX_IN_FLIGHT, STORE)

    def call(self, script: str, keys: tuple[str, ...], args: Args, size_bytes: int = 256) -> ScriptCall:
        """A call of a script of `cache/lua/`; all `keys` share a hash tag."""
        return ScriptCall(self._scripts[script], keys, args, size_bytes)

    async def run(self, call: ScriptCall) -> list[Any]:
        """The script's reply; travels with the other calls of this tick. Raises StoreDown."""
        reply: list[Any] = await self._batch.call(call)
        return reply

    async def send(self, calls: Sequence[ScriptCall]) -> Sequence[Any]:
        """One pipeline per server, at once: per call its reply, or the StoreDown of that call alone.

        Raises StoreDown when it is not known where the keys are.
        """
        await self._servers.find()
        return await self._servers.run(calls)

    async def look(self, counters: Sequence[str], probes: Sequence[str]) -> list[tuple[float, int]]:
        """Per partition its server's time in milliseconds and the number in its counter (0: none).

        `probes` are keys to write, one of each partition: a server that takes no writes (a replica, one that is full or
        has no disk) is StoreDown.
        """
        pairs = zip(counters, probes, strict=True)
        replies = await self.send([self.call("look", pair, ()) for pair in pairs])
        for reply in replies:
            if isinstance(reply, StoreDown):
                raise reply
        return [(seconds * 1000 + micros / 1000, number) for seconds, micros, number in replies]

    def announcements(
        self, channels: Sequence[str], until: asyncio.Event
    ) -> AsyncIterator[tuple[int, bytes] | None]:
        """What is published, with its place in `channels`; see `RedisServers.announcements`."""
        return self._servers.announcements(channels, until)

    async def close(self) -> None:
        """Closes every connection."""
        await self._batch.close()
        await self._servers.close()
