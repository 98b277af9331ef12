"""The link's pauses; what it says and hears: scenarios/test_sync_link.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.sources.operator import backoff_s, watch_pace_s


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_from_a_tenth_to_ten_seconds(failures, unit):
    assert 0.1 <= backoff_s(failures, unit) <= 10.0


@pytest.mark.parametrize(
    ("failures", "most_s"), [(1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (99, 10.0)]
)
def test_its_upper_end_doubles(failures, most_s):
    assert backoff_s(failures, 0.999999) == pytest.approx(most_s, rel=1e-4)
    assert backoff_s(failures, 0.0) == 0.1


@pytest.mark.parametrize(
    ("said", "pace_s"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", 60.0),
        ("2", 2.0),
        ("2.5", 2.5),
        ("0", 1.0),
        ("-1", 1.0),
        ("3600", 60.0),
    ],
)
def test_the_pace_of_summaries_is_bounded(said, pace_s):
    assert watch_pace_s(said) == pace_s
