"""Sums of counters over the last seconds, and quantiles out of a histogram's buckets."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from app.telemetry.counts import BOUNDS_S

__all__ = ["Rise", "Rolling", "quantile_ms"]


_ABOVE_0 = 1e-9

Rise = tuple[int, int]
"""Which counter, and by how much it rose."""


class Rolling:
    """`sums[i]`: how much counter `i` rose in the last `steps` calls of `advance`. A call is O(rises)."""

    __slots__ = ("_at", "_ring", "is_empty", "sums")

    def __init__(self, width: int, steps: int) -> None:
        self.sums = [0] * width
        self.is_empty = True  # nothing rose in all of these steps
        self._ring: list[Sequence[Rise]] = [()] * steps
        self._at = 0

    def advance(self, rises: Sequence[Rise] = ()) -> None:
        """One step on."""
        sums, ring, at = self.sums, self._ring, self._at
        leaving = ring[at]
        for counter, rise in leaving:
            sums[counter] -= rise
        for counter, rise in rises:
            sums[counter] += rise
        ring[at] = rises
        self._at = (at + 1) % len(ring)
        if rises:
            self.is_empty = False
        elif leaving:
            self.is_empty = not any(ring)


def quantile_ms(cells: Sequence[int], share: float) -> float | None:
    """Milliseconds that `share` (0 to 1) of the observations in `cells` did not exceed; None without any.

    `cells` as in `counts.Histogram`, not cumulated. Even spread is assumed within a bucket; what is longer
    than the last bound counts as that bound.
    """
    total = sum(cells)
    if not total:
        return None
    reached = list(accumulate(cells))
    rank = max(share * total, _ABOVE_0)  # so that an empty bucket is never found
    place = bisect_left(reached, rank)
    if place == len(BOUNDS_S):
        return BOUNDS_S[-1] * 1000.0
    lower_s = BOUNDS_S[place - 1] if place else 0.0
    part = (rank - (reached[place] - cells[place])) / cells[place]
    return round((lower_s + (BOUNDS_S[place] - lower_s) * part) * 1000.0, 2)
