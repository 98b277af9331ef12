"""The items of a snapshot's tables as a gateway keeps them: each as the bytes of its canonical JSON.

A gateway needs them once more for each delta: what did not change is taken over from them, and the hash is of the
whole. Decoded, 3,000 routes take 4.2 MiB; so they take 0.8. An item that is the same object is the same: nobody
changes it. JSON has no bytes, so nothing else in a document can be taken for such an item.
"""

from collections.abc import Mapping

import orjson

__all__ = ["canonical", "kept_item", "kept_tables", "read_item"]


def canonical(document: object) -> bytes:
    """Canonical JSON: keys sorted, no spaces. What is kept so already is put in as it is."""
    return orjson.dumps(document, default=orjson.Fragment, option=orjson.OPT_SORT_KEYS)


def kept_item(item: object) -> bytes:
    """Of as many bytes as it has: what orjson returns keeps a buffer of kilobytes, 16 MiB for 4,000 items."""
    return bytes(memoryview(canonical(item)))


def kept_tables(tables: Mapping[str, object]) -> dict[str, object]:
    """`tables`, of which each mapping that is in a list is kept so; those that are already are the same objects."""
    return {key: _kept(listed) if isinstance(listed, list) else listed for key, listed in tables.items()}


def _kept(items: list[object]) -> list[object]:
    return [kept_item(item) if isinstance(item, dict) else item for item in items]


def read_item(item: object) -> object:
    """The item decoded, whether it is kept as bytes or not."""
    return orjson.loads(item) if isinstance(item, bytes) else item
