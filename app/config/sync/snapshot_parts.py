"""A snapshot that is too large for one ConfigMap: its packed bytes in several, and the small index that names them.

    the snapshot's ConfigMap        snapshot.index: {"parts": ["a1", "a2"], "sha256": of all bytes}
    NAME-a1, NAME-a2, …, NAME-b3    part: one after the other, 512 KiB each

The parts of the next snapshot are written into those ConfigMaps that the index does not name, and then the index, by
compare-and-swap: so what the index names is whole at any moment, and no snapshot is half of two.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from app.config.sync.snapshot import PACKED_PARTS, PART_BYTES
from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["ALL_PARTS", "INDEX_KEY", "PART_KEY", "PartsIndex", "join", "read_index", "split", "write_index"]

INDEX_KEY: Final = "snapshot.index"
PART_KEY: Final = "part"
_SETS: Final = ("a", "b")
ALL_PARTS: Final = tuple(f"{one}{number}" for one in _SETS for number in range(1, PACKED_PARTS + 1))
"""What follows the snapshot's name and a hyphen in the names of the ConfigMaps."""
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PartsIndex:
    """Which parts make the snapshot, in their order, and the sha256 of all of its bytes."""

    parts: tuple[str, ...]
    sha256: str


def split(packed: bytes, current: PartsIndex | None) -> tuple[PartsIndex, Mapping[str, bytes]]:
    """The index of `packed` and its parts by name: none of those that `current` names."""
    one = _SETS[0] if current is None or not current.parts[0].startswith(_SETS[0]) else _SETS[1]
    pieces = [packed[at : at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]
    parts = {f"{one}{number}": piece for number, piece in enumerate(pieces, 1)}
    return PartsIndex(tuple(parts), hashlib.sha256(packed).hexdigest()), parts


def join(index: PartsIndex, parts: Mapping[str, bytes | None]) -> bytes:
    """The packed snapshot; raises ConfigFaults where a part is missing, or is another snapshot's."""
    missing = [name for name in index.parts if parts.get(name) is None]
    if missing:
        raise _fault(f"lacks the parts {', '.join(missing)}", "wait for the next one")
    packed = b"".join(parts[name] or b"" for name in index.parts)
    if hashlib.sha256(packed).hexdigest() != index.sha256:
        raise _fault("has parts of another one", "wait for the next one")
    return packed


def write_index(index: PartsIndex) -> bytes:
    """As it lies in the ConfigMap."""
    return orjson.dumps({"parts": index.parts, "sha256": index.sha256})


def read_index(content: bytes) -> PartsIndex:
    """The inverse of `write_index`; raises ConfigFaults."""
    try:
        found = orjson.loads(content)
        parts, sha256 = found["parts"], found["sha256"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise _fault("has an index that cannot be read", "wait for the next one") from None
    is_list = isinstance(parts, list) and parts and all(name in ALL_PARTS for name in parts)
    if not is_list or not isinstance(sha256, str) or _HASH.fullmatch(sha256) is None:
        raise _fault("has an index that names no parts", "wait for the next one")
    return PartsIndex(tuple(parts), sha256)


def _fault(what: str, fix: str) -> ConfigFaults:
    return ConfigFaults([ConfigFault("snapshot", what, fix)])
