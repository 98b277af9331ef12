"""The backlog against a plain history: per key the newest write or nothing older, and its books balance."""

from hypothesis import given
from hypothesis import strategies as st

from cache.entry import Content, Entry, entry_of
from cache.store import Purge
from cache.write_behind import Deletion, WriteBehind

STEP = st.tuples(
    st.sampled_from(["put", "delete", "purge", "write"]), st.sampled_from("abc"), st.integers(0, 2000)
)


@given(st.lists(STEP, max_size=50), st.integers(400, 5000))
def test_what_is_kept_of_a_key_is_its_newest_write_or_its_deletion(steps, max_bytes):
    backlog = WriteBehind(max_bytes)
    newest: dict[str, Entry | None] = {}
    for now, (step, key, size) in enumerate(steps):
        if step == "put":
            entry = entry_of(Content(bytes(size), ""), '"e"', 60, float(now))
            kept = backlog.put(key, entry)
            newest[key] = entry
            assert kept == (backlog.get(key, float(now)) is entry)
        elif step == "delete":
            backlog.delete(key, float(now))
            newest[key] = None
        elif step == "purge":
            backlog.purge(Purge(prefix=key), float(now))
            newest[key] = None
        else:
            for name, write in backlog.writes(1):
                backlog.written(name, write)
        assert 0 <= backlog.used_bytes <= max_bytes
        for name, write in backlog.writes(100):
            if isinstance(write, Entry):
                assert write is newest[name]
            else:
                assert isinstance(write, Deletion)
    for name, write in backlog.writes(100):
        backlog.written(name, write)
    assert backlog.used_bytes == 0
