"""Waiting for what no event tells: the state of a gateway in the test's own process."""

import asyncio
from collections.abc import Callable
from types import TracebackType

from tests.fakes.exchange import DEADLINE_S, within

__all__ = ["LoopTime", "until"]

_TURN_S = 0.005
_MOST_S = 0.02


async def until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_S) -> None:
    """Polls; fails the test with `what` when it does not come true in time."""
    async with within(what, seconds):
        while not condition():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


class LoopTime:
    """How long something took, less the time in which a busy machine did not let this process run.

        async with LoopTime() as taken:
            ...
        assert taken.seconds < 0.3

    Counts turns of the loop; one that took far longer than it was to take counts as a short one. So a wait
    counts whole, and a standstill does not.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    async def __aenter__(self) -> "LoopTime":
        self._task = asyncio.create_task(self._count())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _count(self) -> None:
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        while True:
            await asyncio.sleep(_TURN_S)
            now_s = loop.time()
            self.seconds += min(now_s - last_s, _MOST_S)
            last_s = now_s
