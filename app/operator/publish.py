"""Writes the snapshot into its ConfigMap, by compare-and-swap, before anybody is served with it.

So sequences survive restarts, two operators at once cannot both publish the same number, and one that ends
between writing and serving serves the same snapshot when it starts again.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from app.config.snapshot import CA_KEY, SNAPSHOT_KEY, PolicyEntry, Snapshot, decode, pack
from app.errors import ConfigFaults
from app.operator.cluster_values import Stored
from app.operator.delivery import is_set_back, next_snapshot

__all__ = ["ConfigMaps", "Held", "Publisher"]

LOG = logging.getLogger("tidegate.operator")


class ConfigMaps(Protocol):
    """Raises ClusterError; code 409 from `write_configmap`: it changed since `read`."""

    async def read_configmap(self, name: str) -> Stored: ...

    async def write_configmap(
        self, name: str, read: Stored, binary: Mapping[str, bytes], texts: Mapping[str, str]
    ) -> Stored: ...


@dataclass(frozen=True, slots=True)
class Held:
    """The ConfigMap as read. `snapshot`: None where it holds none that can be read."""

    stored: Stored
    snapshot: Snapshot | None


class Publisher:
    """`ca`: PEM of the authorities that gateways shall trust, None where they know them otherwise."""

    def __init__(self, configmaps: ConfigMaps, name: str, ca: str | None) -> None:
        self._configmaps, self._name = configmaps, name
        self._texts = {} if ca is None else {CA_KEY: ca}
        self._latest: Snapshot | None = None

    async def read(self) -> Held:
        """Read it before the policies are listed: only then does compare-and-swap fence an older list."""
        stored = await self._configmaps.read_configmap(self._name)
        content = stored.data.get(SNAPSHOT_KEY)
        if content is None:
            return Held(stored, None)
        try:
            return Held(stored, decode(content))
        except ConfigFaults as faults:
            LOG.error("configmap %s holds no snapshot that can be read: %s", self._name, faults)
            return Held(stored, None)

    async def publish(
        self, held: Held, entries: tuple[PolicyEntry, ...], heard: Mapping[str, int]
    ) -> Snapshot:
        """The snapshot that says `entries`, in the ConfigMap for certain.

        `heard`: the highest sequence that gateways applied, by lineage. Raises ClusterError (409: another
        operator wrote meanwhile) and ConfigFaults (too large).
        """
        current, lineages = held.snapshot, set(heard)
        if is_set_back(current, self._latest, heard):
            for known in (current, self._latest):
                lineages |= set() if known is None else {known.lineage, *known.replaces}
            LOG.warning("configmap %s lost what was served: a new lineage begins", self._name)
            current = None
        snapshot = next_snapshot(current, entries, lineages, str(uuid4()))
        texts = {key: text.encode() for key, text in self._texts.items()}
        kept = {key: content for key, content in held.stored.data.items() if key != SNAPSHOT_KEY}
        if held.snapshot is None or held.snapshot.hash != snapshot.hash or kept != texts:
            binary = {SNAPSHOT_KEY: pack(snapshot)}
            await self._configmaps.write_configmap(self._name, held.stored, binary, self._texts)
        self._latest = snapshot
        return snapshot
