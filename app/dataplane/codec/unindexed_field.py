"""A field that HPACK shall keep in no table (RFC 7541 §6.2.3), as the library of HTTP/2 takes it in a head."""

from collections.abc import Callable
from typing import Final

from ngh2 import NeverIndexedHeader

__all__ = ["unindexed_field"]

# Compiled, names of other packages are looked up each time
_CLASS: Final[type[NeverIndexedHeader]] = NeverIndexedHeader
_NEW: Final[Callable[[type[NeverIndexedHeader], tuple[bytes, bytes]], NeverIndexedHeader]] = tuple.__new__


def unindexed_field(name: bytes, value: bytes) -> NeverIndexedHeader:
    """A pair of both, and equal to it. Not to be copied into a plain tuple, which says nothing of tables."""
    return _NEW(_CLASS, (name, value))  # by the class itself it takes three times as long
