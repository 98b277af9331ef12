import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.sync.table_delta import MOST_ITEMS, tables_delta, tables_of
from app.foundation.errors import BadValue

HASH = "ab" * 32
A, B, C, D = ({"name": name} for name in "abcd")
HELD = {"routes": [A, B, C], "upstreams": [D]}


def put_together(held, now):
    return tables_of({"of": HASH, "tables": tables_delta(held, now)}, held, HASH)


def test_of_many_items_one_that_changed_is_said():
    edited = {"name": "b", "auth": "key"}
    delta = tables_delta(HELD, {"routes": [A, edited, C], "upstreams": [D]})
    assert delta == {"routes": [[0, 1], edited, [2, 1]], "upstreams": [[0, 1]]}


def test_what_did_not_change_is_the_same_object():
    edited = {"name": "b", "auth": "key"}
    made = put_together(HELD, {"routes": [A, edited, C], "upstreams": [D]})
    assert made == {"routes": [A, edited, C], "upstreams": [D]}
    routes = made["routes"]
    assert isinstance(routes, list)
    assert routes[0] is A
    assert routes[2] is C


def test_a_list_that_is_gone_and_one_that_is_new_are_said():
    assert put_together(HELD, {"routes": [A, B, C], "listeners": []}) == {
        "routes": [A, B, C],
        "listeners": [],
    }


@pytest.mark.parametrize(
    "now",
    [
        {"routes": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "upstreams": [D]},
        {"routes": "all"},
        {"routes": [A], "upstreams": None},
    ],
    ids=["equal but others", "no list", "nothing"],
)
def test_where_more_than_half_is_new_or_no_list_all_of_it_is_better(now):
    assert tables_delta(HELD, now) is None


def test_lists_held_that_are_none_give_no_delta():
    assert tables_delta({"routes": "all"}, {"routes": []}) is None


@given(st.lists(st.integers(0, 30), max_size=40), st.lists(st.integers(0, 35), max_size=40))
def test_whatever_moves_what_is_put_together_is_what_was_said(before, after):
    items = [{"name": str(number)} for number in range(36)]
    held = {"routes": [items[number] for number in before]}
    now = {"routes": [items[number] for number in after]}
    if tables_delta(held, now) is not None:
        assert put_together(held, now) == now


@pytest.mark.parametrize(
    ("delta", "what"),
    [
        (None, "is empty, not a mapping"),
        ([], "is a list, not a mapping"),
        ({"of": "cd" * 32, "tables": {}}, "is of another snapshot"),
        ({"of": HASH}, "has no tables"),
        ({"of": HASH, "tables": {"routes": {}}}, "has routes that are no list"),
        ({"of": HASH, "tables": {"routes": [[0, 4]]}}, "has routes that are not held"),
        ({"of": HASH, "tables": {"listeners": [[0, 1]]}}, "has listeners that are not held"),
        ({"of": HASH, "tables": {"routes": [[3, 0]]}}, "has routes with"),
        ({"of": HASH, "tables": {"routes": [[-1, 1]]}}, "has routes with"),
        ({"of": HASH, "tables": {"routes": [[0, True]]}}, "has routes with"),
        ({"of": HASH, "tables": {"routes": [[0]]}}, "has routes with"),
        ({"of": HASH, "tables": {"routes": ["a"]}}, "has routes with"),
    ],
)
def test_a_delta_that_is_none_is_named(delta, what):
    with pytest.raises(BadValue) as caught:
        tables_of(delta, HELD, HASH)
    assert what in str(caught.value)
    assert "fetch the whole snapshot" in str(caught.value)


def test_runs_make_no_more_items_than_a_list_may_have():
    held = {"routes": [A] * 1024}
    runs = [[0, 1024]] * (MOST_ITEMS // 1024 + 1)
    with pytest.raises(BadValue, match="not held"):
        tables_of({"of": HASH, "tables": {"routes": runs}}, held, HASH)
