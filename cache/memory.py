"""The store that lives in this process only: what it holds is gone with the process."""

from cache.entry import Content, Entry, entry_of, etag_of
from cache.lru import LruEntries, in_slices
from cache.store import Deleted, Durability, Page, Purge, Purged, Stored, StoreState

__all__ = ["MemoryStore", "state_of"]


class MemoryStore:
    """A store in this process only: what it holds is gone with the process."""

    def __init__(self, max_bytes: int) -> None:
        self._entries = LruEntries(max_bytes)

    async def get(self, key: str, now_s: float) -> Entry | None:
        return self._entries.get(key, now_s)

    async def put(self, key: str, content: Content, ttl_s: int, now_s: float) -> Stored:
        entry = entry_of(content, etag_of(content), ttl_s, now_s)
        created = self._entries.put(key, entry, now_s)
        return Stored(created, entry.etag, Durability.MEMORY)

    async def delete(self, key: str, now_s: float) -> Deleted:
        entry = self._entries.remove(key)
        return Deleted(entry is not None and entry.expires_at_s > now_s, Durability.MEMORY)

    async def page(self, prefix: str, after: str, limit: int, now_s: float) -> Page:
        return await in_slices(self._entries.page(prefix, after, limit, now_s))

    async def purge(self, what: Purge, now_s: float) -> Purged:
        return Purged(await in_slices(self._entries.purge(what, now_s)), Durability.MEMORY)

    async def start(self) -> None:
        """Nothing runs in the background."""

    async def stop(self) -> None:
        """Nothing to close."""

    def state(self, now_s: float) -> StoreState:
        return state_of(self._entries, now_s, redis="off")

    def fresh(self, key: str, now_s: float) -> Entry | None:
        return self._entries.get(key, now_s)


def state_of(
    entries: LruEntries, now_s: float, *, redis: str, backlog_bytes: int = 0, backlog_drops: int = 0
) -> StoreState:
    """The sizes of `entries`, less what is over, and how Redis is."""
    entries.sweep(now_s)
    return StoreState(
        entries=len(entries),
        used_bytes=entries.used_bytes,
        max_bytes=entries.max_bytes,
        evictions=entries.evictions,
        expirations=entries.expirations,
        redis=redis,
        backlog_bytes=backlog_bytes,
        backlog_drops=backlog_drops,
    )
