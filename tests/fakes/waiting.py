"""Waiting for what no event tells: the state of a gateway in the test's own process."""

import asyncio
from collections.abc import Callable

from tests.fakes.exchange import DEADLINE_S, within

__all__ = ["until"]


async def until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_S) -> None:
    """Polls; fails the test with `what` when it does not come true in time."""
    async with within(what, seconds):
        while not condition():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
