import pytest

from app.policy.units import (
    BadValue,
    format_duration,
    format_size,
    parse_duration_s,
    parse_instant_s,
    parse_size_bytes,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0.0),
        ("250ms", 0.25),
        ("10s", 10.0),
        ("1h30m", 5400.0),
        ("1m1m", 120.0),
        ("99999h", 359_996_400.0),
        ("1h2m3s4ms", 3723.004),
        ("00010s", 10.0),
    ],
)
def test_a_duration_is_the_sum_of_its_groups(text, seconds):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("1.5s", "write 1500ms"),
        ("0.5h", "write 30m"),
        (".5s", "write 500ms"),
        ("1.s", "write 1000ms"),
        ("1h1.5s", "write 1h1s500ms"),
        ("0.0001s", "1ms is the smallest step"),
        ("10", "write 10s"),
        ("10sec", "write 10s"),
        ("5 min", "write 5m"),
        ("2 h", "write 2h"),
        ("3H", "write 3h"),
        ("7msec", "write 7ms"),
        ("1d", "write 24h"),
        ("10parsec", "such as 250ms, 10s or 1h30m"),
        (".s", "such as 250ms"),
        ("100000s", "such as 250ms"),
        ("1h1h1h1h1h", "one to four groups"),
        ("-1s", "such as 250ms"),
        ("", "such as 250ms"),
        ("1s\n", "such as 250ms"),
        ("x" * 90, "such as 250ms"),
        ("١s", "such as 250ms"),
    ],
)
def test_a_bad_duration_comes_back_with_its_cure(text, cure):
    with pytest.raises(BadValue) as caught:
        parse_duration_s(text)
    assert cure in str(caught.value)
    assert len(str(caught.value)) < 160


def test_a_bare_number_is_seconds_only_outside_policies():
    assert parse_duration_s("10", bare_seconds=True) == 10.0
    with pytest.raises(BadValue, match="has no unit; write 10s for seconds"):
        parse_duration_s("10")


def test_a_bare_fraction_of_seconds_is_no_duration():
    with pytest.raises(BadValue, match="not a duration"):
        parse_duration_s("1.5", bare_seconds=True)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.25, "250ms"),
        (90.0, "1m30s"),
        (5400.0, "1h30m"),
        (3723.004, "1h2m3s4ms"),
        (3600.0, "1h"),
    ],
)
def test_a_duration_is_written_in_whole_units(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("65536", 65536), ("64Ki", 65536), ("10Mi", 10 << 20), ("1Gi", 1 << 30)],
)
def test_a_size_is_whole_bytes_or_binary_units(text, size_bytes):
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
    ],
)
def test_a_bad_size_comes_back_with_its_cure(text, cure):
    with pytest.raises(BadValue, match="is not a size") as caught:
        parse_size_bytes(text)
    assert cure in caught.value.fix


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(0, "0"), (1000, "1000"), (65536, "64Ki"), (10 << 20, "10Mi"), (3 << 30, "3Gi")]
)
def test_a_size_is_written_in_the_largest_whole_unit(size_bytes, text):
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("text", "instant_s"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01t01:00:00+01:00", 0.0),
        ("2027-01-01T00:00:00z", 1_798_761_600.0),
        ("1970-01-01T00:00:00.5Z", 0.5),
    ],
)
def test_an_instant_is_an_rfc_3339_date_time(text, instant_s):
    assert parse_instant_s(text) == instant_s


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("2027-01-01", "write 2027-01-01T00:00:00Z"),
        ("2027-01-01T10:00:00", "add the offset: 2027-01-01T10:00:00Z"),
        ("2027-01-01 10:00:00", "add the offset: 2027-01-01T10:00:00Z"),
        ("tomorrow", "2027-01-31T12:00:00Z"),
        ("2027-13-01T00:00:00Z", "check month, day and hour"),
        ("2027-02-30T00:00:00Z", "check month, day and hour"),
        ("", "2027-01-31T12:00:00Z"),
    ],
)
def test_a_bad_instant_comes_back_with_its_cure(text, cure):
    with pytest.raises(BadValue) as caught:
        parse_instant_s(text)
    assert cure in caught.value.fix
