"""Where the packed snapshot is kept: in its ConfigMap, and where it is too large for one in several beside it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from app.config.sync.snapshot import PART_BYTES, SNAPSHOT_KEY
from app.config.sync.snapshot_parts import (
    INDEX_KEY,
    PART_KEY,
    PartsIndex,
    join,
    read_index,
    split,
    write_index,
)
from app.foundation.errors import ClusterError, ConfigFault, ConfigFaults
from app.operator.kube.resources import Stored

__all__ = ["ConfigMapApi", "Kept", "SnapshotStore"]

LOG = logging.getLogger("tidegate.operator")

MAX_MISMATCHES: Final = 3
"""Times in a row that parts are taken for another operator's, which is writing them now."""


class ConfigMapApi(Protocol):
    """Raises ClusterError; code 409 from `write_configmap`: it changed since `read`."""

    async def read_configmap(self, name: str) -> Stored: ...

    async def write_configmap(
        self, name: str, read: Stored, binary: Mapping[str, bytes], texts: Mapping[str, str]
    ) -> Stored: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The ConfigMap as read or written. `packed`: None where nothing whole is kept; `texts`: what else it holds."""

    configmap: Stored
    packed: bytes | None
    texts: Mapping[str, bytes]


class SnapshotStore:
    """`name`: of the ConfigMap. Parts that were read or written once are not read again."""

    def __init__(self, api: ConfigMapApi, name: str) -> None:
        self._api, self._name = api, name
        self._known: tuple[str, bytes] = ("", b"")
        self._mismatches = 0

    async def read(self) -> Kept:
        """What is kept now. Raises ClusterError; 409: another operator is writing parts."""
        configmap = await self._api.read_configmap(self._name)
        packed = configmap.data.get(SNAPSHOT_KEY)
        if packed is None and INDEX_KEY in configmap.data:
            packed = await self._joined(configmap.data[INDEX_KEY])
        return _kept(configmap, packed)

    async def write(self, kept: Kept, packed: bytes, texts: Mapping[str, str]) -> Kept:
        """By compare-and-swap. What is kept now.

        Raises ClusterError (409: it changed since `kept`) and ConfigFaults.
        """
        if len(packed) <= PART_BYTES:
            binary = {SNAPSHOT_KEY: packed}
            written = await self._api.write_configmap(self._name, kept.configmap, binary, texts)
            return _kept(written, packed)
        await self._require_unchanged(kept)
        index, parts = split(packed, _index_in(kept.configmap.data.get(INDEX_KEY)))
        for part, content in parts.items():
            await self._write_part(part, content)
        binary = {INDEX_KEY: write_index(index)}
        written = await self._api.write_configmap(self._name, kept.configmap, binary, texts)
        self._known = (index.sha256, packed)
        return _kept(written, packed)

    async def _require_unchanged(self, kept: Kept) -> None:
        """Else the parts beside those of `kept` may be those that the index names now, which must stay whole."""
        now = await self._api.read_configmap(self._name)
        if now.version != kept.configmap.version:
            raise ClusterError("write", f"the parts of configmap {self._name}", 409, "its index changed")

    async def _write_part(self, part: str, content: bytes) -> None:
        name = f"{self._name}-{part}"
        try:
            before = await self._api.read_configmap(name)
            await self._api.write_configmap(name, before, {PART_KEY: content}, {})
        except ClusterError as error:
            if error.code not in (403, 404):
                raise
            what = (
                f"takes more than {PART_BYTES:,} bytes packed, and configmap {name} cannot be used: {error}"
            )
            fix = "create it, and let the operator get and update it, as the chart does"
            raise ConfigFaults([ConfigFault("snapshot", what, fix)]) from None

    async def _joined(self, index: bytes) -> bytes | None:
        try:
            found = read_index(index)
            if found.sha256 != self._known[0]:
                self._known = (found.sha256, join(found, await self._parts(found)))
        except ConfigFaults as faults:
            self._mismatches += 1
            if self._mismatches <= MAX_MISMATCHES:
                raise ClusterError("read", f"the parts of configmap {self._name}", 409, str(faults)) from None
            LOG.error("configmap %s holds no snapshot that can be read: %s", self._name, faults)
            return None
        self._mismatches = 0
        return self._known[1]

    async def _parts(self, index: PartsIndex) -> Mapping[str, bytes | None]:
        found: dict[str, bytes | None] = {}
        for part in index.parts:
            try:
                found[part] = (await self._api.read_configmap(f"{self._name}-{part}")).data.get(PART_KEY)
            except ClusterError as error:
                if error.code not in (403, 404):
                    raise
                found[part] = None
        return found


def _kept(configmap: Stored, packed: bytes | None) -> Kept:
    texts = {key: text for key, text in configmap.data.items() if key not in (SNAPSHOT_KEY, INDEX_KEY)}
    return Kept(configmap, packed, texts)


def _index_in(content: bytes | None) -> PartsIndex | None:
    try:
        return None if content is None else read_index(content)
    except ConfigFaults:
        return None
