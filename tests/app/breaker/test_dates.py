from hypothesis import given
from hypothesis import strategies as st

from app.admin.feed.instants import ms
from app.breaker.dates import Dates


def test_an_instant_before_or_after_the_reading_has_the_date_that_far_from_it():
    dates = Dates(100.0, 1_000_000.0)
    assert [dates.at(at_s) for at_s in (97.5, 100.0, 110.0)] == [999_997.5, 1_000_000.0, 1_000_010.0]


@given(
    now_s=st.floats(0.0, 1e8),
    wall_s=st.floats(1e9, 4e9),
    for_ms=st.integers(0, 86_400_000),
)
def test_dates_in_milliseconds_lie_as_far_apart_as_their_instants(now_s, wall_s, for_ms):
    dates = Dates(now_s, wall_s)
    assert ms(dates.at(now_s + for_ms / 1000)) - ms(dates.at(now_s)) == for_ms
