"""The store in this process; what every store promises: `tests/contracts/test_cache_store.py`."""

from cache.entry import Content
from cache.memory import MemoryStore


async def test_the_store_reports_its_state():
    store = MemoryStore(10_000)
    await store.start()
    await store.put("a", Content(b"12", "t"), 5, 0.0)
    state = store.state(1.0)
    assert (state.entries, state.used_bytes, state.max_bytes, state.redis) == (1, 3, 10_000, "off")
    assert not state.degraded
    assert store.fresh("a", 1.0) is not None
    assert store.state(7.0).expirations == 1
    await store.stop()
