"""Sends lease calls, those of one turn of the loop in one pipeline, and the heartbeat, which learns who shares.

A request that waits is a callback of the limiter, never a task. There is a task per pipeline, and one for the
heartbeat, which also notices when an unavailable store is back.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from app.foundation.redis.batch import TickSender
from app.limits.lease_store import HEARTBEAT_TIMEOUT_S, LEASE_S, LeaseStore
from app.limits.rule_leases import Call
from app.limits.shared import SharedLimiter

__all__ = ["LeaseClient"]

TICK_S = 0.02
HEARTBEAT_S = 1.0
PROBE_S = 0.25
"""Between two looks for a store that is unavailable."""
MAX_PIPELINES = 4  # pipelines under way; more would only be smaller, the store runs one script at a time
MAX_CALLS = 128  # of a pipeline: some 3 ms of this process, within which no request moves
CLOSE_S = 0.5
REPEAT_S = 2.0
"""Pipelines lost so soon after each other are no accident, whatever the heartbeat says."""
LATE_S = 0.05
"""A timeout noticed so late says that this process stood still, not the store."""


class LeaseClient:
    """Owns the `limiter`; calls `on_change(up, why)` when the store comes or goes, and at the start."""

    def __init__(
        self,
        store: LeaseStore,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[bool, str], None],
        *,
        is_own_store: bool = False,
    ) -> None:
        """`is_own_store`: see `SharedLimiter`."""
        self.limiter = SharedLimiter(self._on_work, is_own_store=is_own_store)
        self._store = store
        self._loop = loop
        self._on_change = on_change
        self._reported: bool | None = None
        self._sender: TickSender[list[Call]] = TickSender(loop, self._next_calls, self._send, MAX_PIPELINES)
        self._ticker: asyncio.TimerHandle | None = None
        self._tick_due_s = 0.0
        self._lost = asyncio.Event()
        self._beat: asyncio.Task[int] | None = None
        self._is_closing = False
        self._was_late = self._is_first_loss = False
        self._lost_s = float("-inf")

    async def heartbeat(self) -> None:
        """Ask the store once whether it is available and who shares it."""
        if self._is_closing:
            return
        self._beat = self._loop.create_task(self._store.heartbeat())
        try:
            replicas = await self._beat
        except StoreDown as down:
            self.limiter.set_down(now_s())
            self._report(False, down.cause)
        else:
            self.limiter.set_up(replicas)
            self._report(True, f"{self.limiter.replicas} share it")

    async def run(self) -> None:
        """The heartbeat, until `close` or cancelled (redis-py has been seen to swallow a cancellation)."""
        while not self._is_closing:
            await self._until_due()
            try:
                await self.heartbeat()
            except Exception as bug:  # a fault of ours must not end the heartbeat
                self.limiter.set_down(now_s())
                self._loop.call_exception_handler(
                    {"message": "the limit store's heartbeat", "exception": bug}
                )

    async def use(self, store: LeaseStore) -> None:
        """Use another store from now on, or the same with another password; calls under way end on the old one."""
        old, self._store = self._store, store
        await asyncio.gather(self._sender.settle(CLOSE_S), self._end_of_beat())
        await old.close()
        await self.heartbeat()  # only now: the old one took this gateway off the list of those that share

    async def close(self) -> None:
        """Gives back the tokens in hand and ends; the limiter must not be used afterwards."""
        self._is_closing = True
        self._lost.set()
        self.limiter.give_back_all()
        self._sender.flush()
        await asyncio.gather(self._sender.settle(CLOSE_S), self._end_of_beat())
        self._sender.cancel()
        if self._ticker is not None:
            self._ticker.cancel()
        await self._store.close()

    async def _end_of_beat(self) -> None:
        """A heartbeat that went on beyond its store's end would connect once more, and nobody would close that."""
        if self._beat is not None and not self._beat.done():
            await asyncio.wait((self._beat,), timeout=HEARTBEAT_TIMEOUT_S)

    async def _until_due(self) -> None:
        if self.limiter.up:
            self._lost.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._lost.wait()
        if not self.limiter.up and not self._is_first_loss:
            await asyncio.sleep(PROBE_S)
        self._is_first_loss = False

    def _on_work(self) -> None:
        self._sender.wake()
        self._tick_soon()

    def _next_calls(self) -> list[Call] | None:
        return self.limiter.next_calls(MAX_CALLS, now_s()) or None

    async def _send(self, calls: list[Call]) -> None:
        began_s = now_s()
        try:
            grants = await self._store.lease([call.sent for call in calls])
        except StoreDown as down:
            self._lose(calls, began_s, down.cause)
        except Exception:  # a fault of ours: nobody may wait for it forever
            self._lose(calls, began_s, "our own fault")
            raise
        else:
            self._was_late = False
            self.limiter.on_reply(calls, grants, now_s())
        finally:
            self._tick_soon()

    def _lose(self, calls: list[Call], began_s: float, why: str) -> None:
        now = now_s()
        if now - began_s > LEASE_S + LATE_S and not self._was_late:
            self._was_late = True
            self.limiter.retry(calls, now)
            return
        self.limiter.on_failure(calls, now)
        # one alone may be our own slowness: the heartbeat, sent at once, decides
        self._is_first_loss = now - self._lost_s > REPEAT_S
        self._lost_s = now
        if self._is_first_loss:
            self._loop.call_later(LEASE_S, self._report_if_down, why)
        else:
            self._report(False, why)
        self._lost.set()

    def _report_if_down(self, why: str) -> None:
        if not self.limiter.up:
            self._report(False, why)

    def _tick(self) -> None:
        now = now_s()
        was_late = now - self._tick_due_s > LATE_S
        self._ticker = None
        if self.limiter.tick(now, was_late):
            self._tick_soon()

    def _tick_soon(self) -> None:
        if self._ticker is None:
            self._tick_due_s = now_s() + TICK_S
            self._ticker = self._loop.call_later(TICK_S, self._tick)

    def _report(self, up: bool, why: str) -> None:
        if up is not self._reported:
            self._reported = up
            self._on_change(up, why)
