"""Fields between HTTP/2's pairs of name and value and the header lines that the gateway passes on (RFC 9113 §8.2)."""

from typing import Final, TypeAlias

from app.dataplane.codec.field_lines import Field, FieldLines
from app.dataplane.codec.http2_owner import Pairs

__all__ = ["Pair", "add_pairs", "read_trailers"]

Pair: TypeAlias = tuple[bytes, bytes]

MAX_KEPT_PAIRS: Final = 2048
MAX_KEPT_LINE_BYTES: Final = 256
"""So that what is kept takes at most 2 MiB."""

_IN_THE_HEAD_ONLY: Final = frozenset({b"content-length", b"transfer-encoding"})
# Most lines repeat from message to message; those that do not push the others out seldom enough
_KEPT: Final[dict[bytes, Pair]] = {}


def add_pairs(pairs: list[Pair], lines: bytes) -> None:
    """Add what `lines` (each ended by CRLF) say; names go out in lower case."""
    kept = _KEPT
    for line in lines.split(b"\r\n"):
        pair = kept.get(line)
        if pair is None:
            if not line:
                continue  # behind the last one
            pair = _read(line)
        pairs.append(pair)


def _read(line: bytes) -> Pair:
    name, _, value = line.partition(b": ")
    pair = (name.lower(), value)
    if len(line) <= MAX_KEPT_LINE_BYTES:
        if len(_KEPT) >= MAX_KEPT_PAIRS:
            _KEPT.clear()
        _KEPT[line] = pair
    return pair


def read_trailers(pairs: Pairs, known: FieldLines) -> list[Field] | None:
    """The fields behind a body; None where one is malformed (RFC 9113 §8.1). `known`: of its direction."""
    trailers: list[Field] = []
    for pair in pairs:
        field = known.read_pair(pair)
        if field is None or field.name in _IN_THE_HEAD_ONLY:
            return None
        trailers.append(field)
    return trailers
