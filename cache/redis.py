"""The door to Redis or Valkey: connections, scripts, announcements; every fault of it is StoreDown.

Nothing waits longer than the socket's timeouts. Scripts are the files of `cache/lua/`; calls of one tick
share a pipeline per server. Where the servers are: `redis_nodes`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis import exceptions as fault
from redis.asyncio import Redis

from cache.batch import Batcher
from cache.errors import StoreDown
from cache.redis_nodes import MAX_FLYING, nodes_of, tls_fault, url_fault

__all__ = ["MAX_FLYING", "Args", "RedisLink", "ScriptCall", "tls_fault", "url_fault"]

LISTEN_TIMEOUT_S = 0.25  # how long the end of listening may take to be noticed

_CAUSES: tuple[tuple[type[BaseException], str], ...] = (  # most specific first
    (fault.BusyLoadingError, "it is loading its data"),
    (fault.AuthenticationError, "it refuses our password"),
    (fault.AuthorizationError, "it refuses our password"),
    (fault.NoPermissionError, "its user may not do this"),
    (fault.ReadOnlyError, "it is a read-only replica"),
    (fault.OutOfMemoryError, "it is out of memory"),
    (fault.ClusterDownError, "its cluster is down"),
    (fault.TryAgainError, "its cluster is moving our slot"),
    (fault.MovedError, "it is a node of a Cluster, and its neighbours hold the rest"),
    (fault.AskError, "its cluster is moving our slot"),
    (fault.MasterDownError, "its primary is away"),
    (fault.TimeoutError, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (fault.ConnectionError, "not reachable"),
    (OSError, "not reachable"),
)


Args = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One run of a script of `cache/lua/`; all its keys are in `partition`."""

    script: str
    keys: tuple[str, ...]
    args: Args
    partition: int = 0
    size_bytes: int = 256


class RedisLink:
    """The servers of a REDIS_URL, asked by scripts; `tags`: the hash tag of each partition."""

    def __init__(self, url: str) -> None:
        self._nodes = nodes_of(url)
        self.tags = self._nodes.tags
        self._scripts = {
            path.stem: path.read_text() for path in Path(__file__).with_name("lua").glob("*.lua")
        }
        # the name that Redis gives to a script; nothing secret is signed with it
        self._shas = {
            name: sha1(text.encode(), usedforsecurity=False).hexdigest()
            for name, text in self._scripts.items()
        }
        self._batch: Batcher[ScriptCall, Any] = Batcher(self.send, MAX_FLYING)

    async def run(self, call: ScriptCall) -> list[Any]:
        """The script's reply; travels with the other calls of this tick."""
        reply: list[Any] = await self._batch.call(call)
        return reply

    async def look(self, counters: Sequence[str], probes: Sequence[str]) -> list[tuple[float, int]]:
        """Per partition its server's time in milliseconds and the number in its counter (0: none).

        `probes` are keys to write, one of each partition: a server that takes no writes (replica, full, no
        disk) is StoreDown.
        """
        try:
            await self._nodes.find()
            by_node = self._by_node(range(len(counters)))
            looks = [self._look(node, found, counters, probes) for node, found in by_node.items()]
            seen: dict[int, tuple[float, int]] = {}
            for answer in await asyncio.gather(*looks, return_exceptions=True):  # none goes on unwatched
                if isinstance(answer, BaseException):
                    raise answer
                seen.update(answer)
        except (fault.RedisError, OSError, TimeoutError) as error:
            self._nodes.doubt()
            raise _down(error) from error
        return [seen[partition] for partition in range(len(counters))]

    async def announcements(
        self, channels: Sequence[str], until: asyncio.Event
    ) -> AsyncIterator[tuple[int, bytes] | None]:
        """What is published, with its place in `channels`; some may be lost.

        None when the server has begun (or begun again) to tell it. Ends when `until` is set, or with
        StoreDown. A cluster's nodes pass announcements on to each other, so one of them is enough.
        """
        places = {channel.encode(): place for place, channel in enumerate(channels)}
        try:
            await self._nodes.find()
            pubsub = self._nodes.of(0).pubsub()
        except (fault.RedisError, OSError, TimeoutError) as error:
            raise _down(error) from error
        try:
            await pubsub.subscribe(*channels)
            while not until.is_set():
                message = await pubsub.get_message(timeout=LISTEN_TIMEOUT_S)
                if message is None:
                    continue
                place = places[message["channel"]]
                if message["type"] != "subscribe":
                    yield place, message["data"]
                elif place == len(channels) - 1:
                    yield None
        except (fault.RedisError, OSError, TimeoutError) as error:
            raise _down(error) from error
        finally:
            with suppress(fault.RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it without types

    async def close(self) -> None:
        """Lets go of every connection."""
        await self._batch.close()
        await self._nodes.close()

    async def send(self, calls: Sequence[ScriptCall]) -> Sequence[Any]:
        """One pipeline per server, at once: per call its reply, or the StoreDown of that call alone."""
        try:
            await self._nodes.find()
        except (fault.RedisError, OSError, TimeoutError) as error:
            raise _down(error) from error
        replies: list[Any] = [None] * len(calls)
        await self._send(calls, list(range(len(calls))), replies)
        if len(self.tags) > 1 and any(isinstance(reply, fault.AskError) for reply in replies):  # or MOVED
            # another server holds it now; those calls had no effect
            self._nodes.doubt()
            with suppress(fault.RedisError, OSError, TimeoutError):
                await self._nodes.find()
                again = [place for place, reply in enumerate(replies) if isinstance(reply, fault.AskError)]
                await self._send(calls, again, replies)
        return [_down(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def _send(self, calls: Sequence[ScriptCall], places: list[int], replies: list[Any]) -> None:
        """Fills in the replies at `places`, errors among them."""
        if len(self.tags) == 1:  # the usual case in a few steps less
            await self._send_to(self._nodes.of(0), calls, places, replies)
            return
        by_node: dict[Redis, list[int]] = {}
        for place in places:
            by_node.setdefault(self._nodes.of(calls[place].partition), []).append(place)
        await asyncio.gather(*(self._send_to(node, calls, some, replies) for node, some in by_node.items()))

    async def _send_to(
        self, node: "Redis", calls: Sequence[ScriptCall], places: list[int], replies: list[Any]
    ) -> None:
        try:
            found = await self._pipeline(node, [calls[place] for place in places])
            for place, reply in zip(places, found, strict=True):
                replies[place] = reply
            unknown = [place for place in places if isinstance(replies[place], fault.NoScriptError)]
            if unknown:
                # a server we are new to, or it was restarted or flushed; those calls had no effect
                for text in self._scripts.values():
                    await node.script_load(text)
                found = await self._pipeline(node, [calls[place] for place in unknown])
                for place, reply in zip(unknown, found, strict=True):
                    replies[place] = reply
        except (fault.RedisError, OSError, TimeoutError) as error:
            self._nodes.doubt()
            for place in places:
                if replies[place] is None or isinstance(replies[place], fault.NoScriptError):
                    replies[place] = error

    async def _pipeline(self, node: "Redis", calls: Sequence[ScriptCall]) -> list[Any]:
        pipe = node.pipeline(transaction=False)
        for call in calls:
            pipe.execute_command("EVALSHA", self._shas[call.script], len(call.keys), *call.keys, *call.args)
        return await pipe.execute(raise_on_error=False)

    async def _look(
        self, node: "Redis", partitions: list[int], counters: Sequence[str], probes: Sequence[str]
    ) -> list[tuple[int, tuple[float, int]]]:
        pipe = node.pipeline(transaction=False)
        pipe.time()
        for partition in partitions:
            pipe.get(counters[partition])
        for partition in partitions:
            pipe.set(probes[partition], 1, ex=60)
        (seconds, micros), *rest = await pipe.execute()
        server_ms = seconds * 1000 + micros / 1000
        return [
            (partition, (server_ms, int(number or 0)))
            for partition, number in zip(partitions, rest, strict=False)
        ]

    def _by_node(self, partitions: Sequence[int]) -> dict["Redis", list[int]]:
        by_node: dict[Redis, list[int]] = {}
        for partition in partitions:
            by_node.setdefault(self._nodes.of(partition), []).append(partition)
        return by_node


def _down(error: BaseException) -> StoreDown:
    if isinstance(error, fault.ResponseError) and str(error).startswith("MISCONF"):
        return StoreDown("it cannot write its data to disk")
    for kind, cause in _CAUSES:
        if isinstance(error, kind):
            return StoreDown(cause)
    return StoreDown(f"it answers {type(error).__name__}")
