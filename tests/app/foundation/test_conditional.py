"""Validators and conditions (RFC 9110 §8.8.3, §13.1.2)."""

import pytest

from app.foundation.conditional import none_match, strong_etag


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('"a"', False),
        ('W/"a"', False),
        ('"b", "a"', False),
        ('"b","a"', False),
        ('"b,c", "a"', False),
        ("*", False),
        (" * ", False),
        ('"b"', True),
        ('"b","c"', True),
        ("a", True),
        ("", True),
        ('"b", W/"c"', True),
        ('"a', True),
    ],
)
def test_none_match_compares_weakly(condition, holds):
    assert none_match(condition, '"a"') is holds
    assert none_match(condition, 'W/"a"') is holds


def test_a_validator_may_hold_a_comma():
    assert not none_match('"x", "a,b"', '"a,b"')


def test_a_strong_validator_is_of_the_bytes():
    assert strong_etag(b"a", b"b") == strong_etag(b"ab") != strong_etag(b"ba")
    assert strong_etag(b"")[0] == strong_etag(b"")[-1] == '"'
    assert len(strong_etag(b"")) == 26
