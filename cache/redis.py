"""The door to Redis or Valkey: connections, scripts, announcements; every fault of it is StoreDown.

Nothing waits longer than the socket's timeouts. Scripts are the files of `cache/lua/`; calls of one tick
share a pipeline.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis import exceptions as fault
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from cache.batch import Batcher
from cache.errors import StoreDown

__all__ = ["MAX_FLYING", "Args", "RedisLink", "ScriptCall", "url_fault"]

SOCKET_TIMEOUT_S = 0.1
CONNECT_TIMEOUT_S = 0.2
LISTEN_TIMEOUT_S = 0.25  # how long the end of listening may take to be noticed
MAX_FLYING = 2  # batches under way; more would only be smaller, Redis runs one script at a time
MAX_CONNECTIONS = 8  # two kinds of batches, MAX_FLYING each; the poll; the announcements

_CAUSES: tuple[tuple[type[BaseException], str], ...] = (  # most specific first
    (fault.BusyLoadingError, "it is loading its data"),
    (fault.AuthenticationError, "it refuses our password"),
    (fault.AuthorizationError, "it refuses our password"),
    (fault.NoPermissionError, "its user may not do this"),
    (fault.ReadOnlyError, "it is a read-only replica"),
    (fault.OutOfMemoryError, "it is out of memory"),
    (fault.TimeoutError, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (fault.ConnectionError, "not reachable"),
    (OSError, "not reachable"),
)


Args = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One run of a script of `cache/lua/`."""

    script: str
    keys: tuple[str, ...]
    args: Args
    size_bytes: int = 256


class RedisLink:
    """One server (or what Sentinel says is the master), asked by scripts."""

    def __init__(self, url: str) -> None:
        self._client, *self._sentinels = _clients(url)
        self._scripts = {
            path.stem: path.read_text() for path in Path(__file__).with_name("lua").glob("*.lua")
        }
        self._shas: dict[str, str] = {}
        self._batch: Batcher[ScriptCall, Any] = Batcher(self.send, MAX_FLYING)

    async def run(self, script: str, keys: tuple[str, ...], args: Args) -> list[Any]:
        """The script's reply; travels with the other calls of this tick."""
        reply: list[Any] = await self._batch.call(ScriptCall(script, keys, args))
        return reply

    async def look(self, counter: str, probe: str | None) -> tuple[float, int]:
        """The server's time in milliseconds, and the number in `counter` (0: none).

        With `probe`, a key to write, a server that takes no writes (replica, full, no disk) is StoreDown.
        """
        try:
            pipe = self._client.pipeline(transaction=False)
            pipe.time()
            pipe.get(counter)
            if probe is not None:
                pipe.set(probe, 1, ex=60)
            (seconds, micros), number, *_ = await pipe.execute()
        except (fault.RedisError, OSError, TimeoutError) as error:
            raise _down(error) from error
        return seconds * 1000 + micros / 1000, int(number or 0)

    async def announcements(self, channel: str, until: asyncio.Event) -> AsyncIterator[bytes | None]:
        """What is published, some may be lost; None when the server has begun (or begun again) to tell it.

        Ends when `until` is set, or with StoreDown.
        """
        pubsub = self._client.pubsub()
        try:
            await pubsub.subscribe(channel)
            while not until.is_set():
                message = await pubsub.get_message(timeout=LISTEN_TIMEOUT_S)
                if message is not None:
                    yield None if message["type"] == "subscribe" else message["data"]
        except (fault.RedisError, OSError, TimeoutError) as error:
            raise _down(error) from error
        finally:
            with suppress(fault.RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it without types

    async def close(self) -> None:
        """Lets go of every connection."""
        await self._batch.close()
        for client in (self._client, *self._sentinels):
            await client.aclose()

    async def send(self, calls: Sequence[ScriptCall]) -> Sequence[Any]:
        """One pipeline, at once: per call its reply, or the StoreDown of that call alone."""
        try:
            if not self._shas:
                await self._load()
            replies = await self._pipeline(calls)
            if any(isinstance(reply, fault.NoScriptError) for reply in replies):
                # the server was restarted or flushed its scripts; those calls had no effect
                await self._load()
                again = [call for call, reply in zip(calls, replies, strict=True) if _unknown(reply)]
                repaired = iter(await self._pipeline(again))
                replies = [next(repaired) if _unknown(reply) else reply for reply in replies]
        except (fault.RedisError, OSError, TimeoutError) as error:
            raise _down(error) from error
        return [_down(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def _load(self) -> None:
        for name, text in self._scripts.items():
            self._shas[name] = await self._client.script_load(text)

    async def _pipeline(self, calls: Sequence[ScriptCall]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for call in calls:
            pipe.execute_command("EVALSHA", self._shas[call.script], len(call.keys), *call.keys, *call.args)
        return await pipe.execute(raise_on_error=False)


def url_fault(url: str) -> str | None:
    """What is wrong with a REDIS_URL, or None; says nothing of the password in it."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix", "redis+sentinel"):
        return "has no scheme that we know"
    if parts.scheme == "unix":
        return None if parts.path else "names no socket"
    try:
        _addresses(url)
    except ValueError:
        return "has a port that is none"
    if not parts.hostname:
        return "names no host"
    if parts.path not in ("", "/") and not parts.path[1:].isdecimal():
        return "has a database that is no number"
    if parts.scheme == "redis+sentinel" and not parse_qs(parts.query).get("master"):
        return "names no master"
    return None


def _clients(url: str) -> tuple["Redis", ...]:
    """The one we speak to, and the sentinels that lead to it."""
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        # only a lost connection is tried again: a server that did not answer in time would be
        # waited for twice
        "retry": Retry(NoBackoff(), 1, supported_errors=(fault.ConnectionError,)),
        "health_check_interval": 15,
    }
    if parts.scheme == "redis+sentinel":
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            _addresses(url), sentinel_kwargs=dict(options), **options
        )
        master: Redis = sentinel.master_for(
            parse_qs(parts.query)["master"][0],
            username=parts.username,
            password=parts.password,
            db=int(parts.path[1:] or 0),
        )
        return master, *sentinel.sentinels
    pool = BlockingConnectionPool.from_url(
        url, timeout=SOCKET_TIMEOUT_S, max_connections=MAX_CONNECTIONS, **options
    )
    return (Redis.from_pool(pool),)


def _addresses(url: str) -> list[tuple[str, int]]:
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    split = [urlsplit("//" + host) for host in hosts]
    default = 26379 if url.startswith("redis+sentinel") else 6379
    return [(part.hostname or "", part.port or default) for part in split]


def _down(error: BaseException) -> StoreDown:
    if isinstance(error, fault.ResponseError) and str(error).startswith("MISCONF"):
        return StoreDown("it cannot write its data to disk")
    for kind, cause in _CAUSES:
        if isinstance(error, kind):
            return StoreDown(cause)
    return StoreDown(f"it answers {type(error).__name__}")


def _unknown(reply: object) -> bool:
    return isinstance(reply, fault.NoScriptError)
