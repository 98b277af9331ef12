"""A budget for bodies that are on their way in: a bound on all of them together, first come first served.

A large body asks for its whole size before its bytes are read from the socket; the client meanwhile waits in
TCP. So a thousand large writes at once take no more memory than the bound, only longer.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cache.errors import Rejected

__all__ = ["BodyBudget"]

WAIT_S = 30.0  # for room; the body itself has as long again


class BodyBudget:
    """`max_bytes`: for all bodies together; one body that is larger than that gets all of it."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def reserved(self, size_bytes: int) -> AsyncIterator[None]:
        """Room for one body while the block runs; raises Rejected 503 when there is none within WAIT_S."""
        size_bytes = min(size_bytes, self.max_bytes)
        await self._take(size_bytes)
        try:
            yield
        finally:
            self.used_bytes -= size_bytes
            self._admit()

    async def _take(self, size_bytes: int) -> None:
        if not self._waiting and self.used_bytes + size_bytes <= self.max_bytes:
            self.used_bytes += size_bytes
            return
        waiter = (size_bytes, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(WAIT_S):
                await waiter[1]
        except TimeoutError:
            self._leave(waiter)
            raise Rejected(
                503, "too many large bodies at once; send it again", ((b"retry-after", b"1"),)
            ) from None
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def _leave(self, waiter: "tuple[int, asyncio.Future[None]]") -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter[1].cancelled():  # it was let in just as it gave up
            self.used_bytes -= waiter[0]
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            size_bytes, future = self._waiting[0]
            if future.done():  # it gave up
                self._waiting.popleft()
                continue
            if self.used_bytes + size_bytes > self.max_bytes:
                return
            self._waiting.popleft()
            self.used_bytes += size_bytes
            future.set_result(None)
