import pytest

from app.schema.durations import format_duration, parse_duration_s
from app.schema.faults import BadValue


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
