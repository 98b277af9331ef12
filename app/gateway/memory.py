"""How the C library keeps memory that was freed: for the next body, instead of giving it back at once."""

import ctypes

__all__ = ["keep_freed_memory"]

# malloc.h of glibc
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
TRIM_BYTES = 16 << 20
TOP_PAD_BYTES = 1 << 20
MMAP_BYTES = 4 << 20


def keep_freed_memory() -> bool:
    """Keep up to TRIM_BYTES of freed memory; False where the C library has no such setting (musl).

    A body passes in pieces of up to 256 KiB. By default glibc returns each to the kernel and faults its pages
    in again for the next one: half of the system time of a 1 MiB answer (660 against 350 µs, measured).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = ((_M_TRIM_THRESHOLD, TRIM_BYTES), (_M_TOP_PAD, TOP_PAD_BYTES), (_M_MMAP_THRESHOLD, MMAP_BYTES))
    taken = [mallopt(name, value) for name, value in settings]
    return all(taken)
