"""Memory over Redis: coherence between replicas, outages, the way back; on a real Valkey."""

import asyncio
from math import ceil

import pytest
import redis as redis_py

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from cache.coherence import BOUND_S, POLL_S, Coherence
from cache.entry import Content
from cache.errors import Rejected
from cache.partition import ServerTime
from cache.redis_store import RedisStore
from cache.store import Deleted, Durability, Purge, Purged
from cache.tiered import TieredStore
from tests.fakes.manual_loop import Clock
from tests.fakes.process import free_port
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.waiting import without_waiting

ONE, TWO = Content(b"1", "t", ("x",)), Content(b"2", "t", ("x",))
MAX_BYTES = 10**6


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


async def put(store, key, content, ttl_s=60):
    return (await store.put(key, content, ttl_s, now_s())).durability


async def value(store, key):
    entry = await store.get(key, now_s())
    return None if entry is None else entry.value


async def becomes(store, key, wanted):
    async def is_it() -> bool:
        return bool(await value(store, key) == wanted)

    await eventually(is_it)


def up(store):
    return not store.state(now_s()).degraded


async def lose(valkey, store):
    valkey.kill()
    await eventually(lambda: not up(store))


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


async def test_while_redis_is_away_reads_go_on_from_memory(valkey, replica):
    store = await replica()
    await put(store, "a", ONE)
    valkey.kill()
    assert await value(store, "a") == b"1"
    await eventually(lambda: not up(store))
    assert await value(store, "a") == b"1"
    assert await value(store, "b") is None
    assert store.state(now_s()).redis == "not reachable"


async def test_a_redis_that_never_answered_is_told_once(replica, caplog):
    await replica(f"redis://127.0.0.1:{free_port()}")
    await eventually(lambda: "redis is unavailable" in caplog.text)
    assert caplog.text.count("redis is unavailable") == 1


async def test_a_write_that_finds_redis_away_is_acknowledged_as_memory_and_written_back(valkey, replica):
    store = await replica()
    await put(store, "old", ONE)
    valkey.kill()
    assert await put(store, "a", ONE) is Durability.MEMORY
    assert (await store.delete("old", now_s())).durability is Durability.MEMORY
    assert store.state(now_s()).backlog_bytes > 0
    valkey.start()
    await eventually(lambda: up(store))
    assert store.state(now_s()).backlog_bytes == 0
    fresh = await replica()
    assert (await value(fresh, "a"), await value(fresh, "old")) == (b"1", None)


async def test_a_write_of_an_outage_replaces_what_was_there_though_the_clocks_disagree(
    valkey, replica, monkeypatch
):
    store = await replica()
    await put(store, "a", ONE)
    await lose(valkey, store)
    assert await put(store, "a", TWO) is Durability.MEMORY
    at_ms = ServerTime.at_ms
    monkeypatch.setattr(
        ServerTime, "at_ms", lambda time, our_s: at_ms(time, our_s) - 60_000
    )  # a minute behind
    valkey.start()
    await eventually(lambda: up(store))
    fresh = await replica()
    assert await value(fresh, "a") == TWO.value


async def test_everything_works_without_redis_from_the_start(valkey, replica):
    valkey.kill()
    store = await replica()
    assert await put(store, "a", ONE) is Durability.MEMORY
    assert [listed.key for listed in (await store.page("", "", 10, now_s())).keys] == ["a"]
    assert (await store.delete("a", now_s())).found
    assert not (await store.delete("a", now_s())).found
    await put(store, "b", ONE)
    assert await store.purge(Purge(tags=("x",)), now_s()) == Purged(1, Durability.MEMORY)


async def test_the_newest_of_several_writes_made_meanwhile_wins(valkey, replica):
    store = await replica()
    await lose(valkey, store)
    for i in range(5):
        await put(store, "a", Content(b"%d" % i, "t"))
    valkey.start()
    await eventually(lambda: up(store))
    assert await value(store, "a") == b"4"


@pytest.mark.parametrize("first", ["here", "there"])
async def test_the_newest_of_two_replicas_writes_wins_whoever_comes_back_first(valkey, replica, first):
    here, there = await replica(), await replica()
    valkey.kill()
    await eventually(lambda: not (up(here) or up(there)))
    now = now_s()  # what replicas think of the server's time may differ by milliseconds
    await here.put("a", ONE, 60, now - 0.2)
    await there.put("a", TWO, 60, now - 0.1)
    await there.put("b", ONE, 60, now - 0.2)
    await here.delete("b", now - 0.1)
    order = [here, there] if first == "here" else [there, here]
    polls = [store._redis.poll for store in order]

    async def away(*_, **__):
        raise StoreDown("redis", "held")

    order[1]._redis.poll = away
    valkey.start()
    await eventually(lambda: up(order[0]))
    order[1]._redis.poll = polls[1]
    await eventually(lambda: up(order[1]))
    for store in order:
        await becomes(store, "a", b"2")
        await becomes(store, "b", None)


async def test_a_purge_made_meanwhile_is_done_in_redis_and_spares_what_came_after(valkey, replica):
    store = await replica()
    await put(store, "a", ONE)
    await lose(valkey, store)
    assert (await store.purge(Purge(tags=("x",)), now_s())).durability is Durability.MEMORY
    await put(store, "b", TWO)
    valkey.start()
    await eventually(lambda: up(store))
    fresh = await replica()
    assert (await value(fresh, "a"), await value(fresh, "b")) == (None, b"2")


async def test_a_write_without_room_in_the_backlog_says_so_and_never_leaves_the_older_value(valkey, replica):
    store = await replica(max_bytes=40_000)
    await put(store, "a", ONE)
    await lose(valkey, store)
    assert await put(store, "b", Content(bytes(4000), "t")) is Durability.MEMORY
    assert await put(store, "a", Content(bytes(4000), "t")) is Durability.MEMORY_FULL
    assert store.state(now_s()).backlog_drops == 1
    valkey.start()
    await eventually(lambda: up(store))
    assert await value(store, "a") is None
    assert len(await value(store, "b")) == 4000


async def test_what_memory_let_go_of_meanwhile_is_read_from_the_backlog(valkey, replica):
    store = await replica(max_bytes=40_000)
    await lose(valkey, store)
    await put(store, "a", Content(bytes(3000), "t"))
    for i in range(40):
        await put(store, str(i), Content(bytes(900), "t"))
    assert store._entries.peek("a") is None
    assert len(await value(store, "a")) == 3000


async def test_when_redis_is_required_writes_are_refused_and_reads_go_on(valkey, replica):
    store = await replica(require_redis=True)
    await put(store, "a", ONE)
    valkey.kill()
    for write in (
        store.put("a", TWO, 60, now_s()),
        store.delete("a", now_s()),
        store.purge(Purge(), now_s()),
    ):
        with pytest.raises(StoreDown):
            await write
    assert await value(store, "a") == b"1"
    assert store.state(now_s()).backlog_bytes == 0


async def test_a_frozen_redis_costs_one_call_its_limit_and_then_nobody_waits(valkey, replica):
    store = await replica()
    await put(store, "a", ONE)
    valkey.freeze()
    await eventually(lambda: not up(store))
    assert without_waiting(put(store, "b", ONE)) is Durability.MEMORY
    assert without_waiting(value(store, "a")) == b"1"
    valkey.thaw()
    await eventually(lambda: up(store))
    assert await value(store, "b") == b"1"


async def test_a_write_in_doubt_that_redis_does_late_does_not_beat_a_newer_one(valkey, replica):
    store = await replica()
    await put(store, "a", Content(b"0", "t"))
    valkey.freeze()
    assert (
        await put(store, "a", ONE) is Durability.MEMORY
    )  # redis has it in its socket and does it when it thaws
    assert await put(store, "a", TWO) is Durability.MEMORY
    valkey.thaw()
    await eventually(lambda: up(store))
    assert await value(store, "a") == b"2"
    fresh = await replica()
    assert await value(fresh, "a") == b"2"


async def test_a_full_redis_counts_as_away_until_it_takes_writes(tmp_path, replica):
    with Valkey(tmp_path / "full") as server:
        store = await replica(server.url)
        with redis_py.Redis.from_url(server.url) as admin:
            admin.config_set("maxmemory", "1mb")
            assert await put(store, "a", ONE) is Durability.MEMORY
            assert store.state(now_s()).redis == "it is out of memory"
            admin.config_set("maxmemory", "0")
        await eventually(lambda: up(store))
        assert await put(store, "b", ONE) is Durability.REDIS


async def test_a_listing_and_a_purge_that_find_redis_away_use_memory(valkey, replica):
    store = await replica()
    await put(store, "a", ONE)
    valkey.kill()
    assert [listed.key for listed in (await store.page("", "", 10, now_s())).keys] == ["a"]
    assert (await store.purge(Purge(), now_s())).count == 1


async def test_values_that_redis_lost_are_not_served_when_it_is_back(tmp_path, replica):
    with Valkey(tmp_path / "forgetful") as server:
        store = await replica(server.url)
        await put(store, "a", ONE)
        server.kill()
        await eventually(lambda: not up(store))
        server.start()
        await eventually(lambda: up(store))
        await becomes(store, "a", None)


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


@pytest.mark.parametrize("call", ["get", "put", "delete", "page", "purge"])
async def test_the_call_that_finds_redis_gone_is_answered_from_memory(valkey, replica, call):
    store = await replica()
    await put(store, "a", ONE)
    store._stopping.set()  # nobody else finds out first
    await asyncio.gather(*store._tasks)
    valkey.kill()
    if call == "get":
        assert await value(store, "missing") is None
    elif call == "put":
        assert await put(store, "a", TWO) is Durability.MEMORY
    elif call == "delete":
        assert await store.delete("a", now_s()) == Deleted(True, Durability.MEMORY)
    elif call == "page":
        assert len((await store.page("", "", 10, now_s())).keys) == 1
    else:
        assert await store.purge(Purge(), now_s()) == Purged(1, Durability.MEMORY)
    assert not up(store)


async def test_what_no_memory_can_hold_is_refused_while_redis_is_away(valkey, replica):
    store = await replica(max_bytes=1000)
    await lose(valkey, store)
    with pytest.raises(Rejected):
        await put(store, "a", Content(bytes(5000), "t"))


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
