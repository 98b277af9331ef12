"""Addresses of names, many looked up at a time, so that a dead name delays no other.

The loop's own look-up will not do: libuv runs two at once, and a name whose server does not respond takes
half a minute. These threads are daemons: one that waits for such a server keeps no process from its end.
"""

import asyncio
import queue
import socket
import threading
from contextlib import suppress
from typing import Final, TypeAlias

from app.foundation.host_name import asked_name

__all__ = ["MOST_THREADS", "Resolver"]

MOST_THREADS: Final = 64

_Job: TypeAlias = "tuple[str, int, asyncio.Future[list[str]]]"


class Resolver:
    """Threads start with the first name, and another one whenever all are busy, up to `most_threads`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most_threads: int = MOST_THREADS) -> None:
        self._loop = loop
        self._most_threads = most_threads
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0

    async def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, each once, in the system's order; raises OSError or UnicodeError."""
        found: asyncio.Future[list[str]] = self._loop.create_future()
        self._jobs.put((host, port, found))
        if not self._idle.acquire(blocking=False) and self._threads < self._most_threads:
            self._threads += 1
            threading.Thread(target=self._work, name="tidegate-resolver", daemon=True).start()
        return await found

    def stop(self) -> None:
        """Ends the threads, each after the name it is at; what still waits gets nothing."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            host, port, found = job
            try:
                infos = socket.getaddrinfo(
                    asked_name(host), port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
                )
            except (OSError, UnicodeError) as error:
                self._report(found, error)
            else:
                self._report(found, list(dict.fromkeys(str(info[4][0]) for info in infos)))
            self._idle.release()

    def _report(self, found: "asyncio.Future[list[str]]", result: list[str] | Exception) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_settle, found, result)


def _settle(found: "asyncio.Future[list[str]]", result: list[str] | Exception) -> None:
    if found.done():
        return
    if isinstance(result, Exception):
        found.set_exception(result)
    else:
        found.set_result(result)
