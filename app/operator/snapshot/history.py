"""Which snapshot follows on which, since when a policy is in one, and who is offered it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.config.sync.messages import ApplyResult, SyncRequest
from app.config.sync.snapshot import (
    SCHEMA_VERSION,
    PolicyEntry,
    Snapshot,
    pack,
    pack_delta,
    part_of,
    seal,
)
from app.operator.snapshot.lineages import replaced_by, wanted_beside

__all__ = ["FirstPublished", "Published", "PackedSnapshots", "is_newer_for", "is_set_back", "next_snapshot"]


MOST_HELD = 16
"""A gateway that is further behind gets all of it; what did not change is one object in all of them."""


def next_snapshot(
    current: Snapshot | None,
    entries: tuple[PolicyEntry, ...],
    held: Sequence[str],
    published: Iterable[str],
    new_lineage: str,
    tables: Mapping[str, object],
) -> Snapshot:
    """The snapshot that says `entries` and `tables`: `current` itself if it says the same, else the one after it.

    `held`: lineages that gateways serve with, see `lineages.believed`. One of them that is not the current one
    was lost with its ConfigMap, so the next snapshot lists it as replaced. `published`: lineages so far, oldest
    first. `new_lineage`: a fresh UUID, used when there is no current snapshot.
    """
    lineage = new_lineage if current is None else current.lineage
    lost = set(wanted_beside(lineage, held)) - set(() if current is None else current.replaces)
    if current is not None:
        says_the_same = current.policies == entries and current.tables == tables
        if current.complete and says_the_same and not lost:
            return current
    sequence = 1 if current is None else current.sequence + 1
    replaces = replaced_by(lineage, published, held)
    return seal(lineage, sequence, entries, complete=True, replaces=replaces, tables=tables)


def is_set_back(stored: Snapshot | None, published: Snapshot | None, applied: int) -> bool:
    """Whether the ConfigMap holds less (`stored`) than gateways were already served from it.

    `published`: what this operator last wrote; `applied`: the highest sequence of the stored lineage that
    gateways are believed to have. If it was set back, nobody can say how far the lineage got: another operator
    may have continued it.
    """
    if stored is None:
        return published is not None
    if applied > stored.sequence:
        return True
    return (
        published is not None
        and published.lineage == stored.lineage
        and published.sequence >= stored.sequence
        and published.hash != stored.hash
    )


def is_newer_for(snapshot: Snapshot, request: SyncRequest) -> bool:
    """Whether the gateway that sent `request` is offered `snapshot`: only if it would take it over."""
    if SCHEMA_VERSION not in request.instance.schema_versions:
        return False
    attempt, applied = request.attempt, request.applied
    if attempt is not None and attempt.lineage == snapshot.lineage and attempt.sequence >= snapshot.sequence:
        return False if attempt.result is ApplyResult.REJECTED else applied is None
    if applied is None:
        return True
    if applied.lineage == snapshot.lineage:
        return snapshot.sequence > applied.sequence
    return applied.lineage in snapshot.replaces


@dataclass(frozen=True, slots=True)
class Published:
    """The first snapshot that holds this generation of the policy."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class _First:
    generation: int
    published: Published


class FirstPublished:
    """For each policy, the first snapshot that holds its generation."""

    def __init__(self) -> None:
        self._firsts: dict[str, _First] = {}
        self._lineage = ""
        self._sequence = 0

    def note(self, snapshot: Snapshot) -> None:
        """`snapshot` is served now.

        If it does not directly follow the last one, what came between is unknown, and every policy counts as
        first published with it: that claims too little, never too much.
        """
        follows = snapshot.lineage == self._lineage and snapshot.sequence - self._sequence in (0, 1)
        here = Published(snapshot.sequence, snapshot.hash)
        firsts = {}
        for entry in snapshot.policies:
            known = self._firsts.get(entry.uid) if follows else None
            kept = known is not None and known.generation == entry.generation
            firsts[entry.uid] = known if known is not None and kept else _First(entry.generation, here)
        self._firsts, self._lineage, self._sequence = firsts, snapshot.lineage, snapshot.sequence

    def of(self, uid: str, generation: int) -> Published | None:
        """None if no served snapshot holds that generation."""
        first = self._firsts.get(uid)
        return first.published if first is not None and first.generation == generation else None


class PackedSnapshots:
    """The snapshot that is served, packed once for each namespace and for each snapshot that its gateways hold.

    `fleet_namespace`: that of the gateways which serve the cluster's Gateways; only they get `tables`, and those that
    hold one of the last `MOST_HELD` snapshots get what changed of them.
    """

    def __init__(self, fleet_namespace: str) -> None:
        self._fleet_namespace = fleet_namespace
        self.snapshot: Snapshot | None = None
        self._parts: dict[str, Snapshot] = {}
        self._packed: dict[str, bytes] = {}
        self._deltas: dict[str, bytes | None] = {}
        self._served: dict[str, Snapshot] = {}
        self._whole: bytes | None = None

    def put(self, snapshot: Snapshot, whole: bytes | None = None) -> None:
        """`whole`: `snapshot` packed, where that was done already."""
        self.snapshot, self._whole = snapshot, whole
        self._parts, self._packed, self._deltas = {}, {}, {}

    def packed_for(self, namespace: str, held_hash: str | None = None) -> bytes:
        """The part that is about `namespace`, as a delta where that is less and the snapshot of `held_hash` is known.

        Call it only when there is a snapshot.
        """
        part = self._part(namespace)
        held = self._served.get(held_hash or "") if namespace == self._fleet_namespace else None
        if held is not None and held is not part:
            if held.hash not in self._deltas:
                self._deltas[held.hash] = pack_delta(part, held)
            delta = self._deltas[held.hash]
            if delta is not None:
                return delta
        packed = self._packed.get(namespace)
        if packed is None:
            packed = pack(part) if self._whole is None or part is not self.snapshot else self._whole
            self._packed[namespace] = packed
        return packed

    def packed_bytes(self) -> int:
        """Size of the largest part that was requested, all of it; 0 before any was."""
        return max(map(len, self._packed.values()), default=len(self._whole or b"") if self._deltas else 0)

    def _part(self, namespace: str) -> Snapshot:
        assert self.snapshot is not None  # noqa: S101 - the caller looked
        part = self._parts.get(namespace)
        if part is None:
            is_fleet = namespace == self._fleet_namespace
            part = self._parts[namespace] = part_of(self.snapshot, namespace, with_tables=is_fleet)
            if is_fleet:
                self._served[part.hash] = part
                if len(self._served) > MOST_HELD:
                    del self._served[next(iter(self._served))]
        return part
