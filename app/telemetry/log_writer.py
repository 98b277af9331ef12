"""Writes log lines from one daemon thread, so that a slow or full sink never holds up the loop.

`put` is called by the loop and returns at once; what would make more than `max_waiting_bytes` wait is
dropped and counted, as is what the sink does not take (full disk, closed pipe). No lock: each counter has one
writing thread.
"""

import logging
import os
import select
from enum import Enum
from queue import SimpleQueue
from threading import Thread
from typing import Final

from app.foundation.errors import StartFault
from app.telemetry.log_turn import LogTurn

__all__ = ["LineWriter"]

_log: Final = logging.getLogger(__name__)


class _Order(Enum):
    """What the thread is asked to do between two chunks."""

    STOP = 0
    REOPEN = 1


class LineWriter:
    """Lines to a file (`path`) or to an open descriptor (`fd`, which stays its owner's).

    `turn`: taken for each chunk, where other processes write to the same sink; None where none does. Raises StartFault
    when the file cannot be opened for appending.
    """

    def __init__(
        self, path: str | None, fd: int, max_waiting_bytes: int, turn: LogTurn | None = None
    ) -> None:
        self._turn = turn
        self._path = path
        self._fd = fd if path is None else _open_to_start(path)
        self._max_waiting_bytes = max_waiting_bytes
        self._queue: SimpleQueue[tuple[bytes, int] | _Order] = SimpleQueue()
        self._put_bytes = self._put_lines = self._overflow_lines = 0  # the loop's
        self._done_bytes = self._done_lines = self._failed_lines = 0  # the thread's
        self._torn = self._failing = False
        self._writing = Thread(target=self._run, name="access-log", daemon=True)
        self._writing.start()

    @property
    def dropped_lines(self) -> int:
        """Lines that reached no sink; only ever rises."""
        return self._overflow_lines + self._failed_lines

    def put(self, chunk: bytes, lines: int) -> None:
        """`chunk`: `lines` whole lines, each with its newline; if it does not fit, its first ones that do."""
        room_bytes = self._max_waiting_bytes - (self._put_bytes - self._done_bytes)
        if len(chunk) > room_bytes:
            chunk = chunk[: chunk.rfind(b"\n", 0, max(room_bytes, 0)) + 1]
            fitting = chunk.count(b"\n")
            self._overflow_lines += lines - fitting
            lines = fitting
        if lines:
            self._put_bytes += len(chunk)
            self._put_lines += lines
            self._queue.put((chunk, lines))

    def drop(self, lines: int) -> None:
        """Count `lines` as lost without having made them."""
        self._overflow_lines += lines

    @property
    def is_full(self) -> bool:
        return self._put_bytes - self._done_bytes >= self._max_waiting_bytes

    def reopen(self) -> None:
        """Open the path again after what waits is written (log rotation); nothing for a descriptor."""
        if self._path is not None:
            self._queue.put(_Order.REOPEN)

    def close(self, timeout_s: float) -> int:
        """Write what waits for at most `timeout_s`; returns how many lines were left behind."""
        self._queue.put(_Order.STOP)
        self._writing.join(timeout_s)
        return self._put_lines - self._done_lines

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, _Order):
                if item is _Order.STOP:
                    break
                self._reopen()
                continue
            chunk, lines = item
            if self._turn is None:
                self._write_lines(chunk, lines)
            else:
                self._torn = self._turn.take()
                self._write_lines(chunk, lines)
                self._turn.leave(torn=self._torn)
            self._done_bytes += len(chunk)
            self._done_lines += lines
        if self._path is not None:
            os.close(self._fd)

    def _write_lines(self, chunk: bytes, lines: int) -> None:
        written = 0
        try:
            if self._torn:  # half a line stands at the end: close it, so that only that one is broken
                _write_some(self._fd, memoryview(b"\n"))
                self._torn = False
            view = memoryview(chunk)
            while written < len(chunk):
                written += _write_some(self._fd, view[written:])
        except OSError as fault:
            self._torn = self._torn or (written > 0 and chunk[written - 1] != 0x0A)
            self._failed_lines += lines - chunk.count(b"\n", 0, written)
            self._log_failure(fault)
            return
        if self._failing:
            self._failing = False
            _log.warning("access log %s takes lines again", self._path or "stdout")

    def _log_failure(self, fault: OSError) -> None:
        if not self._failing:  # once per failure, not once per batch
            self._failing = True
            _log.warning("access log %s: %s; lines are dropped", self._path or "stdout", fault.strerror)

    def _reopen(self) -> None:
        assert self._path is not None  # noqa: S101 — put there by reopen() only
        try:
            fd = _open(self._path)
        except OSError as fault:
            _log.warning(
                "access log %s cannot be reopened: %s; lines still go to the old file",
                self._path,
                fault.strerror,
            )
            return
        os.close(self._fd)
        self._fd = fd
        if os.fstat(fd).st_size == 0:
            self._torn = False


def _write_some(fd: int, view: memoryview) -> int:
    """os.write that waits where the descriptor does not (another owner of stdout may have set that)."""
    while True:
        try:
            return os.write(fd, view)
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()


def _open(path: str) -> int:
    # O_NONBLOCK: a named pipe without a reader must be a fault here and now, not a hang
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, flags, 0o640)
    os.set_blocking(fd, True)
    return fd


def _open_to_start(path: str) -> int:
    try:
        return _open(path)
    except OSError as fault:
        raise StartFault(
            f"ACCESS_LOG: cannot append to {path}: {fault.strerror}; "
            "name a file in a folder that this user may write to, or use stdout or off"
        ) from fault
