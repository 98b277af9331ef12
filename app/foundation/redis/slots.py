"""Which node of a Cluster holds a key (Redis Cluster specification, "Key distribution model"). Pure."""

from binascii import crc_hqx
from collections.abc import Iterable
from typing import Any

__all__ = ["SLOTS", "Address", "primaries_of", "slot_of"]

SLOTS = 16384

Address = tuple[str, int]


def slot_of(key: bytes) -> int:
    """CRC-16 (XMODEM) of the key's hash tag, or of the whole key if it has none."""
    _, brace, rest = key.partition(b"{")
    tag, end, _ = rest.partition(b"}")
    return crc_hqx(tag if brace and end and tag else key, 0) % SLOTS


def primaries_of(reply: Iterable[Any], asked_host: str) -> list[Address | None]:
    """The primary of each slot from the reply to CLUSTER SLOTS; None for a slot that nobody serves.

    A node that does not know its own host name is at `asked_host`, where the question was sent.
    """
    primaries: list[Address | None] = [None] * SLOTS
    for first, last, primary, *_ in reply:
        host = primary[0].decode() if primary[0] else asked_host
        primaries[first : last + 1] = [(host, int(primary[1]))] * (last + 1 - first)
    return primaries
