"""The entries: bounded in bytes, least recently used out first, expiry without scanning."""

import asyncio

import pytest

from cache.entry import Content, entry_of
from cache.errors import Rejected
from cache.lru import ENTRY_OVERHEAD_BYTES, SLICE, SWEEP_MOST, LruEntries, in_slices
from cache.store import Purge


def entry(value=b"", ttl_s=60.0, now_s=0.0, tags=()):
    return entry_of(Content(value, "", tags), '"e"', ttl_s, now_s)


def kilobytes(count):
    return entry(bytes(1000 * count))


def test_the_least_recently_used_entry_makes_room():
    entries = LruEntries(10_000)
    for key in "abc":
        entries.put(key, kilobytes(3), 0.0)
    entries.get("a", 0.0)
    entries.put("d", kilobytes(3), 0.0)
    assert [key for key in "abcd" if entries.peek(key)] == ["a", "c", "d"]
    assert entries.evictions == 1


def test_peeking_is_no_use():
    entries = LruEntries(10_000)
    for key in "abc":
        entries.put(key, kilobytes(3), 0.0)
    entries.peek("a")
    entries.put("d", kilobytes(3), 0.0)
    assert entries.peek("a") is None


def test_used_bytes_are_those_of_keys_and_values():
    entries = LruEntries(10_000)
    entries.put("я", entry(b"12345", tags=("tag",)), 0.0)
    assert entries.used_bytes == 7
    entries.put("я", entry(b"1"), 0.0)
    assert entries.used_bytes == 3
    entries.remove("я")
    assert entries.used_bytes == 0


def test_tiny_entries_are_bounded_by_what_they_really_take():
    entries = LruEntries(100_000)
    for i in range(1000):
        entries.put(str(i), entry(), 0.0)
    assert len(entries) * ENTRY_OVERHEAD_BYTES < 125_000
    assert entries.evictions > 800


def test_tags_count_towards_the_bound():
    entries = LruEntries(100_000)
    tags = tuple(str(i) * 100 for i in range(10, 42))
    for i in range(10):
        entries.put(str(i), entry(tags=tags), 0.0)
    assert len(entries) < 10


def test_an_entry_larger_than_the_bound_is_rejected_and_changes_nothing():
    entries = LruEntries(1000)
    entries.put("a", entry(b"old"), 0.0)
    with pytest.raises(Rejected) as rejected:
        entries.put("a", entry(bytes(1000)), 0.0)
    assert rejected.value.status == 413
    kept = entries.peek("a")
    assert kept is not None
    assert kept.value == b"old"


def test_an_expired_entry_is_never_returned():
    entries = LruEntries(1000)
    entries.put("a", entry(ttl_s=5), 0.0)
    assert entries.get("a", 4.999) is not None
    assert entries.get("a", 5.0) is None
    assert (len(entries), entries.used_bytes, entries.expirations) == (0, 0, 1)


def test_replacing_an_expired_entry_creates():
    entries = LruEntries(10_000)
    assert entries.put("a", entry(ttl_s=5), 0.0)
    assert not entries.put("a", entry(ttl_s=5, now_s=1.0), 1.0)
    assert entries.put("a", entry(ttl_s=5, now_s=6.5), 6.5)


def test_expired_entries_leave_without_being_asked_for():
    entries = LruEntries(10**6)
    for i in range(10):
        entries.put(str(i), entry(ttl_s=1 + i), 0.0)
    entries.sweep(6.5)
    assert len(entries) == 5
    entries.sweep(1e6)
    assert (len(entries), entries.expirations) == (0, 10)


def test_one_sweep_lets_go_of_a_bounded_number():
    entries = LruEntries(10**6)
    for i in range(SWEEP_MOST + 1):
        entries.put(str(i), entry(ttl_s=1), 0.0)
    entries.sweep(100.0)
    assert len(entries) == 1


def test_a_shorter_life_put_later_is_swept_in_time():
    entries = LruEntries(10_000)
    entries.put("long", entry(ttl_s=100), 0.0)
    entries.sweep(50.0)
    entries.put("short", entry(ttl_s=1, now_s=50.0), 50.0)
    entries.sweep(53.0)
    assert entries.peek("short") is None
    assert entries.peek("long") is not None


def test_after_everything_left_a_new_entry_is_swept_in_time():
    entries = LruEntries(10_000)
    entries.put("a", entry(ttl_s=1), 0.0)
    entries.remove("a")
    entries.sweep(10.0)
    entries.put("b", entry(ttl_s=1, now_s=10.0), 10.0)
    entries.sweep(12.5)
    assert len(entries) == 0


def test_expired_entries_are_not_listed_nor_counted_as_purged():
    entries = LruEntries(10_000)
    entries.put("a", entry(ttl_s=1), 0.0)
    entries.put("b", entry(ttl_s=9), 0.0)
    assert [listed.key for listed in whole(entries.page("", "", 10, 1.5)).keys] == ["b"]
    assert whole(entries.purge(Purge(), 1.5)) == 1
    assert len(entries) == 0


def whole(steps):
    """The result of steps, all at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def many(count):
    entries = LruEntries(10**7)
    for number in range(count):
        entries.put(f"k{number:05}", entry(ttl_s=100.0), 0.0)
    return entries


@pytest.mark.parametrize("work", [lambda s: s.page("", "", 5, 1.0), lambda s: s.purge(Purge(), 1.0)])
def test_a_listing_and_a_purge_let_others_in_after_every_slice(work):
    steps = work(many(3 * SLICE + 1))
    assert sum(1 for _ in steps) == 4


def test_what_is_written_while_a_purge_goes_on_stays():
    entries = many(2 * SLICE)
    steps = entries.purge(Purge(), 1.0)
    next(steps)
    last = f"k{2 * SLICE - 1:05}"
    entries.put(last, entry(b"new", now_s=1.5), 1.5)
    assert whole(steps) == 2 * SLICE - 1
    assert entries.get(last, 2.0).value == b"new"


def test_what_goes_while_a_listing_goes_on_is_left_out():
    entries = many(2 * SLICE)
    steps = entries.page("", "", 2, 1.0)
    next(steps)
    entries.remove("k00000")
    assert [listed.key for listed in whole(steps).keys] == ["k00001"]


async def test_steps_give_everybody_else_a_turn():
    turns = []

    def steps():
        turns.append("one")
        yield
        turns.append("two")
        return 7

    async def other():
        turns.append("other")

    task = asyncio.ensure_future(other())
    assert await in_slices(steps()) == 7
    await task
    assert turns == ["one", "other", "two"]
