"""How much memory the process's control group may use: cgroup versions 1 and 2, the strictest ancestor.

Linux kernel documentation: cgroup-v2 (`memory.max`), cgroup-v1/memory (`memory.limit_in_bytes`).
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["memory_limit_bytes"]

_NO_LIMIT_BYTES = 1 << 60
"""Version 1 writes "none" as the largest number of pages it knows, just below 2**63."""


def memory_limit_bytes(root: Path = Path("/")) -> int | None:
    """None without a limit, and where the system does not say. `root`: where /proc and /sys stand."""
    try:
        membership = (root / "proc/self/cgroup").read_text()
    except OSError:
        return None
    limits = [limit for file in _limit_files(membership, root) if (limit := _limit_bytes(file)) is not None]
    return min(limits, default=None)


def _limit_files(membership: str, root: Path) -> Iterator[Path]:
    """One per group from the process's own to the mount's root; inside a container only the last exist."""
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            mount, file = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mount, file = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for ancestor in (group, *group.parents):
            yield mount / ancestor / file


def _limit_bytes(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) < _NO_LIMIT_BYTES else None
