"""The backlog: newest write per key, bounded, nothing old comes back to life."""

from cache.entry import Content, entry_of
from cache.store import Purge
from cache.write_behind import MAX_PURGES, OP_OVERHEAD_BYTES, Deletion, WriteBehind


def entry(value=b"v", now_s=0.0, tags=()):
    return entry_of(Content(value, "", tags), '"e"', 60, now_s)


def test_the_newest_write_of_a_key_is_kept():
    backlog = WriteBehind(10_000)
    backlog.put("a", entry(b"1"))
    newest = entry(b"2")
    backlog.put("a", newest)
    assert backlog.writes(10) == [("a", newest)]


def test_a_deletion_takes_the_place_of_a_value():
    backlog = WriteBehind(10_000)
    backlog.put("a", entry())
    assert backlog.delete("a", 3.0)
    assert backlog.writes(10) == [("a", Deletion(3.0))]
    assert backlog.get("a", 3.0) is None


def test_a_value_is_found_while_it_lives():
    backlog = WriteBehind(10_000)
    backlog.put("a", entry())
    assert backlog.get("a", 59.0) is not None
    assert backlog.get("a", 60.0) is None
    assert backlog.get("b", 0.0) is None


def test_a_value_without_room_becomes_a_deletion_and_is_counted():
    backlog = WriteBehind(1000)
    assert not backlog.put("a", entry(bytes(1000), now_s=7.0))
    assert backlog.writes(10) == [("a", Deletion(7.0))]
    assert backlog.drops == 1


def test_a_deletion_without_room_is_counted():
    backlog = WriteBehind(OP_OVERHEAD_BYTES)
    assert not backlog.delete("a", 0.0)
    assert (bool(backlog), backlog.drops) == (False, 1)


def test_a_newer_write_frees_the_room_of_the_older():
    backlog = WriteBehind(2 * OP_OVERHEAD_BYTES + 1000)
    for _ in range(5):
        assert backlog.put("a", entry(bytes(1000)))
    backlog.delete("a", 0.0)
    assert backlog.used_bytes == OP_OVERHEAD_BYTES + 1


def test_what_is_written_leaves_unless_something_newer_came():
    backlog = WriteBehind(10_000)
    old, new = entry(b"1"), entry(b"2")
    backlog.put("a", old)
    backlog.put("a", new)
    backlog.written("a", old)
    assert backlog.writes(10) == [("a", new)]
    backlog.written("a", new)
    assert not backlog
    assert backlog.used_bytes == 0


def test_writes_come_oldest_first_and_no_more_than_asked():
    backlog = WriteBehind(10_000)
    for key in "cab":
        backlog.put(key, entry())
    assert [key for key, _ in backlog.writes(2)] == ["c", "a"]


def test_a_purge_forgets_the_values_it_covers_and_keeps_deletions():
    backlog = WriteBehind(10_000)
    backlog.put("a", entry(tags=("x",)))
    backlog.put("b", entry())
    backlog.delete("c", 1.0)
    backlog.purge(Purge(tags=("x",)), 2.0)
    assert [key for key, _ in backlog.writes(10)] == ["b", "c"]
    backlog.purge(Purge(), 3.0)
    assert [key for key, _ in backlog.writes(10)] == ["c"]


def test_the_same_purge_twice_is_kept_once_with_the_later_time():
    backlog = WriteBehind(10_000)
    backlog.purge(Purge(prefix="a"), 1.0)
    (old,) = backlog.purges()
    backlog.purge(Purge(prefix="a"), 2.0)
    backlog.purged(old)
    (new,) = backlog.purges()
    assert new.written_s == 2.0
    backlog.purged(new)
    assert not backlog


def test_too_many_purges_become_one_of_everything():
    backlog = WriteBehind(10_000)
    for i in range(MAX_PURGES + 1):
        backlog.purge(Purge(prefix=str(i)), float(i))
    (purge,) = backlog.purges()
    assert (purge.what, purge.written_s) == (Purge(), float(MAX_PURGES))
