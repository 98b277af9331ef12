"""Who comes most often, in a table of a fixed size: the Space-Saving sketch.

Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams (ICDT 2005).
A name that finds the table full takes the place of the rarest one and its count. So after `n` names a count is too
high by at most n / capacity, never too low, and whoever came more often than n / capacity is in the table.
"""

from collections.abc import Iterable

__all__ = ["TopClients", "most_first"]


class TopClients:
    """`None` stands for all that have no name. One thread only."""

    __slots__ = ("_candidates", "_capacity", "_counts", "_least")

    def __init__(self, capacity: int) -> None:
        """`capacity` ≥ 1: names held at most."""
        self._capacity = capacity
        self._counts: dict[str | None, int] = {}
        self._candidates: list[str | None] = []
        self._least = 0

    def add(self, name: str | None, times: int = 1) -> None:
        """It came so many `times` more. O(1) amortized over a flood of new names, O(capacity) at worst."""
        counts = self._counts
        known = counts.get(name)
        if known is not None:
            counts[name] = known + times
        elif len(counts) < self._capacity:
            counts[name] = times
        else:
            counts[name] = counts.pop(self._rarest()) + times

    def counts(self) -> list[tuple[str | None, int]]:
        """Each name held with its count, in no order."""
        return list(self._counts.items())

    def _rarest(self) -> str | None:
        """Counts only rise, so whoever still has the least of the last look has the least now."""
        counts, candidates = self._counts, self._candidates
        while candidates:
            name = candidates.pop()
            if counts.get(name) == self._least:
                return name
        self._least = least = min(counts.values())
        candidates.extend([name for name, count in counts.items() if count == least])
        return candidates.pop()


def most_first(tables: Iterable[TopClients]) -> list[tuple[str | None, int]]:
    """The counts of several tables added up, the highest first, equal ones by name."""
    sums: dict[str | None, int] = {}
    for table in tables:
        for name, count in table.counts():
            sums[name] = sums.get(name, 0) + count
    return sorted(sums.items(), key=lambda each: (-each[1], each[0] or ""))
