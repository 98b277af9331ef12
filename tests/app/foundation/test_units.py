from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import BadValue
from app.foundation.units import parse_duration_s, parse_size_bytes


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("0", 0.0),
        ("10", 10.0),
        ("0.5", 0.5),
        ("10s", 10.0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("1h30m", 5400.0),
        ("1m0s", 60.0),
        ("500us", 0.0005),
        ("500µs", 0.0005),
    ],
)
def test_duration_reads_go_style_and_bare_seconds(text, duration_s):
    assert parse_duration_s(text) == pytest.approx(duration_s)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "-1s",
        "+1s",
        "10 s",
        "10S",
        "1d",
        "1h30",
        ".5s",
        "1e3",
        "inf",
        "nan",
        "١s",
        "9" * 400,
        "10s\n",
    ],
)
def test_anything_else_is_no_duration_and_says_what_would_be_right(text):
    with pytest.raises(
        ValueError, match="is not a duration; write it like 250ms, 10s or 1h30m, or as seconds"
    ):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("65536", 65536), ("64Ki", 65536), ("10Mi", 10 << 20), ("1Gi", 1 << 30)],
)
def test_size_reads_binary_units_and_bare_bytes(text, size_bytes):
    assert parse_size_bytes(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("64K", "write 64Ki"),
        ("10MB", "write 10Mi"),
        ("1 GiB", "write 1Gi"),
        ("1.5Mi", "whole bytes"),
        ("-1", "whole bytes"),
        ("", "whole bytes"),
        ("1Ti", "whole bytes"),
        ("Ki", "whole bytes"),
        ("64KB", "write 64Ki"),
        ("64k", "write 64Ki"),
        ("64 Ki", "write 64Ki"),
        ("9" * 400, "whole bytes"),
        ("1\n", "whole bytes"),
    ],
)
def test_a_bad_size_comes_back_with_its_cure(text, cure):
    with pytest.raises(BadValue, match="is not a size") as caught:
        parse_size_bytes(text)
    assert cure in caught.value.fix


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_of_a_duration_add_up(hours, minutes, seconds, millis):
    text = f"{hours}h{minutes}m{seconds}s{millis}ms"
    assert parse_duration_s(text) == pytest.approx(hours * 3600 + minutes * 60 + seconds + millis / 1000)


@given(st.text())
def test_no_text_raises_anything_but_value_error(text):
    for parse in (parse_duration_s, parse_size_bytes):
        with suppress(ValueError):
            assert parse(text) >= 0
