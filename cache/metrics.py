"""Every metric of the cache service.

Counting is plain integers (`Counts`); a collector reads them and the store's state when asked. Labels are
bounded: `op` and `result` are words of this code.
"""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.foundation.prometheus_page import metrics_page
from cache.store import StoreState

__all__ = ["Counts", "Metrics"]


class Counts:
    """Calls by operation and result, as plain integers."""

    __slots__ = ("_cells",)

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], int] = {}

    def add(self, op: str, result: str) -> None:
        """One more call."""
        cell = (op, result)
        self._cells[cell] = self._cells.get(cell, 0) + 1

    def total(self, op: str, result: str) -> int:
        """Calls so far."""
        return self._cells.get((op, result), 0)

    def cells(self) -> list[tuple[tuple[str, str], int]]:
        """All of them, sorted."""
        return sorted(self._cells.items())


class Metrics:
    """Renders `/metrics`; `state` is asked once per scrape."""

    def __init__(self, counts: Counts, state: Callable[[], StoreState]) -> None:
        self._counts, self._state = counts, state

    def render(self, accept: str) -> tuple[str, bytes]:
        """Content type and body, OpenMetrics when `accept` asks for it."""
        return metrics_page(self._families, accept)

    def _families(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "tidegate_cache_requests", "Calls by operation and result", labels=("op", "result")
        )
        for cell, count in self._counts.cells():
            requests.add_metric(cell, count)
        yield requests
        state = self._state()
        yield GaugeMetricFamily("tidegate_cache_bytes", "Keys and values in memory", state.used_bytes)
        yield GaugeMetricFamily("tidegate_cache_entries", "Entries in memory", state.entries)
        yield CounterMetricFamily(
            "tidegate_cache_evictions", "Entries that made room for others before their time", state.evictions
        )
        up = 0 if state.degraded else 1
        yield GaugeMetricFamily(
            "tidegate_cache_store_up", "1: the store serves; 0: Redis is configured and unavailable", up
        )
        yield GaugeMetricFamily(
            "tidegate_cache_backlog_bytes", "Writes waiting for Redis", state.backlog_bytes
        )
