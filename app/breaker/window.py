"""Counts of results over the last `window_s` seconds: a ring of time buckets and a running total.

As in resilience4j's SlidingTimeWindowMetrics: recording costs O(1), whatever the window's length. The newest
bucket is still filling, so the counts cover between `window_s` less one bucket and `window_s`.
"""

from math import ceil
from typing import Final, NamedTuple

__all__ = ["Counts", "Window"]


class Counts(NamedTuple):
    """`failures` and `slow` are parts of `total`; no result is in both."""

    total: int
    failures: int
    slow: int


_EMPTY: Final = Counts(0, 0, 0)


def _shape(window_s: float) -> tuple[float, int]:
    """Width of a bucket in seconds and number of buckets: one-second buckets, but at least ten of them."""
    width_s = min(1.0, window_s / 10)
    return width_s, ceil(window_s / width_s)


class Window:
    """`total`, `failures`, `slow` are the counts as of the last record; `counts` reads them for any moment.
    `end_s`: when the newest bucket ends.

    `now_s` never goes back; a moment before the newest bucket counts into that bucket.
    """

    __slots__ = ("_base", "_index", "_ring", "_width_s", "end_s", "failures", "slow", "total", "window_s")

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._width_s, size = _shape(window_s)
        self._index = 0
        self.end_s = self._width_s
        self._ring = [_EMPTY] * size
        self.clear()

    def clear(self) -> None:
        """Forget every result."""
        self._ring = [_EMPTY] * len(self._ring)
        self.total = self.failures = self.slow = 0
        self._base = _EMPTY  # the running totals without the newest bucket

    @property
    def last(self) -> Counts:
        """The counts as of the last record: of an open breaker what opened it, since nothing is recorded there."""
        return Counts(self.total, self.failures, self.slow)

    def record_success(self, now_s: float) -> None:
        if now_s >= self.end_s:
            self._advance(now_s)
        self.total += 1

    def advance_to(self, now_s: float) -> None:
        """What is older than the window leaves the counts."""
        if now_s >= self.end_s:
            self._advance(now_s)

    def record_successes(self, number: int, now_s: float) -> None:
        """So many at once; `number` ≥ 1."""
        self.record_success(now_s)
        self.total += number - 1

    def record_slow(self, now_s: float) -> None:
        self.record_success(now_s)
        self.slow += 1

    def record_failure(self, now_s: float) -> None:
        self.record_success(now_s)
        self.failures += 1

    def counts(self, now_s: float) -> Counts:
        """The counts at `now_s`; changes nothing; O(buckets)."""
        total, failures, slow = self.total, self.failures, self.slow
        if now_s < self.end_s:
            return Counts(total, failures, slow)
        size, newest = len(self._ring), self._index_at(now_s)
        if newest - self._index >= size:
            return _EMPTY
        for index in range(self._index + 1, newest + 1):
            gone = self._ring[index % size]
            total, failures, slow = total - gone.total, failures - gone.failures, slow - gone.slow
        return Counts(total, failures, slow)

    def resize(self, window_s: float) -> None:
        """Change the length and keep the counts that fit; O(buckets).

        A bucket goes where its latest moment belongs, so nothing that may lie in the new window is lost.
        """
        if window_s == self.window_s:
            return
        old_size, old_width_s, newest = len(self._ring), self._width_s, self._index
        self._ring[newest % old_size] = self._newest()
        old = [(index, self._ring[index % old_size]) for index in range(newest - old_size + 1, newest + 1)]

        self.window_s = window_s
        self._width_s, size = _shape(window_s)
        self._index = ceil((newest + 1) * old_width_s / self._width_s) - 1
        self.end_s = (self._index + 1) * self._width_s
        self._ring = [_EMPTY] * size
        self.clear()
        for old_index, counts in old:
            index = ceil((old_index + 1) * old_width_s / self._width_s) - 1
            if self._index - size < index:
                self._add(index, counts)

    def _add(self, index: int, counts: Counts) -> None:
        self.total += counts.total
        self.failures += counts.failures
        self.slow += counts.slow
        if index < self._index:
            slot = index % len(self._ring)
            before = self._ring[slot]
            self._ring[slot] = Counts(*(a + b for a, b in zip(before, counts, strict=True)))
            self._base = Counts(self.total, self.failures, self.slow)

    def _newest(self) -> Counts:
        base = self._base
        return Counts(self.total - base.total, self.failures - base.failures, self.slow - base.slow)

    def _index_at(self, now_s: float) -> int:
        return max(int(now_s // self._width_s), self._index + 1)

    def _advance(self, now_s: float) -> None:
        """Begin the bucket of `now_s`; the buckets that leave the window leave the totals."""
        index, size = self._index_at(now_s), len(self._ring)
        self._ring[self._index % size] = self._newest()
        if index - self._index >= size:
            self.clear()
        else:
            for leaving in range(self._index + 1, index + 1):
                gone = self._ring[leaving % size]
                self.total -= gone.total
                self.failures -= gone.failures
                self.slow -= gone.slow
                self._ring[leaving % size] = _EMPTY
        self._base = Counts(self.total, self.failures, self.slow)
        self._index = index
        self.end_s = (index + 1) * self._width_s
