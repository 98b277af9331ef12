"""What was written while Redis is unavailable, to be put there when it is back. Pure; bounded in bytes.

Per key only the newest write is kept. A write that finds no room becomes a deletion of its key, which is
small: then the value is lost, but the older one in Redis cannot come back to life. When not even that fits,
it is dropped and counted.
"""

from collections import OrderedDict
from dataclasses import dataclass

from cache.entry import Entry
from cache.store import Purge

__all__ = ["MAX_PURGES", "WriteBehind", "Deletion", "PendingPurge"]

OP_OVERHEAD_BYTES = 400
MAX_PURGES = 128
PURGE_ALL = Purge()


@dataclass(frozen=True, slots=True)
class Deletion:
    """The key was deleted, or its newest value had no room, at `written_s`.

    `version` is the number of the change that it replaces in Redis (0: none is known), as an Entry's is.
    """

    written_s: float
    version: int = 0


@dataclass(frozen=True, slots=True)
class PendingPurge:
    """What was purged at `written_s`."""

    what: Purge
    written_s: float


class WriteBehind:
    """Newest write per key, oldest first, and purges; `drops` counts values and deletions lost."""

    __slots__ = ("_purges", "_writes", "drops", "max_bytes", "used_bytes")

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self.drops = 0
        self._writes: OrderedDict[str, Entry | Deletion] = OrderedDict()
        self._purges: dict[Purge, PendingPurge] = {}

    def __bool__(self) -> bool:
        return bool(self._writes or self._purges)

    def get(self, key: str, now_s: float) -> Entry | None:
        """The living value still to be written, if any."""
        write = self._writes.get(key)
        return write if isinstance(write, Entry) and write.expires_at_s > now_s else None

    def replaces(self, key: str) -> int:
        """The number of the change in Redis that the write still to be done replaces; 0: none is known."""
        write = self._writes.get(key)
        return 0 if write is None else write.version

    def put(self, key: str, entry: Entry) -> bool:
        """Keeps the write; False when there was no room for its value."""
        self._forget(key)
        if self._keep(key, entry):
            return True
        self.drops += 1
        self._keep(key, Deletion(entry.stored_at_s, entry.version))
        return False

    def delete(self, key: str, now_s: float, version: int = 0) -> bool:
        """Keeps the deletion; False when there was no room. `version`: of the change in Redis that it replaces."""
        self._forget(key)
        if self._keep(key, Deletion(now_s, version)):
            return True
        self.drops += 1
        return False

    def purge(self, what: Purge, now_s: float) -> None:
        """Keeps the purge, forgets the values it covers; too many different ones become one of everything."""
        for key in [
            key
            for key, write in self._writes.items()
            if isinstance(write, Entry) and what.covers(key, write.tags)
        ]:
            self._forget(key)
        self._purges.pop(what, None)
        if len(self._purges) >= MAX_PURGES:
            what = (
                PURGE_ALL  # purging too much costs misses, purging too little would serve what must be gone
            )
            self._purges.clear()
        self._purges[what] = PendingPurge(what, now_s)

    def purges(self) -> tuple[PendingPurge, ...]:
        """Purges still to be done, oldest first; they come before the writes."""
        return tuple(self._purges.values())

    def writes(self, most: int) -> list[tuple[str, Entry | Deletion]]:
        """Up to `most` writes still to be done, oldest first."""
        return [item for item, _ in zip(self._writes.items(), range(most), strict=False)]

    def written(self, key: str, write: Entry | Deletion) -> None:
        """`write` is in Redis now; a newer one of the same key stays."""
        if self._writes.get(key) is write:
            self._forget(key)

    def purged(self, purge: PendingPurge) -> None:
        """`purge` is done in Redis; a newer one of the same stays."""
        if self._purges.get(purge.what) is purge:
            del self._purges[purge.what]

    def _keep(self, key: str, write: Entry | Deletion) -> bool:
        cost_bytes = _cost_bytes(key, write)
        if self.used_bytes + cost_bytes > self.max_bytes:
            return False
        self._writes[key] = write
        self.used_bytes += cost_bytes
        return True

    def _forget(self, key: str) -> None:
        write = self._writes.pop(key, None)
        if write is not None:
            self.used_bytes -= _cost_bytes(key, write)


def _cost_bytes(key: str, write: Entry | Deletion) -> int:
    value_bytes = len(write.value) + sum(map(len, write.tags)) if isinstance(write, Entry) else 0
    return OP_OVERHEAD_BYTES + len(key) + value_bytes
