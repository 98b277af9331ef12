"""Keys, tags, cursors: what is accepted, and that a refusal says what would be right."""

import pytest

from cache.errors import Rejected
from cache.keys import MAX_KEY_BYTES, cursor_of, key_of, key_of_cursor, prefix_of, tags_of


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"a", "a"),
        (b"a/b", "a/b"),
        (b"a%2Fb", "a/b"),
        (b"a%2fb", "a/b"),
        (b"%D0%BA", "к"),
        ("к".encode(), "к"),
        (b"a+b", "a+b"),
        (b"%00", "\x00"),
        (b"%25", "%"),
        (b"../x//y/", "../x//y/"),
        (b"%61" * MAX_KEY_BYTES, "a" * MAX_KEY_BYTES),
    ],
)
def test_a_key_is_the_decoded_bytes(raw, key):
    assert key_of(raw) == key


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "empty"),
        (b"%", "hex"),
        (b"a%2", "hex"),
        (b"%zz", "hex"),
        (b"%FF", "UTF-8"),
        (b"%ED%A0%80", "UTF-8"),
        (b"%C0%AF", "UTF-8"),
        (b"a" * (MAX_KEY_BYTES + 1), "513 bytes"),
        (b"%D0%BA" * 257, "514 bytes"),
    ],
)
def test_what_is_no_key_is_refused_with_400_and_its_fault(raw, says):
    with pytest.raises(Rejected, match=says) as refused:
        key_of(raw)
    assert refused.value.status == 400


def test_a_prefix_longer_than_any_key_is_refused():
    assert prefix_of("к" * 256) == "к" * 256
    with pytest.raises(Rejected, match="prefix"):
        prefix_of("к" * 257)


def test_tags_are_kept_once_each_in_order():
    assert tags_of(["b", "a", "b"]) == ("b", "a")


@pytest.mark.parametrize("tags", [[""], ["a\nb"], ["\x7f"], ["x" * 129], [str(i) for i in range(33)]])
def test_bad_tags_are_refused(tags):
    with pytest.raises(Rejected, match="tag"):
        tags_of(tags)


def test_a_cursor_leads_back_to_its_key():
    assert key_of_cursor(cursor_of("a/я")) == "a/я"


@pytest.mark.parametrize("cursor", ["!", "YQ==", "a", "_w", "к", "YR"])
def test_a_cursor_that_no_listing_gave_is_refused(cursor):
    with pytest.raises(Rejected, match="cursor"):
        key_of_cursor(cursor)
