import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.log_subject import (
    CAPACITY,
    MAX_KEPT_BYTES,
    SUBJECT_FIELDS,
    SubjectLines,
    path_in_json,
)

HOST, ENDPOINT = b"api.example.com", "10.0.0.5:8080"
SUBJECT = ("acme", "192.0.2.7", b"GET", HOST, "orders", "orders", ENDPOINT, "HTTP/1.1", None, b"curl/8")
NAMES = tuple(name for name, _ in SUBJECT_FIELDS)


def line_end(lines, subject, target):
    """From `client` to the newline."""
    known = lines.around_path(subject)
    return known.before + path_in_json(target) + known.after


def plain_oracle(subject, target):
    """The unhurried way: one dictionary, one call."""
    values = [*subject[:4], target.partition(b"?")[0], *subject[4:]]
    members = {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in zip(NAMES, values, strict=True)
    }
    try:
        return orjson.dumps(members)[1:] + b"\n"
    except TypeError:  # half of a surrogate pair
        return json.dumps(members, ensure_ascii=False).encode("utf-8", "replace")[1:] + b"\n"


text = st.text(st.characters(), max_size=12)  # half surrogate pairs too
subjects = st.tuples(
    st.none() | text,
    text,
    st.binary(max_size=8),
    st.none() | st.binary(max_size=20),
    st.none() | text,
    st.none() | text,
    st.none() | text,
    st.sampled_from(["HTTP/1.1", "HTTP/1.0", "websocket"]),
    st.none() | st.integers(0, 16),
    st.none() | st.binary(max_size=30),
)
targets = st.binary(max_size=30) | st.text(st.characters(max_codepoint=0x7F), max_size=30).map(str.encode)


@given(st.lists(st.tuples(subjects, targets), min_size=1, max_size=8))
def test_what_is_kept_says_byte_for_byte_what_making_it_anew_says(asked):
    lines = SubjectLines(capacity=2)
    for subject, target in [*asked, *asked]:
        assert line_end(lines, subject, target) == plain_oracle(subject, target)


@given(targets)
def test_any_path_is_escaped_as_json_wants(target):
    end = line_end(SubjectLines(), SUBJECT, target)
    assert end == plain_oracle(SUBJECT, target)
    assert json.loads(b"{" + end)["path"] == target.decode("latin-1").partition("?")[0]


def test_every_single_octet_in_a_path_is_safe():
    lines = SubjectLines()
    for octet in range(256):
        target = b"/a%bb" % bytes([octet])
        assert line_end(lines, SUBJECT, target) == plain_oracle(SUBJECT, target)


def test_two_paths_of_one_subject_share_what_is_kept():
    lines = SubjectLines()
    line_end(lines, SUBJECT, b"/1")
    line_end(lines, SUBJECT, b"/2?page=3")
    assert list(lines._young) == [SUBJECT]
    assert lines._old == {}


def test_what_differs_in_one_value_is_another_subject():
    lines = SubjectLines()
    for index, value in enumerate(SUBJECT):
        other: Any = (*SUBJECT[:index], value[:-1] if value is not None else 14, *SUBJECT[index + 1 :])
        assert line_end(lines, other, b"/") == plain_oracle(other, b"/")
        assert line_end(lines, SUBJECT, b"/") == plain_oracle(SUBJECT, b"/")


def test_what_is_kept_is_bounded_in_number_and_what_is_in_use_stays():
    lines = SubjectLines()
    for number in range(5 * CAPACITY):
        line_end(lines, (*SUBJECT[:9], b"agent/%d" % number), b"/")
        line_end(lines, SUBJECT, b"/")
        assert SUBJECT in lines._young
    assert len(lines._young) <= CAPACITY
    assert len(lines._old) <= CAPACITY


def test_a_long_subject_is_told_and_not_kept():
    lines = SubjectLines()
    long = (*SUBJECT[:9], b"x" * MAX_KEPT_BYTES)
    assert line_end(lines, long, b"/") == plain_oracle(long, b"/")
    assert lines._young == {}
