"""Whose turn it is to write, where several processes write to one log.

A write of many lines to a pipe may be cut anywhere, and another process's may come between (POSIX write: only up to
PIPE_BUF bytes are whole). So each chunk is written under a lock: of the kernel's record locks (fcntl), which the death
of its holder releases. The locked file holds one byte, `1` while somebody's line may be incomplete, so that the next
one closes it.
"""

import fcntl
import os

__all__ = ["LogTurn", "new_turn"]

_WHOLE = b"0"
_TORN = b"1"


class LogTurn:
    """`fd`: an open file that all processes share, as `new_turn` made it. One thread of a process only."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def take(self) -> bool:
        """Waits for one's turn; whether half a line stands at the end of the log."""
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        torn = os.pread(self._fd, 1, 0) == _TORN
        os.pwrite(self._fd, _TORN, 0)  # until `leave`: if this process is killed between, its line is torn
        return torn

    def leave(self, *, torn: bool) -> None:
        """The chunk is written; `torn`: not to the end of a line."""
        os.pwrite(self._fd, _TORN if torn else _WHOLE, 0)
        fcntl.lockf(self._fd, fcntl.LOCK_UN)


def new_turn() -> int:
    """The descriptor of a file for `LogTurn`, to be inherited."""
    fd = os.memfd_create("tidegate-log")
    os.pwrite(fd, _WHOLE, 0)
    return fd
