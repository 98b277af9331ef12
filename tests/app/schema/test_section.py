from app.schema.faults import Faults
from app.schema.section import Section


def read(values):
    faults = Faults()
    return Section(values, (), faults), faults


def test_an_absent_key_without_default_is_a_fault_everywhere():
    section, faults = read({})
    section.integer("a", 1, 2)
    section.duration_s("b", 0.0, 1.0)
    assert list(section.items("c", 1)) == []
    assert [found.what for found in faults.found] == ["is required"] * 3


def test_an_absent_list_that_may_be_empty_is_no_fault():
    section, faults = read({})
    assert list(section.items("c")) == []
    assert not len(faults)


def test_a_list_without_upper_bound_says_how_many_it_needs():
    section, faults = read({"c": []})
    assert list(section.items("c", 1)) == []
    assert faults.found[0].fix == "it must have at least 1"


def test_a_number_is_a_duration_only_in_the_dialect_with_bare_seconds():
    section, faults = read({"a": 3, "b": "4", "c": True, "d": -1, "e": 10**12})
    assert section.duration_s("a", 0.0, 9.0, bare_seconds=True) == 3.0
    assert section.duration_s("b", 0.0, 9.0, bare_seconds=True) == 4.0
    for key in ("c", "d", "e"):
        section.duration_s(key, 0.0, 9.0, bare_seconds=True)
    assert [found.path for found in faults.found] == [("c",), ("d",), ("e",)]


def test_a_key_that_is_no_text_is_unknown():
    faults = Faults()
    Section.open({1: 2}, (), ("a",), faults)
    assert faults.found[0].path == ("1",)
