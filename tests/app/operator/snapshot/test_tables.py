from typing import Any

from app.operator.snapshot.tables import CompiledTables


def test_an_operator_without_gateway_api_knows_that_there_are_none():
    assert (CompiledTables().current, CompiledTables(are_awaited=True).current) == ({}, None)


def test_the_first_tables_are_news_though_they_are_empty():
    tables = CompiledTables(are_awaited=True)
    assert (tables.put({}), tables.put({})) == (True, False)


def test_tables_are_kept_as_json_so_that_what_is_stored_compares_equal():
    tables = CompiledTables()
    assert tables.put({"routes": ({"name": "a"},)})
    assert tables.current == {"routes": [{"name": "a"}]}
    assert not tables.put({"routes": [{"name": "a"}]})


def test_an_item_that_is_the_same_object_is_taken_over_as_it_was_read():
    tables = CompiledTables()
    first, second = {"name": "a", "listeners": ("x",)}, {"name": "b"}
    assert tables.put({"routes": [first, second]})
    before: Any = tables.current
    assert tables.put({"routes": [first, {"name": "c"}], "size": 7})
    after: Any = tables.current
    assert after == {"routes": [{"name": "a", "listeners": ["x"]}, {"name": "c"}], "size": 7}
    assert after["routes"][0] is before["routes"][0]
    assert not tables.put({"routes": (first, {"name": "c"}), "size": 7})
