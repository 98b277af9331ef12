"""What goes between operator and gateways as gzip: the same bytes for the same content, unpacked within a bound."""

import zlib
from typing import Final

from app.foundation.errors import BadValue

__all__ = ["QUICK_BYTES", "pack_bytes", "unpack_bytes"]

QUICK_BYTES: Final = 512 * 1024
"""What is larger when packed quickly is packed densely: as much as the part of a snapshot in one ConfigMap."""

_GZIP = 31  # zlib's window bits for gzip framing, whose head holds no time then
# of 3,000 routes with names like people's: 3.4 ms and 127 KB, or 13.4 ms and 97 KB, and gateways wait meanwhile
_QUICK, _DENSE = 1, 6
_LARGE_BYTES = 8 * QUICK_BYTES  # hardly anything of this size would be small enough


def pack_bytes(plain: bytes) -> bytes:
    """`plain` in gzip (RFC 1952): quickly where little comes out, else densely, so that as much fits as can."""
    if len(plain) <= _LARGE_BYTES:
        packed = _pack(plain, _QUICK)
        if len(packed) <= QUICK_BYTES:
            return packed
    return _pack(plain, _DENSE)


def unpack_bytes(packed: bytes, most_bytes: int) -> bytes:
    """One whole gzip file of at most `most_bytes` when unpacked, of which no more is ever made; else BadValue."""
    inflate = zlib.decompressobj(_GZIP)
    try:
        plain = inflate.decompress(packed, most_bytes + 1)
    except zlib.error as error:
        raise BadValue(f"is no whole gzip file ({error})", "fetch it again") from error
    if len(plain) > most_bytes:
        raise BadValue(f"is larger than {most_bytes:,} bytes unpacked", "it must be smaller")
    if not inflate.eof or inflate.unused_data:
        raise BadValue("is no whole gzip file", "fetch it again")
    return plain


def _pack(plain: bytes, level: int) -> bytes:
    squeeze = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    return squeeze.compress(plain) + squeeze.flush()
