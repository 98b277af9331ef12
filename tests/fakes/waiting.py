"""Waiting for what no event tells: the state of a gateway in the test's own process."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from tests.fakes.exchange import DEADLINE_S, within

__all__ = ["standstill", "until", "without_waiting"]

Result = TypeVar("Result")


async def until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_S) -> None:
    """Polls; fails the test with `what` when it does not come true in time."""
    async with within(what, seconds):
        while not condition():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


async def standstill(count: Callable[[], int], what: str, most: int) -> int:
    """The count at which `what` has begun and stands still; fails the test where it goes on above `most`."""
    async with within(f"{what} to stand still"):
        seen = -1
        while seen <= 0 or seen != count():
            seen = count()
            assert seen <= most, f"{what}: {seen:,}, which is above {most:,}"
            await asyncio.sleep(0.3)
    return seen


def without_waiting(waiting: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that has nothing to wait for; fails where it waits all the same."""
    try:
        waiting.send(None)
    except StopIteration as ended:
        return cast(Result, ended.value)
    waiting.close()
    raise AssertionError(f"{waiting!r} waits")
