"""Files that may change while they are in use: the configuration file and the keys file.

Changes are found by asking for the file's state (inode, size, times, real path) every 0.3 s: that also
sees atomic renames and the `..data` symlink swaps of a ConfigMap, on every file system. A changed file is
read once it has stood still for one interval, so that no half of a change is read; all within 1 s.
"""

import asyncio
import logging
import os
import stat
from collections.abc import Callable, Sequence

from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.file_size import MAX_FILE_BYTES, check_size

__all__ = ["FileSource", "OnChange", "read_source"]

_log = logging.getLogger(__name__)

POLL_S = 0.3
LARGE_BYTES = 256 << 10
"""A file larger than this is read off the loop's thread."""

OnChange = Callable[[str, bytes | ConfigFaults], None]
"""Gets the path and the new bytes, or the ConfigFaults that say why the file cannot be read any more."""

_State = tuple[int, int, int, int, int, str]

_CURES: tuple[tuple[type[OSError], str, str], ...] = (
    (FileNotFoundError, "does not exist", "check the path, or that the volume is mounted"),
    (NotADirectoryError, "is below something that is no folder", "check the path"),
    (PermissionError, "may not be read", "give this user the right to read it"),
)


def read_source(path: str) -> bytes:
    """All bytes of a file; raises ConfigFaults if it is missing, unreadable, no regular file or too large."""
    try:
        kept = os.stat(path)
        if not stat.S_ISREG(kept.st_mode):
            what = "is a folder" if stat.S_ISDIR(kept.st_mode) else "is no regular file"
            raise ConfigFaults([ConfigFault(path, what, "give the path of a YAML file")])
        check_size(kept.st_size, path)
        with open(path, "rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        check_size(len(content), path)  # it may have grown since
        return content
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ConfigFaults([_unreadable(path, error)]) from error


def _unreadable(path: str, error: Exception) -> ConfigFault:
    for kind, what, fix in _CURES:
        if isinstance(error, kind):
            return ConfigFault(path, what, fix)
    cause = error.strerror if isinstance(error, OSError) else None
    return ConfigFault(path, f"cannot be read ({cause or error})", "check the path and the disk")


def _state(path: str) -> _State | None:
    """What changes when the file does; None if there is no such file now."""
    try:
        kept = os.stat(path)
        return (
            kept.st_dev,
            kept.st_ino,
            kept.st_size,
            kept.st_mtime_ns,
            kept.st_ctime_ns,
            os.path.realpath(path),
        )
    except (OSError, ValueError):
        return None


class _Watched:
    """One file: the state that was last reported, and the one seen at the last poll."""

    __slots__ = ("path", "reported", "seen")

    def __init__(self, path: str) -> None:
        self.path = path
        self.reported = self.seen = _state(path)

    def is_due(self) -> bool:
        """Whether there is something new to report."""
        before, self.seen = self.seen, _state(self.path)
        return self.seen != self.reported and self.seen == before


class FileSource:
    """Watches `paths`. The state at construction counts as known: construct it before the first `read_source`."""

    def __init__(self, paths: Sequence[str], poll_s: float = POLL_S) -> None:
        self._watched = [_Watched(path) for path in dict.fromkeys(paths)]
        self._poll_s = poll_s

    def watch(self, paths: Sequence[str]) -> None:
        """Watches `paths` from now on; what is known of those already watched is kept."""
        known = {watched.path: watched for watched in self._watched}
        self._watched = [known.get(path) or _Watched(path) for path in dict.fromkeys(paths)]

    async def run(self, on_change: OnChange) -> None:
        """Polls until cancelled and never raises: the top of a supervised task."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.poll(on_change)
            except Exception:  # a fault in `on_change` must not end the watch for good
                _log.exception("a changed file could not be taken over; the watch goes on")

    async def poll(self, on_change: OnChange) -> None:
        """Looks once at every file and hands each change that is due to `on_change`."""
        for watched in self._watched:
            if watched.is_due():
                seen = watched.seen
                content = await _read(watched.path, 0 if seen is None else seen[2])
                if _state(watched.path) == seen:  # else it changed while it was read: next poll
                    watched.reported = seen
                    on_change(watched.path, content)


async def _read(path: str, size_bytes: int) -> bytes | ConfigFaults:
    try:
        if size_bytes > LARGE_BYTES:
            return await asyncio.to_thread(read_source, path)
        return read_source(path)
    except ConfigFaults as faults:
        return faults
