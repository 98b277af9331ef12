"""What a route does to header fields (HTTPRoute: RequestHeaderModifier, ResponseHeaderModifier)."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.config.model import HeaderEdits

__all__ = ["FieldEdits", "compile_edits", "edited", "in_turn", "without"]

KEPT_NAMES: Final = 256


@dataclass(frozen=True, slots=True)
class FieldEdits:
    """Edits, compiled: `drop` (lower-case names) goes, then `lines` are appended."""

    drop: frozenset[bytes]
    lines: bytes


def compile_edits(edits: HeaderEdits) -> FieldEdits | None:
    """None for those that do nothing. The parser checked names and values."""
    if not (edits.remove or edits.set or edits.add):
        return None
    last_set = {name.lower(): (name, value) for name, value in edits.set}
    drop = {name.lower() for name in edits.remove} | last_set.keys()
    lines = "".join(f"{name}: {value}\r\n" for name, value in (*last_set.values(), *edits.add))
    return FieldEdits(_names(frozenset(name.encode() for name in drop)), lines.encode("latin-1"))


@lru_cache(KEPT_NAMES)
def _names(names: frozenset[bytes]) -> frozenset[bytes]:
    """One object for all routes that edit the same fields: each would take as much as the rest of its edits."""
    return names


def in_turn(first: FieldEdits | None, second: FieldEdits | None) -> FieldEdits | None:
    """One that does what `first` and then `second` would do."""
    if first is None or second is None:
        return first or second
    return FieldEdits(first.drop | second.drop, without(first.lines, second.drop) + second.lines)


def edited(lines: bytes, edits: FieldEdits) -> bytes:
    """Whole header lines, each ended by CRLF, with a route's edits: remove, then set, then add."""
    return (without(lines, edits.drop) if edits.drop else lines) + edits.lines


def without(lines: bytes, names: Collection[bytes]) -> bytes:
    """Header lines, each ended by CRLF, less those of `names` (lower-case)."""
    kept = [line for line in lines.split(b"\r\n")[:-1] if line.partition(b":")[0].lower() not in names]
    return b"".join([line + b"\r\n" for line in kept])
