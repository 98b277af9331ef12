"""Carries lease calls, those of one turn of the loop in one pipeline, and the heartbeat: who shares?

A request that waits is a callback of the limiter, never a task; there is a task per pipeline, and one for the
heartbeat, which also finds out when a store that was away is back.
"""

import asyncio
from collections.abc import Callable

from app.clock import now_s
from app.errors import StoreDown
from app.limits.lease_store import LeaseStore
from app.limits.rule_leases import Call
from app.limits.shared import SharedLimiter

__all__ = ["Dispatch"]

TICK_S = 0.02
BEAT_S = 1.0
PROBE_S = 0.25
"""Between two looks for a store that is away."""
MOST_FLIGHTS = 4  # pipelines under way; more would only be smaller, the store runs one script at a time
MOST_CALLS = 128  # of a pipeline: some 3 ms of this process, within which no request moves
CLOSE_S = 0.5


class Dispatch:
    """Owns the `limiter`; `on_change(up, why)` is told when the store comes and goes, and at the start."""

    def __init__(
        self, store: LeaseStore, loop: asyncio.AbstractEventLoop, on_change: Callable[[bool, str], None]
    ) -> None:
        self.limiter = SharedLimiter(self._woken)
        self._store = store
        self._loop = loop
        self._on_change = on_change
        self._told: bool | None = None
        self._departing = False
        self._flights: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._lost = asyncio.Event()
        self._is_closing = False

    async def beat(self) -> None:
        """Ask the store once whether it is there and who shares it."""
        if self._is_closing:
            return
        try:
            replicas = await self._store.beat()
        except StoreDown as down:
            self.limiter.set_down(now_s())
            self._tell(False, down.cause)
        else:
            self.limiter.set_up(replicas)
            self._tell(True, f"{self.limiter.replicas} share it")

    async def run(self) -> None:
        """The heartbeat, until cancelled."""
        while True:
            if self.limiter.up:
                self._lost.clear()
                try:
                    async with asyncio.timeout(BEAT_S):
                        await self._lost.wait()
                except TimeoutError:
                    await self.beat()
                    continue
            await asyncio.sleep(PROBE_S)
            await self.beat()

    async def close(self) -> None:
        """Gives back what is in hand and ends; after it the limiter must not be asked any more."""
        self._is_closing = True
        self.limiter.give_back_all()
        self._depart()
        if self._flights:
            await asyncio.wait(self._flights, timeout=CLOSE_S)
        if self._ticker is not None:
            self._ticker.cancel()
        for flight in tuple(self._flights):
            flight.cancel()
        await self._store.close()

    def _woken(self) -> None:
        if not self._departing and len(self._flights) < MOST_FLIGHTS:
            self._departing = True
            self._loop.call_soon(self._depart)
        if self._ticker is None:
            self._ticker = self._loop.call_later(TICK_S, self._tick)

    def _depart(self) -> None:
        self._departing = False
        while len(self._flights) < MOST_FLIGHTS:
            calls = self.limiter.next_calls(MOST_CALLS, now_s())
            if not calls:
                return
            flight = self._loop.create_task(self._fly(calls))
            self._flights.add(flight)
            flight.add_done_callback(self._ended)

    async def _fly(self, calls: list[Call]) -> None:
        try:
            grants = await self._store.lease([call.sent for call in calls])
        except StoreDown as down:
            self.limiter.lost(calls, now_s())
            self._lost.set()
            self._tell(False, down.cause)
        else:
            self.limiter.landed(calls, grants, now_s())

    def _ended(self, flight: "asyncio.Task[None]") -> None:
        self._flights.discard(flight)
        self._woken()
        if not flight.cancelled() and (error := flight.exception()) is not None:
            raise error  # a fault of ours: the loop's exception handler logs it with its trace

    def _tick(self) -> None:
        self._ticker = None
        if self.limiter.tick(now_s()) and self._ticker is None:
            self._ticker = self._loop.call_later(TICK_S, self._tick)

    def _tell(self, up: bool, why: str) -> None:
        if up is not self._told:
            self._told = up
            self._on_change(up, why)
