"""Writes the snapshot into its ConfigMap, by compare-and-swap, before any gateway is served with it.

So sequences survive restarts, two operators at once cannot publish the same number, and an operator that ends
between writing and serving serves the same snapshot when it starts again.
"""

import logging
from dataclasses import dataclass
from uuid import uuid4

from app.config.sync.snapshot import CA_KEY, PolicyEntry, Snapshot, decode, pack
from app.foundation.errors import ConfigFaults
from app.operator.snapshot.history import is_set_back, next_snapshot
from app.operator.snapshot.lineages import Claim, believed, highest, read_lineages, write_lineages
from app.operator.snapshot.store import ConfigMapApi, Kept, SnapshotStore
from app.operator.snapshot.tables import CompiledTables

__all__ = ["LINEAGES_KEY", "ConfigMapApi", "Publisher", "StoredSnapshot"]

LOG = logging.getLogger("tidegate.operator")

LINEAGES_KEY = "lineages"
"""In the ConfigMap's `data`: every lineage once published, one a line, oldest first."""


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """What is kept. `snapshot`: None where that is none that can be read."""

    kept: Kept
    snapshot: Snapshot | None


class Publisher:
    """`ca`: PEM of the authorities that gateways shall trust, None where they know them otherwise.

    `tables`: what snapshots say besides policies.
    """

    def __init__(self, api: ConfigMapApi, name: str, ca: str | None, tables: CompiledTables) -> None:
        self._store, self._name, self._tables = SnapshotStore(api, name), name, tables
        self._texts = {} if ca is None else {CA_KEY: ca}
        self._latest: Snapshot | None = None
        self._published: tuple[str, ...] = ()
        self._inherited: str | None = None
        self._read: tuple[bytes, Snapshot | None] = (b"", None)
        self.written: StoredSnapshot | None = None
        """What this operator wrote last; None where it wrote nothing yet, or the last time may have failed.

        Publishing over it fails with 409 if anybody wrote since.
        """

    async def read(self) -> StoredSnapshot:
        """Read it before the policies are listed: only then does compare-and-swap fence an older list."""
        kept = await self._store.read()
        snapshot = self._snapshot_in(kept.packed)
        self._remember(kept, snapshot)
        return StoredSnapshot(kept, snapshot)

    async def publish(
        self, stored: StoredSnapshot, entries: tuple[PolicyEntry, ...], claims: tuple[Claim, ...]
    ) -> Snapshot | None:
        """The snapshot that holds `entries` and the tables; it is in the ConfigMap when this returns.

        While the tables are not known those that are stored stay, or those that this operator wrote last; None, and
        nothing is written, where there are neither: gateways may serve by some. `claims`: what gateways report that
        they applied. Raises ClusterError (409: another operator wrote
        meanwhile) and ConfigFaults (too large).
        """
        current = stored.snapshot
        if is_set_back(current, self._latest, self._applied(current, claims)):
            LOG.warning("configmap %s lost what was served: starting a new lineage", self._name)
            current = None
        tables = self._tables.current
        if tables is None:
            known = current or self._latest
            if known is None and not self._tables.may_be_empty:
                LOG.info(
                    "no snapshot is published before the cluster's routes are known: gateways may hold some"
                )
                return None
            tables = {} if known is None else known.tables
        serving = believed(claims, set(self._published))
        snapshot = next_snapshot(current, entries, serving, self._published, str(uuid4()), tables)
        published = (*self._published, snapshot.lineage)
        texts = {**self._texts, LINEAGES_KEY: write_lineages(published)}
        is_stored = stored.snapshot is not None and stored.snapshot.hash == snapshot.hash
        if not is_stored or stored.kept.texts != {key: text.encode() for key, text in texts.items()}:
            packed, self.written = pack(snapshot), None
            self.written = StoredSnapshot(await self._store.write(stored.kept, packed, texts), snapshot)
            # the same as decoding it again, but what did not change stays the same object
            self._read = (packed, snapshot)
        self._latest, self._published = snapshot, read_lineages(texts[LINEAGES_KEY])
        return snapshot

    def packed(self, snapshot: Snapshot) -> bytes | None:
        """`snapshot` as the ConfigMap holds it; None where it holds another one."""
        content, held = self._read
        return content if held is snapshot else None

    def was_published(self, lineage: str) -> bool:
        """Whether `lineage` was ever published, as far as this process and the ConfigMap remember."""
        return lineage in self._published

    def _snapshot_in(self, packed: bytes | None) -> Snapshot | None:
        if packed is None:
            return None
        if packed == self._read[0]:  # as in nearly every round
            return self._read[1]
        try:
            self._read = (packed, decode(packed))
            return self._read[1]
        except ConfigFaults as faults:
            LOG.error("configmap %s holds no snapshot that can be read: %s", self._name, faults)
            return None

    def _remember(self, kept: Kept, snapshot: Snapshot | None) -> None:
        """Adds the lineages of the ConfigMap; one without the list was written before lists existed."""
        text = kept.texts.get(LINEAGES_KEY)
        known = () if text is None else read_lineages(text.decode("ascii", "replace"))
        if snapshot is not None:
            known = (*(snapshot.replaces if text is None else known), snapshot.lineage)
            if self._latest is None:
                self._inherited = snapshot.lineage
        self._published = read_lineages(write_lineages((*known, *self._published)))

    def _applied(self, current: Snapshot | None, claims: tuple[Claim, ...]) -> int:
        """How far gateways got with the stored lineage, where this process cannot know it itself.

        A gateway may hold more of a lineage that was in the ConfigMap at the start than is stored, since an
        old ConfigMap may have been restored. Of all others this process published each number itself, and a
        higher one is a lie.
        """
        if current is None or current.lineage != self._inherited:
            return 0
        return highest(claims, current.lineage)
