import pytest

from app.schema.wording import kind_of, nearest, show


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
