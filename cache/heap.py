"""How this process gets memory for values: each large one in a mapping of its own, given back when it goes.

In one heap, values of all sizes leave holes that fit no other: measured with sizes of 0 B to 1 MiB and a
cache of 64 MiB, that took up to 21 MB more.
"""

import ctypes

__all__ = ["settle_heap"]

_M_MMAP_THRESHOLD = -3  # malloc.h
MMAP_BYTES = 64 * 1024  # set, it no longer grows with what is freed (mallopt(3))


def settle_heap() -> bool:
    """Whether the C library took it; one that has no such setting goes on as it is."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES))
    except (AttributeError, OSError):
        return False
