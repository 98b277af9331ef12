"""A control group of its own with a memory limit, for a child process; only where this user may make one.

with MemoryGroup(64 << 20) as group:
    Child(group.wrap([sys.executable, "-m", "app", "gateway"]))
"""

import uuid
from collections.abc import Sequence
from pathlib import Path

__all__ = ["MemoryGroup"]

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")


class MemoryGroup:
    """Raises OSError where no group can be made. Its processes must have ended when it is left."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        parent, self._file = (
            (_V1, "memory.limit_in_bytes")
            if (_V1 / "memory.limit_in_bytes").exists()
            else (_V2, "memory.max")
        )
        self.folder = parent / f"tidegate-test-{uuid.uuid4().hex}"

    def __enter__(self) -> "MemoryGroup":
        self.folder.mkdir()
        try:
            self.limit(self._limit_bytes)
        except OSError:
            self.folder.rmdir()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.rmdir()

    def limit(self, limit_bytes: int) -> None:
        (self.folder / self._file).write_text(str(limit_bytes))

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """The command, started inside the group."""
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh", *argv]
