"""Dates for people of what happens on the monotonic clock, all by one reading of both clocks.

Dates of two readings differ by whatever passed between the clocks' two looks; those of one differ by exactly what
lies between the instants.
"""

__all__ = ["Dates"]


class Dates:
    """Both clocks were read at one moment: `now_s` on the monotonic one, `wall_s` on the other.

    `wall_s` is kept to the millisecond, as people read it: a fraction of one would let a duration of whole
    milliseconds be rounded one off. Where the wall clock is set, dates stay by what it said before.
    """

    __slots__ = ("_now_s", "wall_s")

    def __init__(self, now_s: float, wall_s: float) -> None:
        self._now_s, self.wall_s = now_s, round(wall_s, 3)

    def at(self, at_s: float) -> float:
        """The date of a monotonic instant, in seconds since the epoch."""
        return self.wall_s + (at_s - self._now_s)
