"""The files in which the process's control group says what it may use: of its own group, and of each ancestor.

Linux kernel documentation: cgroup-v2, cgroup-v1.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["group_files"]


def group_files(root: Path, unified: str, controller: str, older: str) -> Iterator[Path]:
    """One per group from the process's own to the mount's root; inside a container only the last exist.

    `root`: where /proc and /sys stand. `unified`: the file's name in version 2; `older` that in version 1, where
    `controller` has it. Nothing where the system does not say.
    """
    try:
        membership = (root / "proc/self/cgroup").read_text()
    except OSError:
        return
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            mount, file = root / "sys/fs/cgroup", unified
        elif controller in controllers.split(","):
            mount, file = root / "sys/fs/cgroup" / controller, older
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for ancestor in (group, *group.parents):
            yield mount / ancestor / file
