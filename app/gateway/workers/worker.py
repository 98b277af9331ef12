"""One worker as the parent sees it: its socket, which outlives it, and the process and link that it has now."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from enum import StrEnum

from app.foundation.clock import now_s
from app.gateway.link.end import LinkEnd, open_link
from app.gateway.workers.backoff import Backoff
from app.gateway.workers.launch import launch

__all__ = ["Worker", "WorkerState"]


class WorkerState(StrEnum):
    """`STARTING` until it serves with the configuration in force; `GONE`: no process."""

    STARTING = "starting"
    READY = "ready"
    GONE = "gone"


class Worker:
    """`number` from 1 on. `link` is another one for each process. `restarts`: processes after the first.

    `why_ended`: of its last process that ended, for people.
    """

    def __init__(self, number: int, listener: socket.socket) -> None:
        self.number = number
        self.state = WorkerState.GONE
        self.restarts = 0
        self.started_s = 0.0
        self.why_ended = ""
        self.backoff = Backoff()
        self.link: LinkEnd
        self._listener = listener
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of its process; None while it has none."""
        return self._process.pid if self._process is not None else None

    @property
    def is_ready(self) -> bool:
        return self.state is WorkerState.READY

    async def start(
        self, report: Callable[[BaseException], None], log_lock: int, connected: Callable[["Worker"], None]
    ) -> None:
        """A new process and its link; `connected` before anything can be heard of it. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            self._process = await launch(self.number, self._listener, theirs, log_lock)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.state, self.started_s = WorkerState.STARTING, now_s()
        self.link = LinkEnd(f"worker {self.number}", lambda _: self.kill(), report)
        connected(self)
        await open_link(self.link, ours)

    async def ended(self) -> int:
        """Waits for the end of its process; returns its status, negative: the signal."""
        process = self._process
        assert process is not None  # noqa: S101 - it was started
        status = await process.wait()
        self.state, self._process = WorkerState.GONE, None
        self.link.close()
        return status

    def kill(self) -> None:
        """At once; who waits for its end hears of it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def close_listener(self) -> None:
        """No more connections for it or a successor: those that it has not accepted are rejected."""
        self._listener.close()
