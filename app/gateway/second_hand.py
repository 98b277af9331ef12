"""Once a second: what time alone changes, beside the traffic."""

import asyncio
from collections.abc import Callable, Sequence

from app.foundation.clock import now_s
from app.telemetry.counts import Counts

__all__ = ["SecondHand"]


class SecondHand:
    """Calls `acts` in their order with the monotonic time, and measures how late the loop came to it."""

    def __init__(self, counts: Counts, acts: Sequence[Callable[[float], object]]) -> None:
        self._counts = counts
        self._acts = tuple(acts)

    async def run(self) -> None:
        """Call them once a second until cancelled."""
        while True:
            due_s = now_s() + 1.0
            await asyncio.sleep(1.0)
            now = now_s()
            self._counts.loop_lag_s = max(0.0, now - due_s)
            for act in self._acts:
                act(now)
