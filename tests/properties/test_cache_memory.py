"""The entries against a plain model: same answers, and its books balance after every step."""

from hypothesis import example, given
from hypothesis import strategies as st

from cache.entry import Content, Entry, entry_of
from cache.errors import Rejected
from cache.lru import ENTRY_OVERHEAD_BYTES, LruEntries
from cache.store import Purge

MAX_BYTES = 4000
HELD_MAX_BYTES = (
    4800  # 1.2 times as much, as `cache.lru` states it: keys, values and what else an entry needs
)
STEP = st.one_of(
    st.tuples(st.just("put"), st.sampled_from("abcdefgя"), st.integers(0, 1200), st.integers(1, 9)),
    st.tuples(st.just("get"), st.sampled_from("abcdefgя"), st.none(), st.none()),
    st.tuples(st.just("remove"), st.sampled_from("abcdefgя"), st.none(), st.none()),
    st.tuples(st.just("purge"), st.sampled_from("abcdefgя"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.just(""), st.integers(0, 5000), st.none()),
)


def whole(work):
    """The result of a generator of steps, all at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


@example([("put", "a", 979, 1), ("put", "b", 340, 1), ("put", "c", 1199, 1)])  # together 4801 bytes
@example(
    [
        ("put", "d", 352, 2),
        ("put", "a", 83, 1),
        ("put", "c", 966, 1),
        ("wait", "", 1000, None),
        ("put", "b", 356, 1),
    ]
)
@given(st.lists(STEP, max_size=60))
def test_the_shelf_answers_like_a_plain_dictionary_in_order_of_use(steps):
    entries, now_s = LruEntries(MAX_BYTES), 0.0
    model: dict[str, Entry] = {}
    for step, key, number, ttl_s in steps:
        if step == "put":
            entry = entry_of(Content(bytes(number), ""), '"e"', ttl_s, now_s)
            old = model.get(key)
            try:
                created = entries.put(key, entry, now_s)
            except Rejected:
                assert cost_bytes(key, entry) > HELD_MAX_BYTES
                continue
            assert created == (old is None or old.expires_at_s <= now_s)
            model.pop(key, None)
            give_back_room(model, now_s)
            model[key] = entry
            evict(model)
        elif step == "get":
            living = model.get(key)
            if living is not None and living.expires_at_s <= now_s:
                del model[key]
                living = None
            assert entries.get(key, now_s) is living
            if living is not None:
                model[key] = model.pop(key)
        elif step == "remove":
            entries.remove(key)
            model.pop(key, None)
        elif step == "purge":
            count = sum(k.startswith(key) and e.expires_at_s > now_s for k, e in model.items())
            assert whole(entries.purge(Purge(prefix=key), now_s)) == count
            model = {k: e for k, e in model.items() if not k.startswith(key)}
        else:
            now_s += number / 1000
        assert entries.used_bytes <= MAX_BYTES
        listed = [listed.key for listed in whole(entries.page("", "", 1000, now_s)).keys]
        assert listed == sorted(key for key, entry in model.items() if entry.expires_at_s > now_s)
    entries.sweep(now_s + 1000)
    assert (len(entries), entries.used_bytes) == (0, 0)


def give_back_room(model, now_s):
    """What is over is never returned, and takes room until the second in which it ended is over too."""
    for key in [key for key, entry in model.items() if int(entry.expires_at_s) + 1 <= now_s]:
        del model[key]


def cost_bytes(key: str, entry: Entry) -> int:
    return len(key.encode()) + len(entry.value) + ENTRY_OVERHEAD_BYTES


def evict(model):
    while model and (
        sum(cost_bytes(key, entry) for key, entry in model.items()) > HELD_MAX_BYTES
        or sum(cost_bytes(key, entry) - ENTRY_OVERHEAD_BYTES for key, entry in model.items()) > MAX_BYTES
    ):
        del model[next(iter(model))]
