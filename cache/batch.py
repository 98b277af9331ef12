"""Calls made in one tick of the loop travel together: one pipeline, one connection, one system call each way.

A call per connection would cost a round trip's worth of work each and, under load, more connections than the
pool has.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from cache.errors import StoreDown

__all__ = ["Batcher", "Sized"]

MAX_CALLS = 128
MAX_BYTES = 1024 * 1024  # so that one batch's answer stays far within the socket's timeout


class Sized(Protocol):
    """A call; `size_bytes` estimates what travels either way."""

    @property
    def size_bytes(self) -> int: ...


Call = TypeVar("Call", bound=Sized)
Reply = TypeVar("Reply")


class Batcher(Generic[Call, Reply]):
    """`send` gets a batch and returns a reply or an error per call; it raises StoreDown for all of them.

    At most `max_flying` batches are under way; what comes meanwhile fills the next ones.
    """

    def __init__(
        self, send: Callable[[Sequence[Call]], Awaitable[Sequence[Reply | StoreDown]]], max_flying: int
    ) -> None:
        self._send = send
        self._max_flying = max_flying
        self._waiting: list[tuple[Call, asyncio.Future[Reply]]] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._begun = False

    def call(self, call: Call) -> "asyncio.Future[Reply]":
        """Puts the call into the next batch; the future raises StoreDown."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((call, future))
        if not self._begun and len(self._flying) < self._max_flying:
            self._begun = True
            loop.call_soon(self._depart)
        return future

    async def close(self) -> None:
        """Fails what waits and waits for what is under way (bounded by the socket's timeouts)."""
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(StoreDown("closing"))
        self._waiting.clear()
        while self._flying:
            await asyncio.wait(self._flying)

    def _depart(self) -> None:
        self._begun = False
        while self._waiting and len(self._flying) < self._max_flying:
            count = _fitting([call.size_bytes for call, _ in self._waiting[:MAX_CALLS]])
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            task = asyncio.get_running_loop().create_task(self._fly(batch))
            self._flying.add(task)
            task.add_done_callback(self._landed)

    async def _fly(self, batch: list[tuple[Call, "asyncio.Future[Reply]"]]) -> None:
        replies: Sequence[Reply | StoreDown]
        try:
            replies = await self._send([call for call, _ in batch])
        except StoreDown as down:
            # one instance per waiter: a shared one would grow its traceback
            replies = [StoreDown(down.cause) for _ in batch]
        for (_, future), reply in zip(batch, replies, strict=True):
            if future.done():  # its caller is gone
                continue
            if isinstance(reply, StoreDown):
                future.set_exception(reply)
            else:
                future.set_result(reply)

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._flying.discard(task)
        if self._waiting:
            self._depart()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error  # a fault of ours: the loop's exception handler logs it with its trace


def _fitting(sizes_bytes: list[int]) -> int:
    """How many calls of the row go into one batch: at least one."""
    total_bytes = 0
    for count, size_bytes in enumerate(sizes_bytes):
        total_bytes += size_bytes
        if count and total_bytes > MAX_BYTES:
            return count
    return len(sizes_bytes)
