"""When the next round starts: changes that come close together share one round, and rounds keep their distance."""

import asyncio
import logging

from app.operator.clock import Clock

__all__ = ["AT_MOST_S", "QUIET_S", "RoundTrigger"]

LOG = logging.getLogger("tidegate.operator")

QUIET_S = 0.1
"""A round starts this long after the last request …"""
AT_MOST_S = 0.5
"""… but no later than this after the first one."""

_TICK_S = 0.001  # no timer is finer; less would spin


class RoundTrigger:
    """Requests for a round, which starts `quiet_s` after the last, at most `at_most_s` after the first, and not sooner
    than `apart_s` after the last round.

    Everything runs in the loop that it was made in, but `request_threadsafe`.
    """

    def __init__(
        self, clock: Clock, quiet_s: float = QUIET_S, at_most_s: float = AT_MOST_S, apart_s: float = 0.0
    ) -> None:
        self._clock, self._quiet_s, self._at_most_s, self._apart_s = clock, quiet_s, at_most_s, apart_s
        self._loop = asyncio.get_running_loop()
        self._requested = asyncio.Event()
        self._first_s = self._last_s = 0.0
        self._began_s = float("-inf")

    def request(self, why: str, since_s: float | None = None) -> None:
        """Asks for a round; `since_s`: when the change came that it is about, by default now."""
        self._last_s = self._clock.now_s()
        if not self._requested.is_set():
            self._first_s = self._last_s
            LOG.debug("a round begins: %s", why)
        if since_s is not None:
            self._first_s = min(self._first_s, since_s)
        self._requested.set()

    def request_threadsafe(self, why: str) -> None:
        """The same from any thread."""
        self._loop.call_soon_threadsafe(self.request, why)

    async def wait(self, at_most_s: float) -> float:
        """Returns when a round is due, with the time of the first change; asks itself after `at_most_s`."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._requested.wait()
        except TimeoutError:
            self.request(f"nothing was requested for {at_most_s:.0f} s")
        # Every request moves the deadline while it is waited for, so an Event would be of no use.
        while (left_s := self._due_s() - self._clock.now_s()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(max(left_s, _TICK_S))
        self._requested.clear()
        self._began_s = self._clock.now_s()
        return self._first_s

    def _due_s(self) -> float:
        settled_s = min(self._last_s + self._quiet_s, self._first_s + self._at_most_s)
        return max(settled_s, self._began_s + self._apart_s)
