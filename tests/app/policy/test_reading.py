import pytest

from app.foundation.errors import ConfigFaults
from app.policy.reading import MAX_FAULTS, Faults, Section, kind_of, nearest, show, spell


def test_a_path_is_spelled_as_people_write_it():
    assert spell(("routes", 2, "match", "X-Env", "a b", 0)) == "routes[2].match.X-Env['a b'][0]"


def test_a_long_odd_key_is_cut():
    assert len(spell(("\n" * 500,))) < 80


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "empty"),
        (True, "true/false"),
        (1, "a number"),
        (1.5, "a number with a fraction"),
        ("x", "a text"),
        ({}, "a mapping"),
        ([], "a list"),
        (object(), "a object"),
    ],
)
def test_a_value_is_named_by_its_kind(value, words):
    assert kind_of(value) == words


@pytest.mark.parametrize(
    ("value", "shown"),
    [("x", "'x'"), (7, "7"), (1.5, "1.5"), (True, "true/false"), ([1], "a list"), (None, "empty")],
)
def test_a_value_is_shown_short(value, shown):
    assert show(value) == shown


def test_long_values_are_cut():
    assert show("x" * 500) == "'" + "x" * 59 + "…"
    assert show(10**5000) == "a very large number"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("open_duration", "openDuration"),
        ("open-duration", "openDuration"),
        ("opnDuration", "openDuration"),
        ("OPENDURATION", "openDuration"),
        ("zzz", None),
        ("o" * 65, None),
    ],
)
def test_the_nearest_known_word_is_offered(word, meant):
    assert nearest(word, ["openDuration", "rules"]) == meant


def test_too_many_faults_are_counted_not_kept():
    faults = Faults()
    for index in range(MAX_FAULTS + 7):
        faults.add((index,), "is wrong", "mend it")
    with pytest.raises(ConfigFaults) as caught:
        faults.raise_any(lambda found: f"f{spell(found.path)}")
    assert len(faults) == MAX_FAULTS + 7
    assert len(caught.value.faults) == MAX_FAULTS + 1
    assert str(caught.value.faults[-1]) == "f: has 7 more faults; mend those above first"


def test_no_fault_raises_nothing():
    Faults().raise_any(lambda found: "")


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
