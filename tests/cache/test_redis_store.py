"""Entries in Redis: what is kept there, what is announced, what late writes may do."""

import asyncio
from dataclasses import replace

import pytest
import redis as redis_py

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from cache.entry import Content, entry_of, etag_of
from cache.redis_store import RedisStore
from cache.store import Purge
from tests.fakes.valkey import Valkey, eventually

TEXT = Content(b"hello", "text/plain", ("x",))


@pytest.fixture(scope="module")
def valkey(tmp_path_factory):
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def admin(valkey):
    with redis_py.Redis.from_url(valkey.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
async def store(valkey, admin):
    store = RedisStore(valkey.url, now_s)
    yield store
    await store.close()


def late(content, written_s, ttl_s=60.0):
    return entry_of(content, etag_of(content), ttl_s, written_s)


async def cause_of(store):
    with pytest.raises(StoreDown) as down:
        await store.put("a", TEXT, 60, now_s())
    return down.value.cause


async def test_every_key_in_redis_expires_and_shares_one_hash_tag(store, admin):
    await store.put("a", TEXT, 60, now_s())
    await store.put("b", TEXT, 600, now_s())
    await store.delete("a", now_s())
    await store.purge(Purge(tags=("x",)), now_s())
    await store.put("c", TEXT, 60, now_s())
    keys = admin.keys()
    assert len(keys) >= 5
    assert all(admin.pttl(key) > 0 and "{tidegate:cache}" in key for key in keys)


async def test_names_of_expired_entries_leave_the_indexes(store, admin):
    await store.put("short", TEXT, 1, now_s())

    async def gone() -> bool:
        await store.put("other", TEXT, 60, now_s())
        return list(admin.zrange("{tidegate:cache}:names", 0, -1)) == ["other"]

    await eventually(gone)
    assert admin.zrange("{tidegate:cache}:t:x", 0, -1) == ["other"]


async def test_an_unchanged_value_is_not_sent_again(store):
    await store.put("a", TEXT, 60, now_s())
    copy = await store.get("a", now_s())
    again = await store.read("a", now_s(), copy)
    assert again.value is copy.value


async def test_an_entry_survives_a_flush_of_the_scripts(store, admin):
    await store.put("a", TEXT, 60, now_s())
    admin.script_flush()
    entry, stored = await asyncio.gather(store.get("a", now_s()), store.put("b", TEXT, 60, now_s()))
    assert (entry.value, stored.created) == (b"hello", True)


async def test_age_and_time_left_are_the_servers_for_every_reader(store, valkey):
    await store.put("a", TEXT, 60, now_s())
    other = RedisStore(valkey.url, now_s)
    entry = await other.get("a", now_s() + 1e6)  # another machine's monotonic clock
    await other.close()
    assert entry is not None
    assert (entry.age_s(now_s() + 1e6), entry.ttl_s(now_s() + 1e6)) == (0, 60)


async def test_a_late_write_does_not_overtake_a_newer_one(store):
    written_s = now_s()
    await store.put("a", Content(b"new", "t"), 60, written_s + 0.001)
    written = await store.write_late("a", late(TEXT, written_s - 1), now_s())
    assert not written.applied
    assert (await store.get("a", now_s())).value == b"new"


async def test_a_late_write_overtakes_an_older_one_and_keeps_its_own_age(store):
    await store.write_late("a", late(Content(b"old", "t"), now_s() - 20), now_s())
    assert (await store.write_late("a", late(TEXT, now_s() - 10.5), now_s())).applied
    entry = await store.get("a", now_s())
    assert (entry.value, entry.age_s(now_s()), entry.ttl_s(now_s())) == (b"hello", 10, 50)


async def test_a_late_write_overtakes_the_one_it_replaced_whatever_the_clocks_say(store):
    number = (await store.write("a", Content(b"old", "t"), "e", 60, now_s())).number
    too_early = replace(late(TEXT, now_s() - 1), version=number)
    assert (await store.write_late("a", too_early, now_s())).applied
    assert (await store.get("a", now_s())).value == b"hello"


async def test_a_late_write_does_not_overtake_one_that_came_after_the_one_it_replaced(store):
    number = (await store.write("a", Content(b"old", "t"), "e", 60, now_s())).number
    await store.put("a", Content(b"newer", "t"), 60, now_s())
    too_early = replace(late(TEXT, now_s() - 1), version=number)
    assert not (await store.write_late("a", too_early, now_s())).applied
    assert (await store.get("a", now_s())).value == b"newer"


async def test_a_late_write_does_not_undo_a_newer_deletion(store):
    await store.put("a", TEXT, 60, now_s())
    await store.delete("a", now_s())
    assert not (await store.write_late("a", late(TEXT, now_s() - 1), now_s())).applied
    assert await store.get("a", now_s()) is None


async def test_a_late_write_does_not_undo_a_newer_late_deletion_of_nothing(store):
    await store.erase_late("a", now_s() - 5)
    assert not (await store.write_late("a", late(TEXT, now_s() - 10), now_s())).applied


@pytest.mark.parametrize("what", [Purge(), Purge(prefix="a"), Purge(tags=("x",))])
async def test_a_late_write_does_not_undo_a_newer_purge(store, what):
    await store.purge(what, now_s())
    assert not (await store.write_late("a", late(TEXT, now_s() - 1), now_s())).applied


async def test_a_purge_of_something_else_does_not_hold_a_late_write_up(store):
    await store.purge(Purge(prefix="b"), now_s())
    await store.purge(Purge(tags=("y",)), now_s())
    assert (await store.write_late("a", late(TEXT, now_s() - 1), now_s())).applied


async def test_a_late_deletion_spares_what_is_newer(store):
    await store.put("a", TEXT, 60, now_s())
    assert not (await store.erase_late("a", now_s() - 5)).applied
    assert await store.get("a", now_s()) is not None


async def test_a_late_deletion_overtakes_the_one_it_replaced_whatever_the_clocks_say(store):
    number = (await store.write("a", TEXT, "e", 60, now_s())).number
    assert (await store.erase_late("a", now_s() - 5, number)).applied
    assert await store.get("a", now_s()) is None


async def test_a_late_deletion_spares_one_that_came_after_the_one_it_replaced(store):
    number = (await store.write("a", TEXT, "e", 60, now_s())).number
    await store.put("a", Content(b"newer", "t"), 60, now_s())
    assert not (await store.erase_late("a", now_s() - 5, number)).applied
    assert (await store.get("a", now_s())).value == b"newer"


async def test_a_late_write_whose_time_is_over_removes_the_one_it_replaced_whatever_the_clocks_say(store):
    number = (await store.write("a", TEXT, "e", 60, now_s())).number
    over = replace(late(Content(b"over", "t"), now_s() - 70), version=number)
    assert (await store.write_late("a", over, now_s())).applied
    assert await store.get("a", now_s()) is None


async def test_a_late_purge_spares_what_is_newer(store):
    await store.write_late("old", late(TEXT, now_s() - 10), now_s())
    await store.put("new", TEXT, 60, now_s())
    assert await store.purge_keys(Purge(), now_s() - 5) == ["old"]


async def test_a_late_write_whose_time_is_over_removes_what_it_had_replaced(store):
    await store.write_late("a", late(Content(b"old", "t"), now_s() - 20), now_s())
    await store.write_late("a", late(TEXT, now_s() - 10, ttl_s=5), now_s())
    assert await store.get("a", now_s()) is None


async def test_a_clock_that_stood_still_does_not_lose_writes_or_deletions(store, valkey):
    await store.put("a", TEXT, 60, now_s())
    woken_s = now_s() + 100
    slept = RedisStore(valkey.url, lambda: woken_s)
    await slept.poll()  # as if this machine had slept for 100 s since: its clock stood, the server's went on
    assert (await slept.write("a", Content(b"new", "t"), '"e"', 60, now_s())).applied
    await slept.poll()
    assert (await slept.erase("a", now_s())).found
    await slept.close()


async def test_writes_and_purges_are_announced_with_rising_numbers(store, valkey):
    heard = []

    async def listen():
        async for change in store.changes(asyncio.Event()):
            heard.extend([change] if change else [])

    listening = asyncio.ensure_future(listen())
    await eventually(lambda: bool(_subscribers(valkey)))
    await store.put("a", TEXT, 60, now_s())
    await store.put("b", TEXT, 60, now_s())
    await store.purge(Purge(), now_s())
    await eventually(lambda: len(heard) == 3)
    listening.cancel()
    await asyncio.wait([listening])
    assert [set(change.keys) for change in heard] == [{"a"}, {"b"}, {"a", "b"}]
    assert [change.number - heard[0].number for change in heard] == [0, 1, 2]
    assert await store.poll() == (heard[-1].number,)


def _subscribers(valkey):
    with redis_py.Redis.from_url(valkey.url) as admin:
        return dict(admin.pubsub_numsub("{tidegate:cache}:changes"))[b"{tidegate:cache}:changes"]


async def test_an_announcement_that_is_not_ours_is_passed_over(store, admin, valkey):
    heard = []

    async def listen():
        async for change in store.changes(asyncio.Event()):
            heard.extend([change] if change else [])

    listening = asyncio.ensure_future(listen())
    await eventually(lambda: bool(_subscribers(valkey)))
    for garbage in ("", "x", "[]", "{}", "1", '["a"]'):
        admin.publish("{tidegate:cache}:changes", garbage)
    await store.put("a", TEXT, 60, now_s())
    await eventually(lambda: bool(heard))
    assert [change.keys for change in heard] == [("a",)]
    listening.cancel()
    await asyncio.wait([listening])


async def test_a_counter_that_was_lost_starts_above_its_old_value(store, admin):
    first = (await store.write("a", TEXT, '"e"', 60, now_s())).number
    admin.flushall()
    assert (await store.write("a", TEXT, '"e"', 60, now_s())).number > first


async def test_an_entry_of_another_type_in_our_place_is_store_down(store, admin):
    admin.set("{tidegate:cache}:e:a", "not a hash")
    assert (await cause_of(store)).startswith("it replies 'WRONGTYPE ")
    assert (await store.put("b", TEXT, 60, now_s())).created


@pytest.fixture
def evicting(tmp_path):
    """A server that may evict our indexes, as it would under `allkeys-lru` when it is full."""
    with Valkey(tmp_path, options=("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")) as server:
        yield server


def evict_indexes(server):
    with redis_py.Redis.from_url(server.url) as admin:
        for name in ("names", "expiries", "t:x", "counter"):
            assert admin.delete("{tidegate:cache}:" + name) == 1


async def filled(server):
    store = RedisStore(server.url, now_s)
    for key in ("a", "b/1", "b/2", "b*", "c"):
        await store.put(key, Content(b"12", "t", ("x",) if key < "b/2" else ()), 60, now_s())
    await store.delete("c", now_s())
    evict_indexes(server)
    return store


async def test_a_listing_without_its_index_is_whole_and_in_order(evicting):
    store = await filled(evicting)
    first = await store.page("", "", 3, now_s())
    assert [listed.key for listed in first.keys] == ["a", "b*", "b/1"]
    rest = await store.page("", first.after, 3, now_s())
    assert [(listed.key, listed.size_bytes, listed.ttl_s) for listed in rest.keys] == [("b/2", 2, 60)]
    assert rest.after is None
    assert [listed.key for listed in (await store.page("b*", "", 3, now_s())).keys] == ["b*"]
    await store.close()


@pytest.mark.parametrize(
    ("what", "left"),
    [
        (Purge(), []),
        (Purge(prefix="b"), ["a"]),
        (Purge(prefix="b*"), ["a", "b/1", "b/2"]),
        (Purge(tags=("x", "y")), ["b/2"]),
    ],
)
async def test_a_purge_without_its_index_removes_all_it_means(evicting, what, left):
    store = await filled(evicting)
    assert (await store.purge(what, now_s())).count == 4 - len(left)
    assert [listed.key for listed in (await store.page("", "", 9, now_s())).keys] == left
    await store.close()


async def test_a_server_that_does_not_tell_is_taken_for_one_that_evicts(valkey, store, admin):
    admin.acl_setuser(
        "quiet", enabled=True, nopass=True, commands=["+@all", "-info"], keys=["*"], channels=["*"]
    )
    await store.put("a", TEXT, 60, now_s())
    admin.delete("{tidegate:cache}:names")
    quiet = RedisStore(valkey.url.replace("redis://", "redis://quiet:x@"), now_s)
    assert [listed.key for listed in (await quiet.page("", "", 9, now_s())).keys] == ["a"]
    await quiet.close()
