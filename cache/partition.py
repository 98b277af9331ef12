"""The keys that live together on one server of Redis: their names, and what its clock says. Pure.

A single server, or the primary behind Sentinel, holds everything under one hash tag. A Cluster holds PARTITIONS of
them, chosen so that their slots lie at even distances: all keys of one script share one, so every call has one node,
and more nodes take more of the load.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.foundation.redis.slots import SLOTS, slot_of
from cache.store import Page

__all__ = ["PARTITIONS", "Partition", "ServerTime", "hash_tags", "merged", "nearer"]

PARTITIONS = 16
_TAG = "tidegate:cache"


def hash_tags(*, is_cluster: bool) -> tuple[str, ...]:
    """The hash tag of each partition, in braces; of a Cluster one per PARTITIONS-th of the slots, always the same."""
    if not is_cluster:
        return (f"{{{_TAG}}}",)
    found: dict[int, str] = {}
    number = 0
    while len(found) < PARTITIONS:
        tag = f"{_TAG}:{number}"
        found.setdefault(slot_of(tag.encode()) * PARTITIONS // SLOTS, f"{{{tag}}}")
        number += 1
    return tuple(found[part] for part in range(PARTITIONS))


@dataclass(frozen=True, slots=True)
class ServerTime:
    """What the server's clock said between two moments of ours; right to half the time between."""

    server_ms: float
    asked_s: float
    replied_s: float

    def at_ms(self, our_s: float) -> int:
        """The server's time at our time."""
        return int(self.server_ms + (our_s - (self.asked_s + self.replied_s) / 2) * 1000)

    def error_s(self, now_s: float) -> float:
        """How far off it may be by now: half the round trip, and clocks drift 100 ppm apart."""
        return (self.replied_s - self.asked_s) / 2 + (now_s - self.replied_s) * 1e-4


def nearer(known: ServerTime | None, news: ServerTime) -> ServerTime:
    """The one that is less far off now."""
    if known is not None and known.error_s(news.replied_s) < news.error_s(news.replied_s):
        return known
    return news


class Partition:
    """`tag`: the hash tag that all its keys begin with; `server`: None until its clock was seen."""

    __slots__ = (
        "channel",
        "counter",
        "entries",
        "expiries",
        "names",
        "number",
        "probe",
        "purges",
        "server",
        "tag_sets",
    )

    def __init__(self, number: int, tag: str) -> None:
        self.number = number
        self.counter, self.names, self.expiries, self.purges = (
            f"{tag}:{name}" for name in ("counter", "names", "expiries", "purges")
        )
        self.entries, self.tag_sets = f"{tag}:e:", f"{tag}:t:"
        self.channel, self.probe = f"{tag}:changes", f"{tag}:probe"
        self.server: ServerTime | None = None


def merged(pages: Sequence[Page], limit: int) -> Page:
    """One page out of one of every partition; nothing behind the end of a page that goes on is known."""
    end = min((page.after for page in pages if page.after is not None), default=None)
    listed = sorted(
        (one for page in pages for one in page.keys if end is None or one.key <= end),
        key=lambda one: one.key,
    )
    if len(listed) > limit:
        return Page(tuple(listed[:limit]), listed[limit - 1].key)
    return Page(tuple(listed), end)
