import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.counts import BOUNDS_S, Histogram
from app.telemetry.series_rolling import Rolling, quantile_ms

EMPTY = [0] * (len(BOUNDS_S) + 1)


RISES = st.dictionaries(st.integers(0, 2), st.integers(1, 9)).map(lambda rises: list(rises.items()))


@given(st.lists(RISES, max_size=40))
def test_sums_are_those_of_the_last_steps(steps):
    rolling = Rolling(3, 5)
    for step in steps:
        rolling.advance(step)
    last = steps[-5:]
    assert rolling.sums == [
        sum(rise for step in last for at, rise in step if at == counter) for counter in range(3)
    ]
    assert rolling.is_empty is (not any(last))


def test_a_step_without_a_rise_needs_nothing_said():
    rolling = Rolling(1, 1)
    rolling.advance([(0, 5)])
    rolling.advance()
    assert (rolling.sums, rolling.is_empty) == ([0], True)


def cells_of(*durations_s: float) -> list[int]:
    histogram = Histogram()
    for duration_s in durations_s:
        histogram.observe(duration_s)
    return histogram.cells


def test_without_observations_there_is_no_quantile():
    assert quantile_ms(EMPTY, 0.5) is None


@pytest.mark.parametrize(
    ("durations_s", "share", "wanted_ms"),
    [
        ([0.0005], 0.5, 0.5),
        ([0.0005], 1.0, 1.0),
        ([0.02] * 10, 0.5, 17.5),
        ([0.002] * 9 + [4.0], 0.5, 1.83),
        ([0.002] * 9 + [4.0], 0.99, 4750.0),
        ([60.0], 0.5, 10_000.0),
    ],
)
def test_a_quantile_lies_within_its_bucket(durations_s, share, wanted_ms):
    assert quantile_ms(cells_of(*durations_s), share) == wanted_ms


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise_with_their_share(durations_s, one, other):
    cells = cells_of(*durations_s)
    low, high = quantile_ms(cells, min(one, other)), quantile_ms(cells, max(one, other))
    assert low is not None
    assert high is not None
    assert 0 <= low <= high <= 10_000
