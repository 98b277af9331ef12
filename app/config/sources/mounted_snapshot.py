"""The snapshot's file: the operator's ConfigMap, mounted. Gateways boot from it, without the operator.

The kubelet swaps such a volume by a symlink, and it may be absent (`optional`): then there is none yet. A snapshot that
is too large for one ConfigMap lies beside it as an index and parts (`sync/snapshot_parts.py`), each a file.
"""

import os

import orjson

from app.config.sources.file import read_source
from app.config.sync.packing import unpack_bytes
from app.config.sync.snapshot import MAX_PLAIN_BYTES, SNAPSHOT_KEY, Snapshot, decode_to_keep
from app.config.sync.snapshot_parts import ALL_PARTS, INDEX_KEY, join, read_index
from app.foundation.errors import BadValue, ConfigFault, ConfigFaults

__all__ = [
    "claimed_mark",
    "decode_file",
    "mounted_content",
    "read_snapshot",
    "snapshot_path",
    "watched_paths",
]


def snapshot_path(path: str) -> str:
    """`path` itself, or the snapshot's name in the folder that it is or will be."""
    if os.path.isdir(path) or not os.path.basename(path).endswith((".gz", ".json")):
        return os.path.join(path, SNAPSHOT_KEY)
    return path


def read_snapshot(path: str) -> Snapshot | None:
    """What the file holds now, None where there is none; raises ConfigFaults."""
    content = mounted_content(path)
    return None if content is None else decode_file(content, path)


def watched_paths(path: str) -> tuple[str, ...]:
    """All files that the snapshot at `path` may lie in."""
    folder = os.path.dirname(path)
    return (path, *(os.path.join(folder, name) for name in (INDEX_KEY, *ALL_PARTS)))


def mounted_content(path: str) -> bytes | None:
    """The packed snapshot, put together from its parts where it has some; None where there is none.

    Raises ConfigFaults that name the file, also while the parts of two snapshots lie there.
    """
    folder = os.path.dirname(path)
    index_path = os.path.join(folder, INDEX_KEY)
    if os.path.exists(path):
        return read_source(path)
    if not os.path.exists(index_path):
        return None
    try:
        index = read_index(read_source(index_path))
        places = {part: os.path.join(folder, part) for part in index.parts}
        parts = {part: read_source(at) if os.path.exists(at) else None for part, at in places.items()}
        return join(index, parts)
    except ConfigFaults as faults:
        raise _named(faults, index_path) from None


def decode_file(content: bytes, path: str) -> Snapshot:
    """Raises ConfigFaults that name the file."""
    try:
        return decode_to_keep(content)
    except ConfigFaults as faults:
        raise _named(faults, path) from None


def _named(faults: ConfigFaults, path: str) -> ConfigFaults:
    return ConfigFaults(
        ConfigFault(fault.path if path in fault.path else f"{path}: {fault.path}", fault.what, fault.fix)
        for fault in faults.faults
    )


def claimed_mark(content: bytes) -> tuple[str, int] | None:
    """Lineage and sequence that a snapshot which cannot be decoded says it has; None where it says none."""
    try:
        plain = content
        if content.startswith(b"\x1f\x8b"):  # gzip
            plain = unpack_bytes(content, MAX_PLAIN_BYTES)
        body = orjson.loads(plain)
        lineage, sequence = body["lineage"], body["sequence"]
    except (BadValue, orjson.JSONDecodeError, LookupError, TypeError):
        return None
    is_mark = isinstance(lineage, str) and len(lineage) == 36 and type(sequence) is int and sequence > 0
    return (lineage, sequence) if is_mark else None
