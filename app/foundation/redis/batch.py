"""What one turn of the event loop sends, travels together: one pipeline, one connection, one system call each way.

A call per connection would cost a round trip's worth of work each and, under load, more connections than a pool has.
`TickSender` is the mechanism; `Batcher` puts futures on top of it, for callers that await one reply.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, Protocol, TypeVar

from app.foundation.errors import StoreDown

__all__ = ["Batcher", "Sized", "TickSender"]

MAX_CALLS = 128
MAX_BYTES = 1024 * 1024  # so that the reply to one batch stays far within the socket's timeout

Batch = TypeVar("Batch")


class TickSender(Generic[Batch]):
    """Sends what `take` returns, at most `max_in_flight` at once; `take` returns None when there is nothing.

    `wake` may be called any number of times a turn. An exception that `send` raises is a fault of ours: the loop's
    exception handler gets it, and the sender goes on.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[], Batch | None],
        send: Callable[[Batch], Coroutine[Any, Any, None]],
        max_in_flight: int,
    ) -> None:
        self._loop = loop
        self._take = take
        self._send = send
        self._max_in_flight = max_in_flight
        self._in_flight: set[asyncio.Task[None]] = set()
        self._is_flush_due = False

    def wake(self) -> None:
        """There is something to send: at the end of this turn, or when what is under way leaves room."""
        if not self._is_flush_due and len(self._in_flight) < self._max_in_flight:
            self._is_flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send now what there is, as far as there is room."""
        self._is_flush_due = False
        while len(self._in_flight) < self._max_in_flight:
            batch = self._take()
            if batch is None:
                return
            task = self._loop.create_task(self._send(batch))
            self._in_flight.add(task)
            task.add_done_callback(self._on_end)

    async def settle(self, timeout_s: float | None = None) -> None:
        """Wait for what is under way now, for at most `timeout_s`; it may go on after that."""
        if self._in_flight:
            await asyncio.wait(tuple(self._in_flight), timeout=timeout_s)

    def cancel(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._in_flight):
            task.cancel()

    def _on_end(self, task: "asyncio.Task[None]") -> None:
        self._in_flight.discard(task)
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error  # a fault of ours: the loop's exception handler logs it with its trace


class Sized(Protocol):
    """A call; `size_bytes` estimates what travels either way."""

    @property
    def size_bytes(self) -> int: ...


Call = TypeVar("Call", bound=Sized)
Reply = TypeVar("Reply")


class Batcher(Generic[Call, Reply]):
    """`send` gets a batch and returns a reply or an error per call; it raises StoreDown for all of them."""

    def __init__(
        self,
        send: Callable[[Sequence[Call]], Awaitable[Sequence[Reply | StoreDown]]],
        max_in_flight: int,
        store: str,
    ) -> None:
        self._send_calls = send
        self._max_in_flight = max_in_flight
        self._store = store
        self._waiting: list[tuple[Call, asyncio.Future[Reply]]] = []
        self._sender: TickSender[list[tuple[Call, asyncio.Future[Reply]]]] | None = None

    def call(self, call: Call) -> "asyncio.Future[Reply]":
        """Puts the call into the next batch; the future raises StoreDown."""
        loop = asyncio.get_running_loop()
        if self._sender is None:
            self._sender = TickSender(loop, self._take, self._send, self._max_in_flight)
        future: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((call, future))
        self._sender.wake()
        return future

    async def close(self) -> None:
        """Fails what waits, and waits for what is under way (bounded by the sockets' timeouts)."""
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(StoreDown(self._store, "closing"))
        self._waiting.clear()
        if self._sender is not None:
            await self._sender.settle()

    def _take(self) -> list[tuple[Call, "asyncio.Future[Reply]"]] | None:
        if not self._waiting:
            return None
        count = _fitting([call.size_bytes for call, _ in self._waiting[:MAX_CALLS]])
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _send(self, batch: list[tuple[Call, "asyncio.Future[Reply]"]]) -> None:
        replies: Sequence[Reply | StoreDown]
        try:
            replies = await self._send_calls([call for call, _ in batch])
        except StoreDown as down:
            # one instance per waiter: a shared one would grow its traceback
            replies = [StoreDown(down.store, down.cause) for _ in batch]
        for (_, future), reply in zip(batch, replies, strict=True):
            if future.done():  # its caller is gone
                continue
            if isinstance(reply, StoreDown):
                future.set_exception(reply)
            else:
                future.set_result(reply)


def _fitting(sizes_bytes: list[int]) -> int:
    """How many calls of the row go into one batch: at least one."""
    total_bytes = 0
    for count, size_bytes in enumerate(sizes_bytes):
        total_bytes += size_bytes
        if count and total_bytes > MAX_BYTES:
            return count
    return len(sizes_bytes)
