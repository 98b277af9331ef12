"""Keys for any text: the round trip through percent-encoding, and cursors."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from cache.errors import Rejected
from cache.keys import MAX_KEY_BYTES, cursor_of, key_of, key_of_cursor

KEYS = st.text(st.characters(codec="utf-8"), min_size=1).filter(
    lambda text: len(text.encode()) <= MAX_KEY_BYTES
)


@given(KEYS, st.sampled_from(["", "/", "/:@!$&'()*+,;="]))
def test_a_percent_encoded_key_comes_back_whatever_else_was_left_unencoded(key, safe):
    assert key_of(quote(key, safe=safe).encode()) == key


@given(KEYS)
def test_slashes_encoded_or_not_are_the_same_key(key):
    assert key_of(quote(key, safe="").encode()) == key_of(quote(key, safe="/").encode())


@given(KEYS)
def test_a_cursor_comes_back_and_is_safe_in_a_query(key):
    cursor = cursor_of(key)
    assert key_of_cursor(cursor) == key
    assert quote(cursor, safe="") == cursor


def answer(decode, given_input):
    """What it makes of the input, or the status of its refusal."""
    try:
        return decode(given_input)
    except Rejected as refused:
        return refused.status


@given(st.binary(max_size=600))
def test_any_bytes_are_a_key_within_the_bound_or_a_refusal(raw):
    key = answer(key_of, raw)
    assert key == 400 or 1 <= len(key.encode()) <= MAX_KEY_BYTES


@given(st.text(max_size=50))
def test_any_text_is_a_cursor_that_was_given_or_a_refusal(text):
    key = answer(key_of_cursor, text)
    assert key == 400 or cursor_of(key) == text
