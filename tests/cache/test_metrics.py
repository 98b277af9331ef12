"""Calls as plain integers, and the page that Prometheus scrapes."""

import pytest

from cache.memory import MemoryStore
from cache.metrics import Counts, Metrics


def test_calls_are_counted_by_operation_and_result():
    counts = Counts()
    for result in ("hit", "miss", "hit"):
        counts.add("get", result)
    assert (counts.total("get", "hit"), counts.total("put", "created")) == (2, 0)
    assert counts.cells() == [(("get", "hit"), 2), (("get", "miss"), 1)]


@pytest.mark.parametrize(
    "line",
    [
        'tidegate_cache_requests_total{op="get",result="hit"} 1.0',
        "tidegate_cache_bytes 0.0",
        "tidegate_cache_store_up 1.0",
        "tidegate_cache_backlog_bytes 0.0",
    ],
)
def test_the_page_holds_counts_and_the_state_of_the_store(line):
    counts = Counts()
    counts.add("get", "hit")
    store = MemoryStore(max_bytes=1)
    content_type, page = Metrics(counts, lambda: store.state(0.0)).render("")
    assert content_type.startswith("text/plain")
    assert line in page.decode().splitlines()
