"""Hours in milliseconds: an event loop whose time jumps to the next timer when nothing else is to do."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import looptime

from app.operator.clock import Clock

__all__ = ["run_fast"]

Result = TypeVar("Result")

_WALL_S = 1_800_000_000.0


def run_fast(play: Callable[[Clock], Coroutine[Any, Any, Result]]) -> Result:
    """Runs `play` in such a loop; it is given the clock that goes with the loop."""
    loop = looptime.new_event_loop()
    try:
        return loop.run_until_complete(play(Clock(loop.time, lambda: _WALL_S + loop.time())))
    finally:
        loop.close()
