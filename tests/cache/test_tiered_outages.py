"""Memory over Redis while Redis is away, and the way back; on a real Valkey."""

import asyncio

import pytest
import redis as redis_py

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from cache.entry import Content
from cache.errors import Rejected
from cache.partition import ServerTime
from cache.store import Deleted, Durability, Purge, Purged
from tests.fakes.process import free_port
from tests.fakes.tiered_stores import ONE, TWO, becomes, lose, put, up, value
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.waiting import without_waiting


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


def set_clock_back(monkeypatch, by_ms):
    """What the service takes for the server's time is as much behind it from now on."""
    at_ms = ServerTime.at_ms
    monkeypatch.setattr(ServerTime, "at_ms", lambda time, our_s: at_ms(time, our_s) - by_ms)


@pytest.mark.parametrize(
    "changes", ["put", "delete", "delete delete", "delete put", "put delete", "put evict put"]
)
async def test_a_change_of_an_outage_replaces_what_was_there_though_the_clocks_disagree(
    valkey, replica, monkeypatch, changes
):
    store = await replica()
    await put(store, "a", ONE)
    await lose(valkey, store)
    for change in changes.split():
        if change == "put":
            assert await put(store, "a", TWO) is Durability.MEMORY
        elif change == "delete":
            assert (await store.delete("a", now_s())).durability is Durability.MEMORY
        else:
            store._entries.remove("a")
    set_clock_back(monkeypatch, 60_000)
    valkey.start()
    await eventually(lambda: up(store))
    fresh = await replica()
    assert await value(fresh, "a") == (TWO.value if changes.endswith("put") else None)


async def test_a_deletion_of_the_next_outage_removes_what_the_last_one_left_though_the_clocks_disagree(
    valkey, replica, monkeypatch
):
    store = await replica()
    await lose(valkey, store)
    assert await put(store, "a", ONE) is Durability.MEMORY
    valkey.start()
    await eventually(lambda: up(store))
    await lose(valkey, store)
    assert (await store.delete("a", now_s())).durability is Durability.MEMORY
    set_clock_back(monkeypatch, 60_000)
    valkey.start()
    await eventually(lambda: up(store))
    assert await value(await replica(), "a") is None


async def test_a_purge_of_an_outage_takes_what_was_there_though_the_clocks_disagree_a_little(
    valkey, replica, monkeypatch
):
    store = await replica()
    await put(store, "a", ONE)
    purged_s = now_s()
    await lose(valkey, store)
    await store.purge(Purge(), purged_s)
    await put(store, "b", TWO)
    set_clock_back(monkeypatch, 200)
    valkey.start()
    await eventually(lambda: up(store))
    fresh = await replica()
    assert (await value(fresh, "a"), await value(fresh, "b")) == (None, TWO.value)


async def test_a_value_without_room_replaces_what_was_there_though_the_clocks_disagree(
    valkey, replica, monkeypatch
):
    store = await replica(max_bytes=40_000)
    await put(store, "a", ONE)
    await lose(valkey, store)
    await put(store, "b", Content(bytes(4000), "t"))
    assert await put(store, "a", Content(bytes(4000), "t")) is Durability.MEMORY_FULL
    set_clock_back(monkeypatch, 60_000)
    valkey.start()
    await eventually(lambda: up(store))
    assert await value(await replica(), "a") is None


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
    # replicas differ about the server's time by half a round trip, which a busy machine makes long
    now = now_s()
    await here.put("a", ONE, 60, now - 20)
    await there.put("a", TWO, 60, now - 10)
    await there.put("b", ONE, 60, now - 20)
    await here.delete("b", now - 10)
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
    assert [(await value(store, "a"), await value(store, "b")) for store in order] == [(b"2", None)] * 2


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
        assert (await store.page("", "", 10, now_s())).keys == ()


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
