"""Entries in this process: bounded in bytes, least recently used first out, expiry without scanning.

Two bounds hold at once: keys and values together stay within `max_bytes`, and with what else an entry needs
(Python's own objects, measured; tags; media type) within 1.2 times that, so a million tiny entries cannot
outgrow the process.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Generator
from heapq import nsmallest
from itertools import chain
from typing import TypeAlias, TypeVar

from cache.entry import Entry
from cache.errors import Rejected
from cache.store import Listed, Page, Purge

__all__ = ["ENTRY_OVERHEAD_BYTES", "SLICE", "LruEntries", "in_slices"]

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]

ENTRY_OVERHEAD_BYTES = 760  # 440 measured, and 300 when every entry expires in a second of its own
TAG_OVERHEAD_BYTES = 64
SLICE = 1000  # entries looked at in one go, about a millisecond
SWEEP_MOST = 64  # expired entries let go per call: bounds the pause when a million expire in the same second


class LruEntries:
    """Entries by key, in order of use; a bucket of keys per second of expiry.

    What is over is never returned, and takes room until the second in which it ended is over too.
    """

    __slots__ = (
        "_due_s",
        "_entries",
        "_expiring",
        "_held_bytes",
        "_held_max_bytes",
        "evictions",
        "expirations",
        "max_bytes",
        "used_bytes",
    )

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self.evictions = 0
        self.expirations = 0
        self._held_bytes = 0  # with overhead
        self._held_max_bytes = max_bytes + max_bytes // 5
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._expiring: dict[int, set[str]] = {}
        self._due_s: int | None = None  # the first second whose bucket may still hold keys

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, now_s: float) -> Entry | None:
        """The living entry, which is now the most recently used one."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at_s <= now_s:
            self._drop(key, entry)
            self.expirations += 1
            return None
        self._entries.move_to_end(key)
        return entry

    def peek(self, key: str) -> Entry | None:
        """The entry, living or not; its place in the order of use stays."""
        return self._entries.get(key)

    def put(self, key: str, entry: Entry, now_s: float) -> bool:
        """Keeps `entry`; True when no living entry was replaced.

        Rejected 413, and nothing changes, when this entry alone is more than the entries may hold.
        """
        self.sweep(now_s)
        payload_bytes, held_bytes = _costs(key, entry)
        if payload_bytes > self.max_bytes or held_bytes > self._held_max_bytes:
            raise Rejected(
                413, f"key and value have {payload_bytes} bytes; the whole cache holds {self.max_bytes}"
            )
        old = self.remove(key)
        self._entries[key] = entry
        self.used_bytes += payload_bytes
        self._held_bytes += held_bytes
        second = int(entry.expires_at_s) + 1
        self._expiring.setdefault(second, set()).add(key)
        if self._due_s is None or second < self._due_s:
            self._due_s = second
        self._evict()
        return old is None or old.expires_at_s <= now_s

    def remove(self, key: str) -> Entry | None:
        """Takes the entry out, living or not."""
        entry = self._entries.get(key)
        if entry is not None:
            self._drop(key, entry)
        return entry

    def sweep(self, now_s: float) -> None:
        """Lets go of at most SWEEP_MOST entries that are over; the work is O(removed + seconds passed)."""
        left = SWEEP_MOST
        while left and self._due_s is not None and self._due_s <= now_s:
            bucket = self._expiring.get(self._due_s)
            if bucket is None:
                self._due_s = self._due_s + 1 if self._expiring else None
                continue
            key = next(iter(bucket))
            self._drop(key, self._entries[key])
            self.expirations += 1
            left -= 1

    def page(self, prefix: str, after: str, limit: int, now_s: float) -> Steps[Page]:
        """As `Store.page`; O(entries), a yield per SLICE of them. What changes meanwhile may be in or not."""
        names: list[str] = []
        keys = list(self._entries)
        for at in range(0, len(keys), SLICE):
            found = (key for key in keys[at : at + SLICE] if key > after and key.startswith(prefix))
            names = nsmallest(limit + 1, chain(names, (key for key in found if self._lives(key, now_s))))
            yield
        listed = tuple(
            Listed(key, len(entry.value), entry.ttl_s(now_s))
            for key in names[:limit]
            if (entry := self._entries.get(key)) is not None
        )
        return Page(listed, names[limit - 1] if len(names) > limit else None)

    def purge(self, what: Purge, now_s: float) -> Steps[int]:
        """Removes what is meant and was there at `now_s`, and returns how many of it were alive.

        O(entries), a yield per SLICE of them.
        """
        living = 0
        keys = list(self._entries)
        for at in range(0, len(keys), SLICE):
            for key in keys[at : at + SLICE]:
                entry = self._entries.get(key)
                if entry is not None and entry.stored_at_s <= now_s and what.covers(key, entry.tags):
                    self._drop(key, entry)
                    living += entry.expires_at_s > now_s
            yield
        return living

    def _lives(self, key: str, now_s: float) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry.expires_at_s > now_s

    def _evict(self) -> None:
        while self.used_bytes > self.max_bytes or self._held_bytes > self._held_max_bytes:
            key, entry = next(iter(self._entries.items()))
            self._drop(key, entry)
            self.evictions += 1

    def _drop(self, key: str, entry: Entry) -> None:
        del self._entries[key]
        payload_bytes, held_bytes = _costs(key, entry)
        self.used_bytes -= payload_bytes
        self._held_bytes -= held_bytes
        second = int(entry.expires_at_s) + 1
        bucket = self._expiring[second]
        bucket.discard(key)
        if not bucket:
            del self._expiring[second]


def _costs(key: str, entry: Entry) -> tuple[int, int]:
    """Bytes of key and value, and bytes held with everything else."""
    # isascii is a flag of the string, so the usual key costs no encoding
    payload_bytes = (len(key) if key.isascii() else len(key.encode())) + len(entry.value)
    other_bytes = ENTRY_OVERHEAD_BYTES + len(entry.content_type)
    for tag in entry.tags:
        other_bytes += TAG_OVERHEAD_BYTES + 4 * len(tag)  # a character takes up to 4 bytes in memory
    return payload_bytes, payload_bytes + other_bytes


async def in_slices(steps: Steps[T]) -> T:
    """Runs `steps` to their result; everybody else has a turn between them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)
