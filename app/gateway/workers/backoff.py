"""When a worker that died is started again. Pure.

The first death is nobody's fault, and its successor is wanted within the second; one that dies again and again at once
would only keep the machine busy.
"""

from typing import Final

__all__ = ["LONGEST_PAUSE_S", "Backoff"]

SOUND_S: Final = 10.0
"""A worker that lived so long was sound: the next death is a first one."""
LONGEST_PAUSE_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.5


class Backoff:
    """`deaths`: in a row, each soon after the start."""

    __slots__ = ("deaths",)

    def __init__(self) -> None:
        self.deaths = 0

    def pause_s(self, lived_s: float) -> float:
        """A worker died after `lived_s`: how long to wait before its successor starts."""
        if lived_s >= SOUND_S:
            self.deaths = 0
        self.deaths += 1
        if self.deaths == 1:
            return 0.0
        return min(LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self.deaths - 2, 16))
