"""Fixtures of the cache service's tests."""

import pytest

from app.foundation.clock import now_s
from cache.api import create_app
from cache.memory import MemoryStore
from cache.redis_store import RedisStore
from cache.tiered import TieredStore
from tests.fakes.cache_calls import SETTINGS, Hands, client_of
from tests.fakes.patience import patient_with_redis
from tests.fakes.tiered_stores import MAX_BYTES
from tests.fakes.valkey import Valkey


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no outage: tests that wait for the limit have it at 1 s instead of 0.1 s, others at 10 s."""
    waits = any(word in request.node.name for word in ("frozen", "in_doubt"))
    patient_with_redis(monkeypatch, 1.0 if waits else 10.0)


@pytest.fixture
def valkey(tmp_path):
    with Valkey(tmp_path, append_only=True) as server:
        yield server


@pytest.fixture
async def replica(valkey):
    stores = []

    async def start(url=valkey.url, max_bytes=MAX_BYTES, clock=now_s, **options):
        store = TieredStore(RedisStore(url, clock), max_bytes, clock, **options)
        stores.append(store)
        await store.start()
        return store

    yield start
    for store in stores:
        await store.stop()


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture(params=["fast", "routes"])
async def http(request, clock):
    app = create_app(MemoryStore(SETTINGS.max_bytes), SETTINGS, clock, fast_lane=request.param == "fast")
    async with client_of(app) as client:
        yield client
