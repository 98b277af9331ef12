"""The interface of a place where entries live, and the values it speaks in."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cache.entry import Content, Entry

__all__ = [
    "Deleted",
    "Durability",
    "Listed",
    "Page",
    "Purge",
    "Purged",
    "ServedStore",
    "Store",
    "StoreState",
    "Stored",
]


class Durability(StrEnum):
    """Where an acknowledged write is; the word of `Cache-Durability`."""

    REDIS = "redis"
    MEMORY = "memory"
    MEMORY_FULL = "memory;backlog=full"
    """Memory only, and there is no room to put it into Redis later."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A write was acknowledged; `created`: there was no living entry of that key."""

    created: bool
    etag: str
    durability: Durability


@dataclass(frozen=True, slots=True)
class Deleted:
    """`found`: a living entry was there."""

    found: bool
    durability: Durability


@dataclass(frozen=True, slots=True)
class Listed:
    """One key of a page; `size_bytes` of the value, `ttl_s` left."""

    key: str
    size_bytes: int
    ttl_s: int


@dataclass(frozen=True, slots=True)
class Page:
    """Keys in order of their UTF-8 bytes; `after` is the key to go on after, None on the last page."""

    keys: tuple[Listed, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Purge:
    """What to purge: everything, or keys with a prefix, or entries that carry any of the tags."""

    prefix: str | None = None
    tags: tuple[str, ...] = ()

    def covers(self, key: str, tags: tuple[str, ...]) -> bool:
        """Whether an entry is meant."""
        if self.tags:
            return not set(self.tags).isdisjoint(tags)
        return self.prefix is None or key.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Purged:
    """`count` living entries were removed."""

    count: int
    durability: Durability


class Store(Protocol):
    """Entries by key, each for its ttl.

    `now_s` is the monotonic time at which the caller asks, read once per call. After a write returned,
    every later read through the same store sees it or a newer one; an expired entry is never returned.
    Calls on one key take effect one at a time. Everything but the cost is the same for every
    implementation. Raises StoreDown when the store is unavailable, Rejected 413 when an entry can never fit;
    a call that raised StoreDown may have had its effect.
    """

    async def get(self, key: str, now_s: float) -> Entry | None:
        """The living entry, or None."""
        ...

    async def put(self, key: str, content: Content, ttl_s: int, now_s: float) -> Stored:
        """Stores or replaces; the time to live starts again."""
        ...

    async def delete(self, key: str, now_s: float) -> Deleted:
        """Removes the entry if there is one."""
        ...

    async def page(self, prefix: str, after: str, limit: int, now_s: float) -> Page:
        """Up to `limit` keys with `prefix` that come after `after`; O(keys) in memory, O(limit) in Redis."""
        ...

    async def purge(self, what: Purge, now_s: float) -> Purged:
        """Removes what was stored before the call and is meant; entries written meanwhile may stay."""
        ...


@dataclass(frozen=True, slots=True)
class StoreState:
    """What probes and metrics report: sizes of the memory; `redis` is "off", "up" or why it is unavailable."""

    entries: int
    used_bytes: int
    max_bytes: int
    evictions: int
    expirations: int
    redis: str
    backlog_bytes: int
    backlog_drops: int

    @property
    def degraded(self) -> bool:
        """Redis is configured and unavailable."""
        return self.redis not in ("off", "up")


class ServedStore(Store, Protocol):
    """A store with a life of its own, as the service runs it."""

    async def start(self) -> None:
        """Begins background work; returns within 1 s even when Redis is unavailable."""
        ...

    async def stop(self) -> None:
        """Ends background work and closes connections."""
        ...

    def state(self, now_s: float) -> StoreState:
        """A snapshot; cheap."""
        ...

    def fresh(self, key: str, now_s: float) -> Entry | None:
        """The entry if memory alone may serve it now, else None (call `get`). Never waits."""
        ...


Clock = Callable[[], float]
"""Asks for monotonic seconds; only background loops hold one."""
