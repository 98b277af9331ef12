"""How the C library keeps memory: chosen once, at start; a library without the setting goes on as it is."""

import ctypes

__all__ = ["give_back", "keep_freed_memory", "map_large_values"]

# malloc.h of glibc
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
TRIM_BYTES = 16 << 20
TOP_PAD_BYTES = 1 << 20
KEPT_MMAP_BYTES = 4 << 20
LARGE_BYTES = 64 << 10


def keep_freed_memory() -> bool:
    """For a gateway: keep up to TRIM_BYTES of freed memory for the next body, in one heap. Whether the library took it.

    A body passes in pieces of up to 256 KiB. By default glibc returns each to the kernel and faults its pages
    in again for the next one: half of the system time of a 1 MiB response (660 against 350 µs, measured).

    One heap for all threads: each change of the configuration is prepared in one thread or another, and a heap for each
    of them would keep what the largest change took. They seldom ask for memory at once, since Python's lock is one.
    """
    return _set(
        (_M_ARENA_MAX, 1),
        (_M_TRIM_THRESHOLD, TRIM_BYTES),
        (_M_TOP_PAD, TOP_PAD_BYTES),
        (_M_MMAP_THRESHOLD, KEPT_MMAP_BYTES),
    )


def map_large_values() -> bool:
    """For a cache: each large value in a mapping of its own, given back when it goes. Whether the library took it.

    In one heap, values of all sizes leave holes that fit no other: measured with sizes of 0 B to 1 MiB and a
    cache of 64 MiB, that took up to 21 MB more. Once set, the threshold
    no longer grows with what is freed (mallopt(3)).
    """
    return _set((_M_MMAP_THRESHOLD, LARGE_BYTES))


def give_back() -> bool:
    """Every page that nothing is in goes back to the kernel, amid the heap too. Whether the library can (malloc_trim).

    Takes half a millisecond of a heap of 20 MiB, and what comes next faults its pages in again.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # musl
        return False
    trim(0)
    return True


def _set(*options: tuple[int, int]) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl
        return False
    taken = [bool(mallopt(name, value)) for name, value in options]
    return all(taken)
