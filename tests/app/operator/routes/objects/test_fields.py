import pytest

from app.foundation.errors import ConfigFaults
from app.operator.routes.objects.fields import Fields, Reading


def read(values, label="Gateway shop/web") -> tuple[Reading, Fields]:
    reading = Reading(label)
    return reading, reading.top(values)


def faults(reading: Reading) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        reading.raise_any()
    return [str(fault) for fault in caught.value.faults]


def test_null_is_as_good_as_absent():
    reading, top = read({"a": None})
    assert "a" not in top
    assert top.text("a", "default") == "default"
    assert top.optional_text("a") is None
    assert top.optional_integer("a") is None
    assert top.optional_flag("a") is None
    assert top.optional_child("a") is None
    assert (top.texts("a"), top.integers("a"), top.children("a"), top.labels("a")) == ((), (), [], {})
    reading.raise_any()


def test_values_of_the_right_type_are_read():
    _, top = read({"t": "x", "i": 3, "f": True, "l": ["a"], "n": [1], "m": {"k": "v"}, "p": "http", "q": 80})
    assert (top.text("t"), top.optional_text("t"), top.integer("i"), top.optional_integer("i")) == (
        "x",
        "x",
        3,
        3,
    )
    assert (top.flag("f"), top.optional_flag("f"), top.texts("l"), top.integers("n")) == (
        True,
        True,
        ("a",),
        (1,),
    )
    assert top.labels("m") == {"k": "v"}
    assert (top.integer_or_text("p", 1), top.integer_or_text("q", 1), top.integer_or_text("r", 1)) == (
        "http",
        80,
        1,
    )


def test_a_value_of_a_wrong_type_is_a_fault_with_its_path_and_reads_as_absent():
    reading, top = read({"spec": {"listeners": [{"port": "80"}, 7], "name": 5, "count": True}})
    spec = top.child("spec")
    assert [one.integer("port", 1) for one in spec.children("listeners")] == [1]
    assert (spec.text("name", "x"), spec.integer("count", 4)) == ("x", 4)
    assert faults(reading) == [
        "Gateway shop/web: spec.listeners[1]: is a number; it must be a mapping",
        "Gateway shop/web: spec.listeners[0].port: is a text; it must be a whole number",
        "Gateway shop/web: spec.name: is a number; it must be a text",
        "Gateway shop/web: spec.count: is true/false; it must be a whole number",
    ]


def test_lists_and_labels_keep_what_can_be_read():
    reading, top = read({"a": ["x", 1], "b": "text", "c": "text", "d": {"k": 1, "l": "v"}})
    assert (top.texts("a"), top.texts("b"), top.children("c"), top.labels("d")) == (
        ("x",),
        (),
        [],
        {"l": "v"},
    )
    assert faults(reading) == [
        "Gateway shop/web: a[1]: is a number; it must be a text",
        "Gateway shop/web: b: is a text; it must be a list",
        "Gateway shop/web: c: is a text; it must be a list",
        "Gateway shop/web: d.k: is a number; it must be a text",
    ]


def test_keys_that_nobody_read_are_named():
    reading, top = read(
        {"spec": {"a": 1, "list": [{"x": 1, "y": 2}], "gone": None, "b": 1}, "status": {"c": 1}}
    )
    spec = top.child("spec")
    spec.skip("b")
    for one in spec.children("list"):
        one.integer("x")
    assert reading.unknown("spec") == ("spec.a", "spec.list[0].y")
