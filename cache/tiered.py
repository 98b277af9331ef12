"""Memory over Redis: reads from memory while it is known to be current, writes through to Redis.

- A write is acknowledged `redis` when Redis has it. While Redis is unavailable, it is acknowledged `memory` and
  kept to be written later, or, with `require_redis`, raises StoreDown.
- A read is served from memory when `Coherence` says the copy may be served; else from Redis (one load per key at a
  time; an unchanged value is not sent again). While Redis is unavailable: from memory, whatever its age.
- Redis counts as unavailable from the first call that fails until a poll succeeds and the kept writes are in Redis.
  Meanwhile no request waits for it.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from app.foundation.errors import StoreDown
from cache.coherence import POLL_S, Coherence
from cache.entry import Content, Entry, entry_of, etag_of
from cache.errors import Rejected
from cache.lru import SLICE, LruEntries, in_slices
from cache.memory import state_of
from cache.redis_store import Change, RedisStore
from cache.store import Clock, Deleted, Durability, Page, Purge, Purged, Stored, StoreState
from cache.write_behind import Deletion, WriteBehind

__all__ = ["TieredStore"]

WRITE_BACK_CALLS = 64
START_TIMEOUT_S = 0.5
NOT_ASKED = "not asked yet"

log = logging.getLogger(__name__)


class _Flight:
    """Calls under way on one key: what they bring is kept only if no later change (`floor`) was announced."""

    __slots__ = ("calls", "floor")

    def __init__(self) -> None:
        self.calls = 0
        self.floor = 0


class TieredStore:
    """`max_bytes` for the memory; writes kept for Redis may take an eighth of that besides."""

    def __init__(
        self, redis: RedisStore, max_bytes: int, clock: Clock, *, require_redis: bool = False
    ) -> None:
        self._redis = redis
        self._entries = LruEntries(max_bytes)
        self._write_behind = WriteBehind(max_bytes // 8)
        self._coherences = tuple(Coherence() for _ in range(redis.partitions))
        self._coherence = self._coherences[0] if redis.partitions == 1 else None
        self._clock = clock
        self._require_redis = require_redis
        self._unavailable: str | None = NOT_ASKED
        self._flights: dict[str, _Flight] = {}
        self._loads: dict[str, asyncio.Task[Entry | None]] = {}
        self._listening = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()

    # --- life ---

    async def start(self) -> None:
        await self._poll()
        self._run(self._poll_forever())
        self._run(self._listen_forever())
        if self._unavailable is None:
            with suppress(TimeoutError):  # without announcements copies are only trusted for less long
                await asyncio.wait_for(self._listening.wait(), START_TIMEOUT_S)

    async def stop(self) -> None:
        # nothing is cancelled: a connection that is just being made would be left open
        self._stopping.set()
        await asyncio.gather(*self._tasks, *self._loads.values(), return_exceptions=True)
        await self._redis.close()

    def state(self, now_s: float) -> StoreState:
        return state_of(
            self._entries,
            now_s,
            redis=self._unavailable or "up",
            backlog_bytes=self._write_behind.used_bytes,
            backlog_drops=self._write_behind.drops,
        )

    # --- calls ---

    def fresh(self, key: str, now_s: float) -> Entry | None:
        entry = self._entries.get(key, now_s)
        if self._unavailable is not None:
            return entry or self._write_behind.get(key, now_s)
        if entry is None:
            return None
        coherence = self._coherence or self._coherences[self._redis.partition_of(key)]
        return entry if coherence.usable(entry.as_of_s, now_s) else None

    async def get(self, key: str, now_s: float) -> Entry | None:
        entry = self.fresh(key, now_s)
        if entry is not None or self._unavailable is not None:
            return entry
        load = self._loads.get(key)
        if load is None:
            load = self._loads[key] = asyncio.get_running_loop().create_task(self._load(key, now_s))
            load.add_done_callback(lambda done: self._loaded(key, done))
        try:
            return await asyncio.shield(load)  # a reader that gives up does not take the others' load with it
        except StoreDown:
            return self.fresh(key, now_s)

    async def put(self, key: str, content: Content, ttl_s: int, now_s: float) -> Stored:
        etag = etag_of(content)
        if self._unavailable is None:
            try:
                return await self._put_through(key, content, etag, ttl_s, now_s)
            except StoreDown as down:
                self._lose(down)
        self._need_redis()
        entry = entry_of(content, etag, ttl_s, now_s, self._replaced(key))
        created = self._keep(key, entry, now_s)
        kept = self._write_behind.put(key, entry)
        return Stored(created, entry.etag, Durability.MEMORY if kept else Durability.MEMORY_FULL)

    async def delete(self, key: str, now_s: float) -> Deleted:
        if self._unavailable is None:
            try:
                with self._flight(key) as flight:
                    written = await self._redis.erase(key, now_s)
                    flight.floor = max(flight.floor, written.number)
                    self._forget(key)
                return Deleted(written.found, Durability.REDIS)
            except StoreDown as down:
                self._lose(down)
        self._need_redis()
        # what only Redis holds cannot be seen now; it is deleted there later all the same
        found, version = self.fresh(key, now_s) is not None, self._replaced(key)
        self._forget(key)
        kept = self._write_behind.delete(key, now_s, version)
        return Deleted(found, Durability.MEMORY if kept else Durability.MEMORY_FULL)

    async def page(self, prefix: str, after: str, limit: int, now_s: float) -> Page:
        if self._unavailable is None:
            try:
                return await self._redis.page(prefix, after, limit, now_s)
            except StoreDown as down:
                self._lose(down)
        return await in_slices(self._entries.page(prefix, after, limit, now_s))

    async def purge(self, what: Purge, now_s: float) -> Purged:
        if self._unavailable is None:
            try:
                removed = await self._redis.purge_keys(what)
            except StoreDown as down:
                self._lose(down)
            else:
                for number, key in enumerate(removed, 1):
                    self._forget(key)
                    if number % SLICE == 0:
                        await asyncio.sleep(0)
                return Purged(len(removed), Durability.REDIS)
        self._need_redis()
        self._write_behind.purge(what, now_s)
        return Purged(await in_slices(self._entries.purge(what, now_s)), Durability.MEMORY)

    async def _put_through(self, key: str, content: Content, etag: str, ttl_s: int, now_s: float) -> Stored:
        with self._flight(key) as flight:
            written = await self._redis.write(key, content, etag, ttl_s, now_s)
            self._loads.pop(key, None)  # it may bring what was there before; later readers load it again
            if written.number >= flight.floor:
                flight.floor = written.number
                self._keep(key, entry_of(content, etag, ttl_s, now_s, written.number, now_s), now_s)
        return Stored(not written.found, etag, Durability.REDIS)

    async def _load(self, key: str, now_s: float) -> Entry | None:
        with self._flight(key) as flight:
            copy = self._entries.get(key, now_s)
            try:
                entry = await self._redis.read(key, now_s, copy)
            except StoreDown as down:
                self._lose(down)
                raise
            if self._unavailable is not None:
                return entry
            if entry is None:
                if self._entries.get(key, now_s) is copy:
                    self._entries.remove(key)
            elif entry.version >= flight.floor:
                self._keep(key, entry, now_s)
            return entry

    def _keep(self, key: str, entry: Entry, now_s: float) -> bool:
        """Into memory; what is too large for it lives in Redis alone. True: no living one was replaced."""
        try:
            return self._entries.put(key, entry, now_s)
        except Rejected:
            if self._unavailable is not None:
                raise
            self._entries.remove(key)
            return True

    def _replaced(self, key: str) -> int:
        """The number of the change in Redis that a write kept here replaces; 0: none is known."""
        known = self._entries.peek(key)
        return self._write_behind.replaces(key) if known is None else known.version

    def _forget(self, key: str) -> None:
        self._entries.remove(key)
        self._loads.pop(key, None)  # as in _put_through

    def _loaded(self, key: str, load: "asyncio.Task[Entry | None]") -> None:
        if self._loads.get(key) is load:
            del self._loads[key]
        if not load.cancelled():
            load.exception()  # raised to those who wait; there may be none left

    @contextmanager
    def _flight(self, key: str) -> Iterator[_Flight]:
        flight = self._flights.setdefault(key, _Flight())
        flight.calls += 1
        try:
            yield flight
        finally:
            flight.calls -= 1
            if not flight.calls:
                del self._flights[key]

    # --- Redis comes and goes ---

    def _need_redis(self) -> None:
        if self._require_redis:
            raise StoreDown("redis", self._unavailable or "not reachable")

    def _lose(self, down: StoreDown) -> None:
        if self._unavailable is None or self._unavailable is NOT_ASKED:
            log.warning("redis is unavailable: %s; reads go on from memory", down.cause)
        self._unavailable = down.cause
        for coherence in self._coherences:
            coherence.unavailable()

    async def _poll(self) -> None:
        try:
            counters = await self._ask(restart=self._unavailable is not None)
            while self._unavailable is not None:
                await self._write_back()
                counters = await self._ask()
                if not self._write_behind:
                    # no await from that look to here: no write can slip between
                    self._unavailable = None
                    log.info("redis serves")
        except StoreDown as down:
            self._lose(down)
        else:
            now_s = self._clock()
            for coherence, counter in zip(self._coherences, counters, strict=True):
                coherence.polled(counter, now_s)

    async def _ask(self, *, restart: bool = False) -> tuple[int, ...]:
        for coherence in self._coherences:
            coherence.ask(self._clock())
        return await self._redis.poll(is_new_server=restart)

    async def _write_back(self) -> None:
        for purge in self._write_behind.purges():
            await self._redis.purge_keys(purge.what, purge.written_s)
            self._write_behind.purged(purge)
        while writes := self._write_behind.writes(WRITE_BACK_CALLS):
            results = await asyncio.gather(
                *(self._write_late(*write) for write in writes), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _write_late(self, key: str, write: Entry | Deletion) -> None:
        if isinstance(write, Entry):
            written = await self._redis.write_late(key, write, self._clock())
            if written.applied and self._entries.get(key, self._clock()) is write:
                # else a change of the next outage would name what Redis no longer has
                self._keep(key, replace(write, version=written.number), self._clock())
        else:
            await self._redis.erase_late(key, write.written_s, write.version)
        self._write_behind.written(key, write)

    async def _poll_forever(self) -> None:
        while not await self._stops_within(POLL_S):
            await self._poll()

    async def _listen_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                async for change in self._redis.changes(self._stopping):
                    if change is None:
                        self._listening.set()
                    else:
                        self._changed(change)
            except StoreDown:
                # the poll notices too; until then its checks bound the age of copies
                await self._stops_within(POLL_S)

    async def _stops_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    def _changed(self, change: Change) -> None:
        for key in change.keys:
            flight = self._flights.get(key)
            if flight is not None:
                flight.floor = max(flight.floor, change.number)
            entry = self._entries.peek(key)
            if entry is not None and entry.version < change.number and self._unavailable is None:
                self._entries.remove(key)
        self._coherences[change.partition].heard(change.number, self._clock())

    def _run(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work of the cache ended by a fault", exc_info=error)
