import sys

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.config.table_items import canonical, kept_item, kept_tables, read_item

ROUTE = {"name": "httproute/shop/web/0", "listeners": ["shop/web/http"]}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_an_item_is_kept_in_as_many_bytes_as_its_text_has():
    kept = kept_item(ROUTE)
    assert kept == b'{"listeners":["shop/web/http"],"name":"httproute/shop/web/0"}'
    assert sys.getsizeof(kept) == sys.getsizeof(b"") + len(kept)


@given(st.dictionaries(st.text(), st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=4)))
def test_the_whole_has_the_same_text_whether_its_items_are_kept_or_not(tables):
    body = {"tables": tables, "sequence": 7}
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    assert canonical({**body, "tables": kept_tables(tables)}) == canonical(body) == text


def test_an_item_that_is_kept_already_is_the_same_object_and_others_join_it():
    held = kept_tables({"routes": [ROUTE]})["routes"]
    assert isinstance(held, list)
    routes = kept_tables({"routes": [*held, {"name": "new"}]})["routes"]
    assert isinstance(routes, list)
    assert routes[0] is held[0]
    assert routes[1] == b'{"name":"new"}'


def test_what_is_no_list_of_mappings_stays_for_those_who_find_its_faults():
    odd = {"routes": "all", "upstreams": None, "listeners": ["a", 1]}
    assert kept_tables(odd) == odd


@given(json_values)
def test_an_item_reads_as_what_it_was_kept_from(value):
    assert read_item(kept_item(value)) == read_item(value) == value
