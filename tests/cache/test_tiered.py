"""Memory over Redis: what replicas see of each other's changes; on a real Valkey. Outages: test_tiered_outages.py."""

import asyncio
from math import ceil

import pytest
import redis as redis_py

from app.foundation.clock import now_s
from cache.coherence import BOUND_S, POLL_S, Coherence
from cache.entry import Content
from cache.redis_store import RedisStore
from cache.store import Durability, Purge
from cache.tiered import TieredStore
from tests.fakes.manual_loop import Clock
from tests.fakes.tiered_stores import MAX_BYTES, ONE, TWO, becomes, put, value
from tests.fakes.valkey import Valkey, eventually


async def test_a_value_is_read_from_memory_without_asking_redis(valkey, replica):
    store = await replica()
    await put(store, "a", ONE)
    await store.get("a", now_s())
    with redis_py.Redis.from_url(valkey.url) as admin:
        before = admin.info("commandstats")["cmdstat_evalsha"]["calls"]
        for _ in range(50):
            assert store.fresh("a", now_s()) is not None
        assert admin.info("commandstats")["cmdstat_evalsha"]["calls"] == before


@pytest.mark.parametrize("change", ["put", "delete", "purge"])
async def test_a_change_on_one_replica_is_seen_on_another(replica, change):
    here, there = await replica(), await replica()
    await put(here, "a", ONE)
    assert await value(there, "a") == b"1"
    if change == "put":
        await put(here, "a", TWO)
    elif change == "delete":
        await here.delete("a", now_s())
    else:
        await here.purge(Purge(tags=("x",)), now_s())
    await becomes(there, "a", b"2" if change == "put" else None)


async def test_a_change_is_seen_though_no_announcement_arrives(replica, monkeypatch):
    monkeypatch.setattr(TieredStore, "_changed", lambda self, change: None)
    here, there = await replica(), await replica()
    await put(here, "a", ONE)
    assert await value(there, "a") == b"1"
    for content in (TWO, ONE, TWO):
        await put(here, "a", content)
        await becomes(there, "a", content.value)


async def test_a_subscriber_that_redis_cut_off_hears_again(valkey, replica):
    here, there = await replica(), await replica()
    await put(here, "a", ONE)
    assert await value(there, "a") == b"1"
    with redis_py.Redis.from_url(valkey.url) as admin:
        admin.client_kill_filter(_type="pubsub")
    await put(here, "a", TWO)
    await becomes(there, "a", b"2")


async def test_many_readers_of_a_missing_copy_ask_redis_once(valkey, replica):
    here, there = await replica(), await replica()
    await put(here, "a", ONE)
    assert await value(there, "nothing") is None  # the server knows the script
    with redis_py.Redis.from_url(valkey.url) as admin:
        admin.config_resetstat()
        values = await asyncio.gather(*(value(there, "a") for _ in range(50)))
        assert values == [b"1"] * 50
        assert admin.info("commandstats")["cmdstat_evalsha"]["calls"] == 1


async def test_a_reader_that_gives_up_does_not_disturb_the_others(replica):
    here, there = await replica(), await replica()
    await put(here, "a", ONE)
    gone = asyncio.ensure_future(value(there, "a"))
    stays = asyncio.ensure_future(value(there, "a"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == b"1"


async def test_a_value_too_large_for_memory_lives_in_redis(replica):
    store = await replica(max_bytes=1000)
    large = Content(bytes(5000), "t")
    assert await put(store, "a", large) is Durability.REDIS
    assert await value(store, "a") == large.value
    assert store.state(now_s()).entries == 0


async def test_reads_always_see_the_writes_of_their_own_replica(replica):
    store, small = await replica(), await replica(max_bytes=1000)
    for target in (store, small):
        for i in range(30):
            content = Content(b"%d" % i * 600, "t")
            reading = asyncio.ensure_future(value(target, "a"))
            await put(target, "a", content)
            assert await value(target, "a") == content.value
            await reading
            await target.delete("a", now_s())
            assert await value(target, "a") is None


async def test_two_replicas_that_write_the_same_key_agree_in_the_end(valkey, replica):
    here, there = await replica(), await replica()
    for i in range(40):
        contents = [Content(b"%d %d" % (i, j), "t") for j in range(2)]
        await asyncio.gather(put(here, "a", contents[0]), put(there, "a", contents[1]))
    truth = RedisStore(valkey.url, now_s)
    entry = await truth.get("a", now_s())
    assert entry is not None
    last = entry.value
    await truth.close()
    await becomes(here, "a", last)
    await becomes(there, "a", last)


async def test_acknowledged_writes_survive_kill_9_of_redis_and_of_the_service(valkey, replica):
    store = await replica()
    kept = [i for i in range(200) if await put(store, str(i), Content(b"%d" % i, "t")) is Durability.REDIS]
    valkey.kill()
    valkey.start()
    fresh = await replica()
    assert [await value(fresh, str(i)) for i in kept] == [b"%d" % i for i in kept]
    assert len(kept) == 200


async def test_constant_changes_elsewhere_leave_memory_in_step(replica, monkeypatch):
    monkeypatch.setattr(
        "cache.tiered.POLL_S", 3600.0
    )  # this test polls, and says how much time passes between
    clock = Clock(now_s())
    here, there = await replica(clock=clock), await replica()
    coherence = here._coherence
    await eventually(here._listening.is_set)
    await here.put(
        "first", ONE, 60, clock()
    )  # the counter of an empty Redis begins somewhere: a gap by design
    await eventually(lambda: coherence.gaps == 2)
    clock.now_s += POLL_S
    await here.put("mine", ONE, 60, clock())
    enough = asyncio.Event()

    async def write_constantly():
        while not enough.is_set():
            await put(there, "k", ONE)

    writing = asyncio.create_task(write_constantly())
    for _ in range(ceil(2 * BOUND_S / POLL_S)):  # so long that a copy out of step would be trusted no more
        clock.now_s += POLL_S
        await here._poll()
        await eventually(lambda: coherence._asked is None)  # all that this poll saw was heard
        assert here.fresh("mine", clock()) is not None
    enough.set()
    await writing
    assert coherence.gaps == 2


async def test_a_fault_in_the_background_is_logged(replica, caplog):
    store = await replica()

    async def broken():
        raise ValueError("broken")

    store._run(broken())
    await eventually(lambda: "ended by a fault" in caplog.text)


async def test_a_store_that_never_ran_knows_nothing(tmp_path):
    store = TieredStore(RedisStore(Valkey(tmp_path).url, now_s), MAX_BYTES, now_s)
    assert isinstance(store._coherence, Coherence)
    assert store.state(now_s()).degraded
    await store.stop()
