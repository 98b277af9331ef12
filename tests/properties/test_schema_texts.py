from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schema.durations import format_duration, parse_duration_s
from app.schema.faults import BadValue
from app.schema.instants import parse_instant_s

GROUPS = st.lists(
    st.tuples(st.integers(0, 99_999), st.sampled_from(["h", "m", "s", "ms"])), min_size=1, max_size=4
)
MS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


@given(st.integers(0, 99_999 * 3_600_000))
def test_a_formatted_duration_reads_back_as_the_same_milliseconds(duration_ms):
    assert parse_duration_s(format_duration(duration_ms / 1000)) == duration_ms / 1000


@given(GROUPS)
def test_any_groups_add_up(groups):
    text = "".join(f"{count}{unit}" for count, unit in groups)
    assert parse_duration_s(text) == sum(count * MS[unit] for count, unit in groups) / 1000


@given(st.integers(0, 9_999), st.integers(0, 999))
def test_the_cure_of_a_fraction_means_the_same(whole, thousandths):
    with pytest.raises(BadValue) as caught:
        parse_duration_s(f"{whole}.{thousandths:03}s")
    assert parse_duration_s(caught.value.fix.rpartition(" ")[2]) == (whole * 1000 + thousandths) / 1000


@given(st.text(max_size=30))
def test_any_text_is_a_value_or_a_fault_with_a_cure(text):
    for read in (parse_duration_s, parse_instant_s):
        try:
            outcome: object = read(text)
        except BadValue as bad:
            outcome = bad.what and bad.fix
        assert outcome or outcome == 0


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)))
def test_an_instant_reads_back(when):
    aware = when.replace(tzinfo=UTC)
    assert parse_instant_s(aware.isoformat()) == aware.timestamp()
