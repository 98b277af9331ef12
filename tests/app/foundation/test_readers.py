"""The dialect of variables: what each kind of text may say."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import BadValue
from app.foundation.readers import (
    duration,
    flag,
    host,
    http_url,
    secret,
    short_secret,
    size,
    text,
    whole_number,
    word,
)

READERS = (
    text,
    whole_number(0, 9),
    duration(0, 60),
    size(1, 1 << 30),
    word("on", "off"),
    flag,
    secret,
    host,
    http_url,
)


@pytest.mark.parametrize(
    ("read", "given_text", "value"),
    [
        (text, " as given ", " as given "),
        (whole_number(1, 65_535), "8080", 8080),
        (duration(0, 60), "250ms", 0.25),
        (duration(0, 60), "5", 5.0),
        (size(1, 1 << 30), "64Ki", 65_536),
        (word("on", "off"), "OFF", "off"),
        (flag, "True", True),
        (flag, "false", False),
        (secret, "s3cret!", "s3cret!"),
        (host, "::1", "::1"),
        (host, "fe80::1%eth0", "fe80::1%eth0"),
        (host, "127.0.0.1", "127.0.0.1"),
        (host, "cache-1", "cache-1"),
        (host, "cache1", "cache1"),
        (host, "gateway.example.com", "gateway.example.com"),
        (http_url, "https://collector:4318/v1", "https://collector:4318/v1"),
    ],
)
def test_good_text_is_read(read, given_text, value):
    assert read(given_text) == value


@pytest.mark.parametrize(
    ("read", "given_text", "what", "fix"),
    [
        (whole_number(1, 9), "10", "'10' cannot be used", "from 1 to 9"),
        (whole_number(1, 9), "x", "'x' cannot be used", "a whole number"),
        (duration(1, 60), "0", "'0' is out of range", "1s to 60s"),
        (duration(1, 60), "soon", "'soon' is not a duration", "250ms"),
        (size(1, 9), "1Ki", "'1Ki' is out of range", "1 to 9 bytes"),
        (size(1, 9), "1k", "'1k' is not a size", "write 1Ki"),
        (word("on", "off"), "yes", "'yes' is not a value of it", "on, off"),
        (flag, "1", "'1' is not a value of it", "true, false"),
        (secret, "two words", "holds a space", "visible ASCII"),
        (host, "a b", "'a b' is not an address", "without port"),
        (host, "1.2.3", "is not an address", "127.0.0.1"),
        (host, "-", "is not an address", "127.0.0.1"),
        (host, "[::1]", "is not an address", "brackets"),
        (http_url, "collector:4318", "is not an http:// or https:// URL", "http://"),
        (http_url, "http://[::1", "is not a URL", "http://"),
        (http_url, "http://u:p@h", "holds a user or password", "not passed on"),
    ],
)
def test_bad_text_says_what_is_wrong_and_what_would_be_right(read, given_text, what, fix):
    with pytest.raises(BadValue) as caught:
        read(given_text)
    assert what in caught.value.what
    assert fix in caught.value.fix + caught.value.what


@pytest.mark.parametrize("read", [secret, http_url])
def test_a_text_that_may_hold_a_secret_is_not_shown(read):
    with pytest.raises(BadValue) as caught:
        read("http://user:hunter2 @host")
    assert "hunter2" not in str(caught.value)


def test_a_short_secret_is_unwise_and_not_shown():
    found = short_secret("hunter2")
    assert found == (
        "has 7 characters and can be guessed",
        "use 16 or more, such as `tidegate keys new default` prints",
    )
    assert short_secret("x" * 16) is None


@given(st.text())
def test_no_text_raises_anything_but_bad_value(any_text):
    for read in READERS:
        with suppress(BadValue):
            read(any_text)
