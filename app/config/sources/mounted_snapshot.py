"""The snapshot's file: the operator's ConfigMap, mounted. Gateways boot from it, without the operator.

The kubelet swaps such a volume by a symlink, and it may be absent (`optional`): then there is none yet.
"""

import os
import zlib

import orjson

from app.config.sources.file import read_source
from app.config.sync.snapshot import MAX_PLAIN_BYTES, SNAPSHOT_KEY, Snapshot, decode
from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["claimed_mark", "decode_file", "read_snapshot", "snapshot_path"]


def snapshot_path(path: str) -> str:
    """`path` itself, or the snapshot's name in the folder that it is or will be."""
    if os.path.isdir(path) or not os.path.basename(path).endswith((".gz", ".json")):
        return os.path.join(path, SNAPSHOT_KEY)
    return path


def read_snapshot(path: str) -> Snapshot | None:
    """What the file holds now, None where there is none; raises ConfigFaults."""
    if not os.path.exists(path):
        return None
    return decode_file(read_source(path), path)


def decode_file(content: bytes, path: str) -> Snapshot:
    """Raises ConfigFaults that name the file."""
    try:
        return decode(content)
    except ConfigFaults as faults:
        raise ConfigFaults(
            ConfigFault(f"{path}: {fault.path}", fault.what, fault.fix) for fault in faults.faults
        ) from None


def claimed_mark(content: bytes) -> tuple[str, int] | None:
    """Lineage and sequence that a snapshot which cannot be decoded says it has; None where it says none."""
    try:
        plain = content
        if content.startswith(b"\x1f\x8b"):  # gzip
            plain = zlib.decompressobj(31).decompress(content, MAX_PLAIN_BYTES)
        body = orjson.loads(plain)
        lineage, sequence = body["lineage"], body["sequence"]
    except (zlib.error, orjson.JSONDecodeError, LookupError, TypeError):
        return None
    is_mark = isinstance(lineage, str) and len(lineage) == 36 and type(sequence) is int and sequence > 0
    return (lineage, sequence) if is_mark else None
