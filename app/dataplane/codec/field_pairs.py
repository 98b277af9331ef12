"""Fields between HTTP/2's pairs of name and value and the header lines that the gateway passes on (RFC 9113 §8.2)."""

from typing import Final, TypeAlias

from app.dataplane.codec.field_lines import Field, FieldLines
from app.dataplane.codec.http2_owner import Pairs
from app.dataplane.codec.unindexed_field import unindexed_field

__all__ = ["Pair", "add_pairs", "read_trailers"]

Pair: TypeAlias = tuple[bytes, bytes]

MAX_KEPT_PAIRS: Final = 2048
MAX_KEPT_PIECE_BYTES: Final = 256
"""So that what is kept takes at most 2 MiB."""

_IN_THE_HEAD_ONLY: Final = frozenset({b"content-length", b"transfer-encoding"})
# Never the same twice: in HPACK's table they would push out what repeats, and each would be compared with all before
_FLEETING: Final = frozenset({b"x-request-id", b"traceparent", b"ratelimit", b"grpc-timeout"})
_FLEETING_STARTS: Final = tuple(
    (name + b": ", name) for name in (b"x-request-id", b"ratelimit", b"traceparent", b"grpc-timeout")
)
"""As the gateway writes them, the most frequent one first."""
_NEWLINE: Final = 10
# Most lines repeat from message to message; those that do not push the others out seldom enough
_KEPT: Final[dict[bytes, tuple[Pair, ...]]] = {}


def add_pairs(pairs: list[Pair], lines: list[bytes]) -> None:
    """Add what `lines` (in pieces, of whole lines ended by CRLF) say; names go out in lower case."""
    kept = _KEPT
    for piece in lines:
        known = kept.get(piece)
        if known is not None:
            pairs.extend(known)
        else:
            _add_unknown(pairs, piece)


def _add_unknown(pairs: list[Pair], piece: bytes) -> bool:
    """The same of one piece that is not kept; whether it may come again, and is kept now."""
    if _add_fleeting(pairs, piece):
        return False
    first, lasts = len(pairs), True
    lines = piece.splitlines(True)
    if len(lines) == 1:
        name, _, value = piece.partition(b": ")
        name, value = name.lower(), value[:-2]
        if name in _FLEETING:
            pairs.append(unindexed_field(name, value))
            return False
        pairs.append((name, value))
    else:
        for line in lines:
            known = _KEPT.get(line)
            if known is not None:
                pairs.extend(known)
            elif not _add_unknown(pairs, line):
                lasts = False
    if lasts and len(piece) <= MAX_KEPT_PIECE_BYTES:
        if len(_KEPT) >= MAX_KEPT_PAIRS:
            _KEPT.clear()
        _KEPT[piece] = tuple(pairs[first:])
    return lasts


def _add_fleeting(pairs: list[Pair], piece: bytes) -> bool:
    """Whether it is one line of those that never come again, as the gateway writes them: 1 k instructions, not 4 k."""
    for start, name in _FLEETING_STARTS:
        if piece.startswith(start):
            value = piece[len(start) : -2]
            if _NEWLINE in value:
                return False
            pairs.append(unindexed_field(name, value))
            return True
    return False


def read_trailers(pairs: Pairs, known: FieldLines) -> list[Field] | None:
    """The fields behind a body; None where one is malformed (RFC 9113 §8.1). `known`: of its direction."""
    trailers: list[Field] = []
    for pair in pairs:
        field = known.read_pair(pair)
        if field is None or field.name in _IN_THE_HEAD_ONLY:
            return None
        trailers.append(field)
    return trailers
