"""Entries in Redis: a hash each, every change one script, every key with an expiry.

All keys share one hash tag, so they live on one shard of a cluster and a script may touch them all. Times
between replicas are the server's: a write carries the server time at which it was made (`_stamp_ms`), reads
bring ages and times to live back.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cache.batch import Batcher
from cache.entry import Content, Entry, etag_of
from cache.errors import StoreDown
from cache.redis import MAX_FLYING, Args, RedisLink, ScriptCall
from cache.store import Clock, Deleted, Durability, Listed, Page, Purge, Purged, Stored

__all__ = ["Change", "RedisStore", "Written"]

# clocks of replicas are estimates; a direct write this much "older" than what is stored still wins
SLACK_MS = 250
TOMBSTONE_MS = 600_000  # how late a write of the past may come and still be recognised as overtaken
PURGE_BATCH = 500
NOW = 2**52  # a stamp beyond any server time; scripts cut it down to their own

TAG = "{tidegate:cache}:"
COUNTER, NAMES, EXPIRIES, PURGES = (TAG + name for name in ("counter", "names", "expiries", "purges"))
ENTRIES, TAG_SETS, CHANNEL, PROBE = TAG + "e:", TAG + "t:", TAG + "changes", TAG + "probe"


@dataclass(frozen=True, slots=True)
class Change:
    """An announcement: `keys` were written or removed as change `number`."""

    number: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A write as Redis took it; not `applied`: a newer one is there; `found`: a living entry was there."""

    applied: bool
    found: bool
    number: int


@dataclass(frozen=True, slots=True)
class _ServerTime:
    """What the server's clock said between two moments of ours; right to half the time between."""

    server_ms: float
    asked_s: float
    answered_s: float

    def at_ms(self, our_s: float) -> int:
        """The server's time at our time."""
        return int(self.server_ms + (our_s - (self.asked_s + self.answered_s) / 2) * 1000)

    def error_s(self, now_s: float) -> float:
        """How far off it may be by now: half the round trip, and clocks drift 100 ppm apart."""
        return (self.answered_s - self.asked_s) / 2 + (now_s - self.answered_s) * 1e-4


def _nearer(known: _ServerTime | None, news: _ServerTime) -> _ServerTime:
    if known is not None and known.error_s(news.answered_s) < news.error_s(news.answered_s):
        return known
    return news


@dataclass(frozen=True, slots=True)
class _Put:
    """One entry for `put.lua`."""

    key: str
    args: Args
    size_bytes: int


class RedisStore:
    """A store in Redis; also what the tiered store needs: changes, the counter, writes of the past."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._link = RedisLink(url)
        self._clock = clock
        self._puts: Batcher[_Put, Written] = Batcher(self._send_puts, MAX_FLYING)
        self._learning = asyncio.Lock()  # one call asks for the server's time, the others wait for it
        self._server: _ServerTime | None = None

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
        reply = await self._link.run("page", (NAMES, EXPIRIES), (prefix, start, limit, ENTRIES))
        listed = tuple(
            Listed(_text(reply[i]), _number(reply[i + 1]), -(-_number(reply[i + 2]) // 1000))
            for i in range(2, len(reply), 3)
        )
        return Page(listed, _text(reply[1]) or None)

    async def purge(self, what: Purge, now_s: float) -> Purged:
        return Purged(len(await self.purge_keys(what)), Durability.REDIS)

    async def close(self) -> None:
        """Lets go of every connection."""
        await self._puts.close()
        await self._link.close()

    # --- what the tiered store asks for besides ---

    async def read(self, key: str, now_s: float, copy: Entry | None) -> Entry | None:
        """As `get`; when `copy` is still the value, it is not sent again."""
        reply = await self._link.run("get", (ENTRIES + key,), (copy.etag if copy else "",))
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
        written = await self._put(
            key, content, etag, int(ttl_s * 1000), await self._stamp_ms(now_s), SLACK_MS
        )
        if not written.applied:
            # our idea of the server's time is off (this machine slept): let the server say when it is
            self._server = None
            written = await self._put(key, content, etag, int(ttl_s * 1000), NOW, SLACK_MS)
        return written

    async def write_late(self, key: str, entry: Entry, now_s: float) -> Written:
        """Stores what was written at `entry.stored_at_s`, unless the key has seen something newer."""
        ttl_ms = int((entry.expires_at_s - now_s) * 1000)
        if ttl_ms < 1:
            return await self.erase_late(key, entry.stored_at_s)  # over, but it had replaced what Redis has
        content = Content(entry.value, entry.content_type, entry.tags)
        return await self._put(key, content, entry.etag, ttl_ms, await self._stamp_ms(entry.stored_at_s), 0)

    async def erase(self, key: str, now_s: float) -> Written:
        """Deletes just now."""
        written = await self._delete(key, await self._stamp_ms(now_s), SLACK_MS)
        if not written.applied:
            self._server = None
            written = await self._delete(key, NOW, SLACK_MS)
        return written

    async def erase_late(self, key: str, written_s: float) -> Written:
        """Deletes what is older than `written_s`."""
        return await self._delete(key, await self._stamp_ms(written_s), 0)

    async def purge_keys(self, what: Purge, written_s: float | None = None) -> list[str]:
        """Purges what was stored before `written_s` (None: now); the keys. One script call per 500 keys."""
        kinds = [("t", tag) for tag in what.tags] or [
            ("a", "") if what.prefix is None else ("p", what.prefix)
        ]
        begun_ms = -1 if written_s is None else await self._stamp_ms(written_s)
        removed: list[str] = []
        for kind, arg in kinds:
            after, stamp_ms = "", begun_ms
            while True:
                reply = await self._link.run(
                    "purge",
                    (COUNTER, NAMES, EXPIRIES, PURGES),
                    (kind, arg, after, PURGE_BATCH, stamp_ms, ENTRIES, TAG_SETS, CHANNEL, TOMBSTONE_MS),
                )
                stamp_ms, after = _number(reply[1]), _text(reply[2])
                removed.extend(map(_text, reply[4:]))
                if not after:
                    break
        return removed

    async def poll(self, *, prove_writable: bool = False) -> int:
        """The counter of changes (0: none yet). Also sets our idea of the server's time.

        With `prove_writable` a server that cannot take writes (replica, full, disk gone) raises StoreDown.
        """
        asked_s = self._clock()
        server_ms, counter = await self._link.look(COUNTER, PROBE if prove_writable else None)
        self._server = _nearer(self._server, _ServerTime(server_ms, asked_s, self._clock()))
        return counter

    async def changes(self, until: asyncio.Event) -> AsyncIterator[Change | None]:
        """Announcements, some may be lost; None when Redis has begun (or begun again) to tell them.

        Ends when `until` is set, or with StoreDown.
        """
        async for announcement in self._link.announcements(CHANNEL, until):
            if announcement is None:
                yield None
            elif (change := _change(announcement)) is not None:
                yield change

    # --- scripts ---

    async def _put(
        self, key: str, content: Content, etag: str, ttl_ms: int, stamp_ms: int, slack_ms: int
    ) -> Written:
        media_type = content.content_type.encode("latin-1")
        args = (key, content.value, media_type, etag, ttl_ms, stamp_ms, slack_ms, "\n".join(content.tags))
        return await self._puts.call(_Put(key, args, 256 + len(content.value)))

    async def _send_puts(self, puts: Sequence[_Put]) -> Sequence[Written | StoreDown]:
        """All of them in one run of the script: one number, one announcement."""
        keys = (COUNTER, NAMES, EXPIRIES, PURGES, *(ENTRIES + put.key for put in puts))
        args = (TAG_SETS, CHANNEL, *chain.from_iterable(put.args for put in puts))
        (reply,) = await self._link.send([ScriptCall("put", keys, args)])
        if isinstance(reply, StoreDown):
            raise reply
        _, number, *marks = _text(reply).split(" ")
        return [Written(mark[0] == "1", mark[1] == "1", int(number)) for mark in marks]

    async def _delete(self, key: str, stamp_ms: int, slack_ms: int) -> Written:
        keys = (ENTRIES + key, COUNTER, NAMES, EXPIRIES)
        return _written(
            await self._link.run("delete", keys, (key, stamp_ms, slack_ms, TAG_SETS, CHANNEL, TOMBSTONE_MS))
        )

    async def _stamp_ms(self, written_s: float) -> int:
        if self._server is None:
            async with self._learning:
                if self._server is None:
                    await self.poll()
        return NOW if self._server is None else self._server.at_ms(written_s)


def _change(announcement: bytes) -> Change | None:
    try:
        number, *keys = json.loads(announcement)
        return Change(int(number), tuple(map(str, keys)))
    except (ValueError, TypeError):
        return None  # not one of ours; a lost one of ours shows in the counter


def _written(reply: list[Any]) -> Written:
    return Written(applied=reply[1] == 1, found=reply[2] == 1, number=_number(reply[3]))


def _number(field: object) -> int:
    return int(field)  # type: ignore[call-overload,no-any-return]  # scripts return integers there


def _bytes(field: object) -> bytes:
    return field if isinstance(field, bytes) else str(field).encode()


def _text(field: object) -> str:
    return _bytes(field).decode()
