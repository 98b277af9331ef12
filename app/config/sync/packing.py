"""What goes between operator and gateways as gzip: the same bytes for the same content, unpacked within a bound."""

import zlib

from app.foundation.errors import BadValue

__all__ = ["pack_bytes", "unpack_bytes"]

_GZIP = 31  # zlib's window bits for gzip framing, whose head holds no time then


def pack_bytes(plain: bytes) -> bytes:
    """`plain` in gzip (RFC 1952)."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    return squeeze.compress(plain) + squeeze.flush()


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
