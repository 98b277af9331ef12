import re

import pytest

from app.config.parsing.regex_tree import Atomic, Choice, OneOf, Repeat, Row, read_regex


def takes(text, never=""):
    """Of some characters those that a tree of one character takes."""
    node, every = read_regex(re.compile(text), never)
    assert isinstance(node, OneOf)
    assert not node.chars & ~every
    found = ""
    for char in "azAZ09_ -\té٣中\n":
        only, _ = read_regex(re.compile(re.escape(char)), never)
        assert isinstance(only, OneOf)
        found += char if only.chars & node.chars else ""
    return found


@pytest.mark.parametrize(
    ("text", "chars"),
    [
        ("a", "a"),
        ("(?i:A)", "aA"),
        ("[^a]", "zAZ09_ -\té٣中\n"),
        (".", "azAZ09_ -\té٣中"),
        ("[a-z]", "az"),
        ("(?i:[a-z])", "azAZ"),
        (r"\d", "09٣"),
        (r"[^\d\s]", "azAZ_-é中"),
        (r"\W", " -\t\n"),
        (r"\S", "azAZ09_-é٣中"),
        ("é", "é"),
        ("中", "中"),
    ],
)
def test_a_character_is_the_set_that_it_takes(text, chars):
    assert takes(text) == chars


def test_what_never_comes_is_in_no_set():
    assert "\n" not in takes(r"\s", "\n")


def test_the_shapes():
    def shape(text):
        return read_regex(re.compile(text))[0]

    a, b = shape("a"), shape("b")
    assert shape("ab") == Row((a, b))
    assert shape("^$") == Row((Row(()), Row(())))
    assert shape("(?:ab|c)?") == Repeat(Choice((Row((a, b)), shape("c"))), 0, 1)
    assert shape("a{2,3}?") == Repeat(a, 2, 3)
    assert shape("(?>ab)") == Atomic(Row((a, b)))
    assert shape("a++") == Atomic(Repeat(a, 1, shape("a+").high))
    assert shape("(?=a)") == shape("(?<!a)") == Atomic(a, is_look=True)
    assert shape("(a)(?(1)b|a)") == Row((a, Choice((b, a))))
    assert shape("(a)(?(1)b)") == Row((a, Choice((b, Row(())))))
    assert shape(r"(a)\1") == Row((a, OneOf(read_regex(re.compile("a"))[1])))
