"""The two clocks as one value, so that a test can stand still where the operator waits."""

from collections.abc import Callable
from dataclasses import dataclass

from app.foundation.clock import now_s, wall_s

__all__ = ["REAL", "Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """`now_s`: monotonic, for decisions; `wall_s`: since the epoch, for people."""

    now_s: Callable[[], float]
    wall_s: Callable[[], float]


REAL = Clock(now_s, wall_s)
