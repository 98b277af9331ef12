"""Snapshots in any order, doubled and lost: the newest of the lineage stands, and makes the table."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.config.environment import EnvironmentRules
from app.config.model import Config
from app.config.resources import NO_RESOURCES
from app.config.sync.snapshot import PolicyEntry, decode, pack, seal
from app.config.sync.snapshot_policies import read_resources
from app.config.table import compile_table
from app.gateway.config.snapshots import Snapshots

LINEAGE = "00000000-0000-4000-8000-000000000001"
RULES = EnvironmentRules(auth="none")

specs = st.one_of(
    st.builds(
        lambda text, mode: {
            "targetRefs": [{"kind": "Gateway"}],
            "mode": mode,
            "circuitBreaker": {"openDuration": text, "consecutiveFailures": 1},
        },
        st.sampled_from(["1s", "2s", "3s"]),
        st.sampled_from(["Enforce", "Shadow"]),
    ),
    st.builds(
        lambda text: {"targetRefs": [{"kind": "Gateway"}], "timeout": {"request": text}},
        st.sampled_from(["1s", "2s", "soon"]),
    ),
)
policy_lists = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.tuples(specs, st.integers(1, 2)), max_size=3
)


def snapshot(sequence, policies):
    entries = [
        PolicyEntry("shop", name, f"uid-{name}", generation, spec)
        for name, (spec, generation) in policies.items()
    ]
    return seal(LINEAGE, sequence, entries, complete=True)


def table_of(snapshot, known=NO_RESOURCES):
    resources = read_resources(snapshot, namespace="shop", known=known)
    return compile_table(Config(), RULES, 1, (), resources)


def meaning(table):
    """Without what was kept from reading."""
    return replace(table, resources=replace(table.resources, read={}))


@given(st.lists(policy_lists, min_size=1, max_size=6), st.data())
def test_the_newest_stands_whatever_the_order_and_the_table_is_a_pure_function_of_it(edits, data):
    published = [snapshot(number, policies) for number, policies in enumerate(edits, 1)]
    arrived = data.draw(st.lists(st.sampled_from(published), min_size=1, max_size=12))
    snapshots, known, table = Snapshots(), NO_RESOURCES, None
    for each in arrived:
        if snapshots.offer(decode(pack(each)), "sync"):
            table = table_of(each, known)
            known = table.resources
            snapshots.accept(each, "sync", known, 0.0)
    newest = max(arrived, key=lambda one: one.sequence)
    assert snapshots.held == newest
    assert table is not None
    assert meaning(table) == meaning(table_of(newest))


@given(policy_lists)
def test_a_policy_that_is_not_understood_changes_nothing_for_the_others(policies):
    bad = {name: pair for name, pair in policies.items() if pair[0].get("timeout") == {"request": "soon"}}
    good = {name: pair for name, pair in policies.items() if name not in bad}
    whole, rest = table_of(snapshot(1, policies)), table_of(snapshot(1, good))
    assert {error.uid for error in whole.resources.errors} == {f"uid-{name}" for name in bad}
    assert (whole.routes, whole.breakers, whole.shadow_breakers) == (
        rest.routes,
        rest.breakers,
        rest.shadow_breakers,
    )
