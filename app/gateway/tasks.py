"""What runs beside the traffic: tasks that somebody holds, so that none is collected and no fault is lost."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Tasks"]


class Tasks:
    """`report` gets every fault of ours: one that ended a task, or one that a timer's callback caught."""

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Callable[[BaseException], None]) -> None:
        self._loop = loop
        self.report = report
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run `work` until it ends or `cancel` is called."""
        task = self._loop.create_task(work)
        self._running.add(task)
        self.watch(task)
        return task

    def watch(self, task: "asyncio.Task[None]") -> None:
        """Report a fault of a task that somebody else holds and ends."""
        task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """End all that still run."""
        for task in tuple(self._running):
            task.cancel()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.report(error)
