"""Entries in Redis: a hash each, every change one script, every key with an expiry.

All keys of a partition share one hash tag, so they live on one node of a cluster and a script may touch them
all; a single server has one partition (`partition.hash_tags`). Listings and purges go over all of them. Times between
replicas are the server's: a write carries the server time at which it was made (`_stamp_ms`), reads bring
ages and times to live back.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import chain
from typing import Any, TypeVar
from zlib import crc32

from app.foundation.errors import StoreDown
from app.foundation.redis.batch import Batcher
from app.foundation.redis.scripts import Args, ScriptCall
from app.foundation.redis.url import Topology, parse_redis_url
from cache.entry import Content, Entry, etag_of
from cache.partition import Partition, ServerTime, hash_tags, merged, nearer
from cache.redis import MAX_IN_FLIGHT, STORE, RedisLink
from cache.store import Clock, Deleted, Durability, Listed, Page, Purge, Purged, Stored
from cache.tracing import Spans

__all__ = ["Change", "RedisStore", "Written"]

T = TypeVar("T")

# clocks of replicas are estimates; a direct write this much "older" than what is stored still wins
SLACK_MS = 250
TOMBSTONE_MS = 600_000  # how late a write of the past may come and still be recognised as overtaken
PURGE_BATCH = 500
_GLOB = re.compile(r"[\\*?\[\]^-]")
NOW = 2**52  # a stamp beyond any server time; scripts cut it down to their own


@dataclass(frozen=True, slots=True)
class Change:
    """An announcement: `keys` were written or removed as change `number` of `partition`."""

    number: int
    keys: tuple[str, ...]
    partition: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A write as Redis took it; not `applied`: a newer one is there; `found`: a living entry was there."""

    applied: bool
    found: bool
    number: int


@dataclass(frozen=True, slots=True)
class _Put:
    """One entry for `put.lua`."""

    partition: Partition
    key: str
    args: Args
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Order:
    """Which write is newer: by the server's time, with slack; the change `replaces` (its number, 0: none) is older."""

    stamp_ms: int
    slack_ms: int
    replaces: int = 0


class RedisStore:
    """A store in Redis; also what the tiered store needs: changes, the counters, writes of the past."""

    def __init__(self, url: str, clock: Clock, spans: Spans | None = None) -> None:
        self._spans = spans
        address = parse_redis_url(url)
        self._link = RedisLink(address)
        self._clock = clock
        self._puts: Batcher[_Put, Written] = Batcher(self._send_puts, MAX_IN_FLIGHT, STORE)
        self._learning = asyncio.Lock()  # one call asks for the server's time, the others wait for it
        tags = hash_tags(is_cluster=address.topology is Topology.CLUSTER)
        self._partitions = tuple(Partition(number, tag) for number, tag in enumerate(tags))
        self.partitions = len(self._partitions)

    def partition_of(self, key: str) -> int:
        """Which partition holds the key; the same in every process."""
        return crc32(key.encode()) % self.partitions if self.partitions > 1 else 0

    # --- the interface ---

    async def get(self, key: str, now_s: float) -> Entry | None:
        return await self.read(key, now_s, None)

    async def put(self, key: str, content: Content, ttl_s: int, now_s: float) -> Stored:
        etag = etag_of(content)
        written = await self.write(key, content, etag, ttl_s, now_s)
        return Stored(not written.found, etag, Durability.REDIS)

    async def delete(self, key: str, now_s: float) -> Deleted:
        return Deleted((await self.erase(key, now_s)).found, Durability.REDIS)

    async def page(self, prefix: str, after: str, limit: int, now_s: float) -> Page:
        start = after if after >= prefix else ""
        pages = await _all(self._page(part, prefix, start, limit) for part in self._partitions)
        return pages[0] if len(pages) == 1 else merged(pages, limit)

    async def purge(self, what: Purge, now_s: float) -> Purged:
        return Purged(len(await self.purge_keys(what)), Durability.REDIS)

    async def close(self) -> None:
        """Lets go of every connection."""
        await self._puts.close()
        await self._link.close()

    # --- what the tiered store asks for besides ---

    async def read(self, key: str, now_s: float, copy: Entry | None) -> Entry | None:
        """As `get`; when `copy` is still the value, it is not sent again."""
        part = self._part(key)
        args = (copy.etag if copy else "",)
        reply = await self._run(self._link.call("get", (part.entries + key,), args))
        if len(reply) == 1:
            return None
        server_ms, number, stamp_ms, ttl_ms = (_number(field) for field in reply[:4])
        etag, tags = _text(reply[4]), _text(reply[6])
        same = copy is not None and copy.etag == etag
        return Entry(
            value=copy.value if copy is not None and same else _bytes(reply[7]),
            content_type=_bytes(reply[5]).decode("latin-1"),
            tags=tuple(tags.split("\n")) if tags else (),
            etag=etag,
            stored_at_s=now_s - max(0, server_ms - stamp_ms) / 1000,
            expires_at_s=now_s + ttl_ms / 1000,
            version=number,
            as_of_s=now_s,
        )

    async def write(self, key: str, content: Content, etag: str, ttl_s: float, now_s: float) -> Written:
        """Stores what was written just now; the last one to arrive wins."""
        part = self._part(key)
        ttl_ms = int(ttl_s * 1000)
        stamp_ms = await self._stamp_ms(part, now_s)
        written = await self._write(_put(part, key, content, etag, ttl_ms, _Order(stamp_ms, SLACK_MS)))
        if not written.applied:
            # our idea of the server's time is off (this machine slept): let the server say when it is
            part.server = None
            written = await self._write(_put(part, key, content, etag, ttl_ms, _Order(NOW, SLACK_MS)))
        return written

    async def write_late(self, key: str, entry: Entry, now_s: float) -> Written:
        """Stores what was written at `entry.stored_at_s`, unless the key has seen something newer.

        The change of number `entry.version` is older, whatever the clocks say.
        """
        ttl_ms = int((entry.expires_at_s - now_s) * 1000)
        if ttl_ms < 1:
            # over, but it had replaced what Redis has
            return await self.erase_late(key, entry.stored_at_s, entry.version)
        part = self._part(key)
        content = Content(entry.value, entry.content_type, entry.tags)
        stamp_ms = await self._stamp_ms(part, entry.stored_at_s)
        return await self._write(
            _put(part, key, content, entry.etag, ttl_ms, _Order(stamp_ms, 0, entry.version))
        )

    async def erase(self, key: str, now_s: float) -> Written:
        """Deletes just now."""
        part = self._part(key)
        written = await self._delete(part, key, _Order(await self._stamp_ms(part, now_s), SLACK_MS))
        if not written.applied:
            part.server = None
            written = await self._delete(part, key, _Order(NOW, SLACK_MS))
        return written

    async def erase_late(self, key: str, written_s: float, version: int = 0) -> Written:
        """Deletes what is older than `written_s`; the change of number `version` is, whatever the clocks say."""
        part = self._part(key)
        stamp_ms = await self._stamp_ms(part, written_s)
        return await self._delete(part, key, _Order(stamp_ms, 0, version))

    async def purge_keys(self, what: Purge, written_s: float | None = None) -> list[str]:
        """Purges what was stored before `written_s` (None: now); the keys.

        One script call per 500 keys and partition; several partitions at once.
        """
        removed = await _all(self._purge(part, what, written_s) for part in self._partitions)
        return list(chain.from_iterable(removed))

    async def poll(self, *, is_new_server: bool = False) -> tuple[int, ...]:
        """The counter of changes of each partition (0: none yet). Also sets our idea of the server's time.

        A server that takes no writes (replica, full, disk gone) raises StoreDown: its counter may be that of
        a primary which is one no longer. `is_new_server`: it may be another server, so what was known of the time
        is forgotten.
        """
        asked_s = self._clock()
        looks = await self._link.look(
            [part.counter for part in self._partitions], [part.probe for part in self._partitions]
        )
        replied_s = self._clock()
        for part, (server_ms, _) in zip(self._partitions, looks, strict=True):
            news = ServerTime(server_ms, asked_s, replied_s)
            part.server = nearer(None if is_new_server else part.server, news)
        return tuple(counter for _, counter in looks)

    async def changes(self, until: asyncio.Event) -> AsyncIterator[Change | None]:
        """Announcements, some may be lost; None when Redis has begun (or begun again) to send them.

        Ends when `until` is set, or with StoreDown.
        """
        channels = [part.channel for part in self._partitions]
        async for announcement in self._link.announcements(channels, until):
            if announcement is None:
                yield None
            elif (change := _change(*announcement)) is not None:
                yield change

    # --- scripts ---

    def _part(self, key: str) -> Partition:
        return self._partitions[self.partition_of(key)]

    async def _run(self, call: ScriptCall) -> list[Any]:
        if self._spans is None:
            return await self._link.run(call)
        with self._spans.command(call.script.name):
            return await self._link.run(call)

    async def _write(self, put: _Put) -> Written:
        if self._spans is None:
            return await self._puts.call(put)
        with self._spans.command("put"):
            return await self._puts.call(put)

    async def _send_puts(self, puts: Sequence[_Put]) -> Sequence[Written | StoreDown]:
        """All those of a partition in one run of the script: one number, one announcement."""
        by_part: dict[Partition, list[int]] = {}
        for place, put in enumerate(puts):
            by_part.setdefault(put.partition, []).append(place)
        calls = [self._put_call(part, [puts[place] for place in some]) for part, some in by_part.items()]
        replies = await self._link.send(calls)
        written: dict[int, Written | StoreDown] = {}
        for some, reply in zip(by_part.values(), replies, strict=True):
            if isinstance(reply, StoreDown):
                written.update((place, StoreDown(STORE, reply.cause)) for place in some)
                continue
            _, number, *marks = _text(reply).split(" ")
            for place, mark in zip(some, marks, strict=True):
                written[place] = Written(mark[0] == "1", mark[1] == "1", int(number))
        return [written[place] for place in range(len(puts))]

    def _put_call(self, part: Partition, puts: Sequence[_Put]) -> ScriptCall:
        entries = (part.entries + put.key for put in puts)
        keys = (part.counter, part.names, part.expiries, part.purges, *entries)
        args = (part.tag_sets, part.channel, *chain.from_iterable(put.args for put in puts))
        return self._link.call("put", keys, args)

    async def _delete(self, part: Partition, key: str, order: _Order) -> Written:
        keys = (part.entries + key, part.counter, part.names, part.expiries)
        place = (order.stamp_ms, order.slack_ms, order.replaces)
        args = (key, *place, part.tag_sets, part.channel, TOMBSTONE_MS)
        reply = await self._run(self._link.call("delete", keys, args))
        return Written(applied=reply[1] == 1, found=reply[2] == 1, number=_number(reply[3]))

    async def _page(self, part: Partition, prefix: str, start: str, limit: int) -> Page:
        if await self._evicts(part):
            return await self._page_by_scan(part, prefix, start, limit)
        args = (prefix, start, limit, part.entries)
        reply = await self._run(self._link.call("page", (part.names, part.expiries), args))
        return Page(_listed(reply), _text(reply[1]) or None)

    async def _page_by_scan(self, part: Partition, prefix: str, start: str, limit: int) -> Page:
        nearest: dict[str, Listed] = {}
        async for found in self._scan(part, prefix):
            nearest.update((one.key, one) for one in found if one.key > start)
            nearest = {key: nearest[key] for key in nsmallest(limit + 1, nearest)}
        listed = tuple(nearest.values())
        return Page(listed[:limit], listed[limit - 1].key if len(listed) > limit else None)

    async def _scan(self, part: Partition, prefix: str) -> AsyncIterator[tuple[Listed, ...]]:
        """All entries, in no order, some perhaps twice: for a server that may have evicted the indexes."""
        pattern, cursor = part.entries + _GLOB.sub(r"\\\g<0>", prefix) + "*", "0"
        while True:
            args = (cursor, part.entries, pattern, PURGE_BATCH)
            reply = await self._run(self._link.call("scan", (part.names,), args))
            yield _listed(reply)
            cursor = _text(reply[1])
            if cursor == "0":
                return

    async def _evicts(self, part: Partition) -> bool:
        reply = await self._run(self._link.call("evicts", (part.names,), ()))
        return bool(reply[0])

    async def _purge(self, part: Partition, what: Purge, written_s: float | None) -> list[str]:
        kinds = [("t", tag) for tag in what.tags] or [
            ("a", "") if what.prefix is None else ("p", what.prefix)
        ]
        begun = (
            _Order(-1, 0) if written_s is None else _Order(await self._stamp_ms(part, written_s), SLACK_MS)
        )
        removed: list[str] = []
        for kind, arg in kinds:
            after, order = "", begun
            while True:
                names, order, after = await self._purge_some(part, (kind, arg, after), order)
                removed.extend(names)
                if not after:
                    break
        if await self._evicts(part):
            async for found in self._scan(part, what.prefix or ""):
                for kind, arg in kinds:
                    listed = tuple(one.key for one in found)
                    names, *_ = await self._purge_some(part, (kind, arg, "0"), order, listed)
                    removed.extend(names)
        return removed

    async def _purge_some(
        self, part: Partition, which: tuple[str, str, str], order: _Order, listed: tuple[str, ...] = ()
    ) -> tuple[list[str], _Order, str]:
        """Names removed, the purge's order, where to go on; `listed`: look at these (not in the indexes)."""
        keys = (part.counter, part.names, part.expiries, part.purges)
        names = (part.entries, part.tag_sets, part.channel, TOMBSTONE_MS)
        args: Args = (*which, PURGE_BATCH, order.stamp_ms, order.slack_ms, *names, *listed)
        reply = await self._run(self._link.call("purge", keys, args))
        stamped = replace(order, stamp_ms=_number(reply[1]))
        return [_text(name) for name in reply[4:]], stamped, _text(reply[2])

    async def _stamp_ms(self, part: Partition, written_s: float) -> int:
        if part.server is None:
            async with self._learning:
                if part.server is None:
                    await self.poll()
        return NOW if part.server is None else part.server.at_ms(written_s)


def _put(part: Partition, key: str, content: Content, etag: str, ttl_ms: int, order: _Order) -> _Put:
    media_type = content.content_type.encode("latin-1")
    tags = "\n".join(content.tags)
    place = (order.stamp_ms, order.slack_ms, tags, order.replaces)
    args = (key, content.value, media_type, etag, ttl_ms, *place)
    return _Put(part, key, args, 256 + len(content.value))


async def _all(calls: Iterable[Awaitable[T]]) -> list[T]:
    """The results of calls made at once; none is left behind when one fails."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    good: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        good.append(result)
    return good


def _change(partition: int, announcement: bytes) -> Change | None:
    try:
        number, *keys = json.loads(announcement)
        return Change(int(number), tuple(map(str, keys)), partition)
    except (ValueError, TypeError):
        return None  # not one of ours; a lost one of ours shows in the counter


def _listed(reply: list[object]) -> tuple[Listed, ...]:
    """Of `page` and `scan`: name, value bytes, ttl left in ms, in turn from the third field on."""
    return tuple(
        Listed(_text(reply[i]), _number(reply[i + 1]), -(-_number(reply[i + 2]) // 1000))
        for i in range(2, len(reply), 3)
    )


def _number(field: object) -> int:
    return int(field)  # type: ignore[call-overload,no-any-return]  # scripts return integers there


def _bytes(field: object) -> bytes:
    return field if isinstance(field, bytes) else str(field).encode()


def _text(field: object) -> str:
    return _bytes(field).decode()
