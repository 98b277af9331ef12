"""The last points of many numbers over time, in columns: bounded, 4 bytes a number."""

from array import array
from collections.abc import Mapping

__all__ = ["MOST_COLUMNS", "NOTHING", "Series"]

MOST_COLUMNS = 128
"""More are not kept: a series costs at most this many times four bytes a point."""

NOTHING = -1
"""What a column holds where nothing was there to be measured; counts are never negative."""

_LARGEST = 2**31 - 1


class Series:
    """A ring of `capacity` points, a new one every `step_s` seconds. Each column is as long as `times_ms`.

    A column is made when it is first named, and goes when nothing but zeros is left of it.
    """

    __slots__ = ("_at", "_capacity", "_columns", "_size", "_times_ms", "step_s")

    def __init__(self, step_s: int, capacity: int) -> None:
        self.step_s = step_s
        self._capacity = capacity
        self._times_ms = array("q", [0]) * capacity
        self._columns: dict[str, array[int]] = {}
        self._at = 0  # where the next point goes
        self._size = 0

    def append(self, at_ms: int, values: Mapping[str, int]) -> None:
        """The point of the step that ended at `at_ms`, later than the one before; ≥ 0 or NOTHING each.

        A column that `values` does not name gets 0.
        """
        at = self._at
        self._times_ms[at] = at_ms
        for name, column in self._columns.items():
            column[at] = min(values.get(name, 0), _LARGEST)
        for name, value in values.items():
            if name not in self._columns and value and len(self._columns) < MOST_COLUMNS:
                column = self._columns[name] = array("i", [0]) * self._capacity
                column[at] = min(value, _LARGEST)
        self._at = (at + 1) % self._capacity
        self._size = min(self._size + 1, self._capacity)
        if self._at == 0:
            self._columns = {name: column for name, column in self._columns.items() if any(column)}

    def since(self, after_ms: int) -> tuple[list[int], dict[str, list[int]]]:
        """The times of the points later than `after_ms`, oldest first, and their columns; O(capacity)."""
        times_ms = self._straight(self._times_ms)
        first = next((place for place, at_ms in enumerate(times_ms) if at_ms > after_ms), len(times_ms))
        columns = {name: self._straight(column)[first:].tolist() for name, column in self._columns.items()}
        return times_ms[first:].tolist(), columns

    def _straight(self, ring: "array[int]") -> "array[int]":
        """The kept part of a ring, oldest first."""
        if self._size < self._capacity:
            return ring[: self._size]
        return ring[self._at :] + ring[: self._at]
