"""Partitions: pages put together, and what is known of a server's clock."""

from hypothesis import given
from hypothesis import strategies as st

from cache.partition import Partition, ServerTime, merged, nearer
from cache.store import Listed, Page


def page_of(keys, limit):
    listed = tuple(Listed(key, 1, 1) for key in sorted(keys)[:limit])
    return Page(listed, listed[-1].key if len(keys) > limit else None)


@given(st.lists(st.sets(st.text("abcя", min_size=1, max_size=3)), min_size=1, max_size=4), st.integers(1, 5))
def test_pages_of_partitions_are_one_listing_without_gap_or_double(parts, limit):
    parts = [keys - set().union(*parts[:number]) for number, keys in enumerate(parts)]
    seen, after = [], ""
    for _ in range(200):
        rest = [{key for key in keys if key > after} for keys in parts]
        page = merged([page_of(keys, limit) for keys in rest], limit)
        assert len(page.keys) <= limit
        seen += [listed.key for listed in page.keys]
        if page.after is None:
            break
        after = page.after
    assert sorted(set(seen)) == sorted(set().union(*parts))
    assert len(seen) == len(set(seen))


def test_a_page_that_ends_early_hides_what_lies_behind_its_end():
    early = Page((Listed("a", 1, 1),), "c")  # "b" and "c" were over by the time they were looked at
    whole = Page((Listed("b", 1, 1), Listed("d", 1, 1)), None)
    page = merged([early, whole], 5)
    assert ([listed.key for listed in page.keys], page.after) == (["a", "b"], "c")


def test_the_names_of_a_partition_share_its_hash_tag():
    part = Partition(3, "{t}")
    names = (part.counter, part.names, part.expiries, part.purges, part.entries, part.tag_sets, part.channel)
    assert all(name.startswith("{t}:") for name in (*names, part.probe))
    assert len(set(names)) == len(names)


def test_a_servers_time_is_taken_from_the_middle_of_the_call():
    assert ServerTime(5000.0, 1.0, 1.2).at_ms(2.1) == 6000


def test_of_two_looks_at_a_clock_the_quicker_counts_until_it_is_old():
    quick, slow = ServerTime(0.0, 0.0, 0.002), ServerTime(0.0, 5.0, 5.02)
    assert nearer(None, slow) is slow
    assert nearer(quick, slow) is quick
    assert nearer(quick, ServerTime(0.0, 500.0, 500.02)) is not quick
    assert nearer(slow, ServerTime(0.0, 6.0, 6.001)) is not slow
