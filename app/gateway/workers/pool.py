"""All workers: started before the gateway is ready, replaced when they die, drained at its end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from app.foundation.clock import now_s
from app.foundation.errors import StartFault
from app.foundation.version import VERSION
from app.gateway.link.end import CallFault, LinkLost
from app.gateway.link.message import Json, Message
from app.gateway.tasks import Tasks
from app.gateway.workers.worker import Worker, WorkerState

__all__ = ["DRAIN", "PING", "Workers"]

LOG = logging.getLogger("tidegate.workers")

DRAIN: Final = "drain"
"""Drain as one process would; the body is the delay and the timeout in seconds."""
PING: Final = "ping"
"""Reply."""
START_S: Final = 60.0
"""How long a worker may take until it serves; a second on an idle machine."""
PING_EVERY_S: Final = 5.0
DEAF_S: Final = 30.0
"""A worker that does not reply for so long serves nobody any more: it is killed and replaced."""
END_S: Final = 3.0
"""How long a drained worker may take to exit before it is killed."""

Watcher = Callable[[Worker], None]


class Workers:
    """`boot`: the message that a new worker is called with (`link.call`), made for each by itself.

    Who subscribes to workers does so before `start`.
    """

    def __init__(self, boot: Callable[[], Message], tasks: Tasks, log_lock: int) -> None:
        self._boot = boot
        self._tasks = tasks
        self._log_lock = log_lock
        self._connected: list[Watcher] = []
        self._opened: list[Watcher] = []
        self._ready: list[Watcher] = []
        self._gone: list[Watcher] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._is_ending = False
        self.each: Sequence[Worker] = ()

    def on_connected(self, callback: Watcher) -> None:
        """Call `callback` with each new process of a worker before it says or hears anything: to take its messages."""
        self._connected.append(callback)

    def on_ready(self, callback: Watcher) -> None:
        """Call `callback` with each worker that begins to serve."""
        self._ready.append(callback)

    def on_opened(self, callback: Watcher) -> None:
        """Call `callback` with each worker that can be told something, before it is told its configuration."""
        self._opened.append(callback)

    def on_gone(self, callback: Watcher) -> None:
        """Call `callback` with each worker whose process has ended; its link is closed."""
        self._gone.append(callback)

    @property
    def ready_count(self) -> int:
        return sum(worker.is_ready for worker in self.each)

    async def start(self, listeners: Iterable[socket.socket]) -> None:
        """One worker per listener; returns when all serve. Raises StartFault where one cannot, and ends all then."""
        self.each = tuple(Worker(number, each) for number, each in enumerate(listeners, 1))
        results = await asyncio.gather(*map(self._first_start, self.each), return_exceptions=True)
        faults = [result for result in results if isinstance(result, BaseException)]
        if faults:
            await self.end()
            raise faults[0]
        spawn = self._tasks.spawn
        self._keeping = [spawn(watch(worker)) for worker in self.each for watch in (self._keep, self._ping)]

    def notify(self, kind: str, body: Json = None, blob: bytes = b"") -> None:
        """A notice to every worker that has begun; a later one gets what it says with its boot."""
        for worker in self.each:
            if worker.state is not WorkerState.GONE:
                worker.link.notify(kind, body, blob)

    async def call(
        self,
        kind: str,
        body: Json = None,
        blob: bytes = b"",
        *,
        within_s: float,
        only: Collection[Worker] | None = None,
    ) -> dict[Worker, Json | CallFault | TimeoutError]:
        """Call every worker that has begun, all at the same time: what each replied, or why it did not.

        `only`: no others than these. One that dies meanwhile is left out.
        """

        async def one(worker: Worker) -> Json:
            try:
                async with asyncio.timeout(within_s):
                    return await worker.link.call(kind, body, blob)
            except (CallFault, TimeoutError) as fault:
                return fault

        asked = self.each if only is None else only
        begun = [worker for worker in asked if worker.state is not WorkerState.GONE]
        replies = await asyncio.gather(*map(one, begun), return_exceptions=True)
        found = dict(zip(begun, replies, strict=True))
        for reply in replies:
            if isinstance(reply, BaseException) and not isinstance(
                reply, (LinkLost, CallFault, TimeoutError)
            ):
                raise reply
        return {worker: reply for worker, reply in found.items() if not isinstance(reply, LinkLost)}

    async def drain(
        self, delay_s: float, timeout_s: float, end_viewers: Callable[[], None] = lambda: None
    ) -> None:
        """Let all end as one gateway does (`gateway.drain`); no worker is replaced from now on."""
        self._is_ending = True
        for task in self._keeping:
            task.cancel()
        draining = asyncio.ensure_future(
            self.call(DRAIN, [delay_s, timeout_s], within_s=delay_s + timeout_s + END_S)
        )
        if delay_s:
            await asyncio.sleep(delay_s)
        for worker in self.each:
            worker.close_listener()
        end_viewers()
        await draining
        await self.end()

    async def end(self) -> None:
        """Close the links, which ends the workers; kill one that does not."""
        self._is_ending = True
        living = [worker for worker in self.each if worker.state is not WorkerState.GONE]
        for worker in living:
            worker.link.close()
        ends = [asyncio.ensure_future(worker.ended()) for worker in living]
        if ends:
            _, late = await asyncio.wait(ends, timeout=END_S)
            for worker, end in zip(living, ends, strict=True):
                if end in late:
                    LOG.warning("worker %d did not end, it is killed", worker.number)
                    worker.kill()
            await asyncio.gather(*ends)
        for worker in self.each:
            worker.close_listener()

    async def _first_start(self, worker: Worker) -> None:
        why = await self._start(worker)
        if why is not None:
            raise StartFault(f"worker {worker.number} cannot start: {why}; WORKERS=1 needs no other process")

    async def _start(self, worker: Worker) -> str | None:
        """None once it serves, else why it does not; it is killed then."""
        try:
            await worker.start(self._tasks.report, self._log_lock, self._publish_connected)
        except OSError as error:
            return str(error.strerror or error)
        for callback in self._opened:
            callback(worker)
        boot = self._boot()
        try:
            async with asyncio.timeout(START_S):
                version = await worker.link.call(boot.kind, boot.body, boot.blob)
        except CallFault as fault:
            why = str(fault)
        except LinkLost:
            why = "it ended before it served"
        except TimeoutError:
            why = f"it does not serve after {START_S:g} s"
        else:
            if version == VERSION:
                worker.state = WorkerState.READY
                for callback in self._ready:
                    callback(worker)
                return None
            why = f"it is version {version}, this process is {VERSION}: restart the gateway"
        worker.kill()
        return why

    def _publish_connected(self, worker: Worker) -> None:
        for callback in self._connected:
            callback(worker)

    async def _ping(self, worker: Worker) -> None:
        """Kill it when its event loop stands still; `_keep` replaces it then."""
        while True:
            await asyncio.sleep(PING_EVERY_S)
            if not worker.is_ready:
                continue
            try:
                async with asyncio.timeout(DEAF_S):
                    await worker.link.call(PING)
            except TimeoutError:
                LOG.error("worker %d has not replied for %g s, it is killed", worker.number, DEAF_S)
                worker.kill()
            except (CallFault, LinkLost):
                continue  # its death is seen elsewhere

    async def _keep(self, worker: Worker) -> None:
        """Replace its process as often as it ends."""
        why = ""
        while True:
            if worker.state is not WorkerState.GONE:
                worker.why_ended = _ending(await worker.ended()) + (f" ({why})" if why else "")
                if self._is_ending:
                    return
                for callback in self._gone:
                    callback(worker)
                pause_s = self._log_end(worker)
            else:
                pause_s = worker.backoff.pause_s(0.0)
                LOG.error("worker %d cannot be started (%s); again in %g s", worker.number, why, pause_s)
            await asyncio.sleep(pause_s)
            worker.restarts += 1
            why = await self._start(worker) or ""
            if not why:
                LOG.info("worker %d serves again, process %d", worker.number, worker.pid)

    def _log_end(self, worker: Worker) -> float:
        """Say that it ended; how many seconds its successor has to wait."""
        lived_s = now_s() - worker.started_s
        pause_s = worker.backoff.pause_s(lived_s)
        when = f"in {pause_s:g} s: {worker.backoff.deaths} ended at once in a row" if pause_s else "now"
        LOG.error(
            "worker %d %s after %.1f s; its connections are lost, its successor starts %s",
            worker.number,
            worker.why_ended,
            lived_s,
            when,
        )
        return pause_s


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by signal {-status} ({signal.strsignal(-status)})"
