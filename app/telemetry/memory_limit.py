"""How much memory the process's control group may use: cgroup versions 1 and 2, the strictest ancestor.

Linux kernel documentation: cgroup-v2 (`memory.max`), cgroup-v1/memory (`memory.limit_in_bytes`).
"""

from pathlib import Path

from app.foundation.control_group import group_files

__all__ = ["memory_limit_bytes"]

_NO_LIMIT_BYTES = 1 << 60
"""Version 1 writes "none" as the largest number of pages it knows, just below 2**63."""


def memory_limit_bytes(root: Path = Path("/")) -> int | None:
    """None without a limit, and where the system does not say. `root`: where /proc and /sys stand."""
    files = group_files(root, "memory.max", "memory", "memory.limit_in_bytes")
    limits = [limit for file in files if (limit := _limit_bytes(file)) is not None]
    return min(limits, default=None)


def _limit_bytes(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) < _NO_LIMIT_BYTES else None
