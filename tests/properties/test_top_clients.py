"""The sketch of top clients against exact counts: Space-Saving's bounds (Metwally 2005, lemmas 2 to 4)."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.top_clients import TopClients

NAMES = st.one_of(
    st.none(), st.integers(0, 4).map("often {}".format), st.integers(0, 60).map("seldom {}".format)
)


@given(names=st.lists(NAMES, max_size=400), capacity=st.integers(1, 20))
def test_counts_are_never_too_low_and_too_high_by_a_bounded_part(names, capacity):
    sketch, exact = TopClients(capacity), Counter(names)
    for name in names:
        sketch.add(name)
    counts = dict(sketch.counts())
    bound = len(names) / capacity
    assert len(counts) <= capacity
    assert sum(counts.values()) == len(names)
    for name, count in counts.items():
        assert exact[name] <= count <= exact[name] + bound
    assert {name for name, count in exact.items() if count > bound} <= counts.keys()


@given(names=st.lists(NAMES, max_size=200))
def test_a_table_that_holds_all_names_is_exact(names):
    sketch = TopClients(100)
    for name in names:
        sketch.add(name)
    assert dict(sketch.counts()) == Counter(names)
