"""What the operator did so far, as plain numbers; read at scrape time (`metrics.py`)."""

from bisect import bisect_left
from collections import Counter

__all__ = ["LAG_BOUNDS_S", "OperatorCounts"]

LAG_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class OperatorCounts:
    """`lag_cells`: one for each bound, and one above the last."""

    def __init__(self) -> None:
        self.lag_cells = [0] * (len(LAG_BOUNDS_S) + 1)
        self.lag_sum_s = 0.0
        self.nacks: Counter[str] = Counter()
        self.reconciles: Counter[str] = Counter()
        self.status_writes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.sync_answers: Counter[tuple[str, str, str]] = Counter()
        self.watch_restarts = 0

    def count_lag(self, lag_s: float) -> None:
        """From an edit to the acknowledgement of the last gateway."""
        self.lag_cells[bisect_left(LAG_BOUNDS_S, lag_s)] += 1
        self.lag_sum_s += lag_s
