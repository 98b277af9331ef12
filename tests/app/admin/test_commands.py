import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admin.commands import BadField, Drill, Garbage, one_line, override_s, read_command, read_drill

DRILL = {"breaker": "orders", "for": "60s", "who": "Ada", "why": "rehearsal"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_a_wish_is_its_type_and_its_fields():
    wish = read_command(b'{"type": "test.start", "id": 7, "more": [1]}')
    assert (wish.kind, wish.id, wish.fields["more"]) == ("test.start", 7, [1])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"test.start"',
        b"{}",
        b'{"type": 1}',
        b'{"type": "nope"}',
        b'{"type": NaN}',
    ],
)
def test_anything_else_is_garbage(text):
    with pytest.raises(Garbage):
        read_command(text)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(None, None), ("a", "a"), (1.5, 1.5), (True, None), ([1], None), ({}, None), ("x" * 70, "x" * 64)],
)
def test_an_id_is_a_text_or_a_number(given, kept):
    assert read_command(json.dumps({"type": "drill.end", "id": given}).encode()).id == kept


def test_a_drill_opens_unless_told_otherwise():
    assert read_drill(DRILL) == Drill("orders", "open", 60.0, "Ada", "rehearsal")
    assert read_drill({**DRILL, "state": "closed"}).state == "closed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "ajar"),
        ("state", "auto"),
        ("state", None),
        ("for", None),
        ("for", "999ms"),
        ("for", "1h1s"),
        ("for", 3601),
        ("for", True),
        ("for", "soon"),
        ("for", [1]),
        ("breaker", None),
        ("breaker", 1),
        ("who", ""),
        ("who", "  "),
        ("who", "x" * 101),
        ("why", None),
        ("why", "x" * 201),
    ],
)
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(BadField, match=f"^{field}: "):
        read_drill({**DRILL, field: value})


@pytest.mark.parametrize(
    ("given", "seconds"), [("1s", 1.0), ("1h", 3600.0), (1, 1.0), (3600.0, 3600.0), ("90", 90.0)]
)
def test_the_bounds_are_inside(given, seconds):
    assert override_s(given) == seconds


def test_none_is_no_duration():
    assert override_s(None) is None


@pytest.mark.parametrize(
    ("given", "line"),
    [(" a  b ", "a b"), ("a\nb\tc", "a b c"), ("\x1b[31mred", "[31mred"), ("ä€", "ä€"), (None, None)],
)
def test_a_line_has_nothing_that_a_terminal_obeys(given, line):
    assert one_line(given, 100) == line


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_garbage(text):
    try:
        command = read_command(text)
    except Garbage:
        return
    assert json.loads(text) == command.fields


@given(st.dictionaries(st.sampled_from(["state", "for", "breaker", "who", "why"]), JSON))
def test_no_fields_raise_anything_but_bad_field(fields):
    try:
        drill = read_drill(fields)
    except BadField:
        return
    assert 1.0 <= drill.for_s <= 3600.0
