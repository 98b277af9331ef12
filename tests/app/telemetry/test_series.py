import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.series import MOST_COLUMNS, NOTHING, Series


def test_points_come_back_in_order():
    series = Series(1, 3)
    series.append(1000, {"ok": 5})
    series.append(2000, {"ok": 6})
    assert series.since(0) == ([1000, 2000], {"ok": [5, 6]})


def test_the_oldest_point_goes_first():
    series = Series(1, 3)
    for second in range(1, 6):
        series.append(second * 1000, {"ok": second})
    assert series.since(0) == ([3000, 4000, 5000], {"ok": [3, 4, 5]})


def test_only_what_is_later_is_told():
    series = Series(1, 3)
    for second in range(1, 6):
        series.append(second * 1000, {"ok": second})
    assert series.since(3000) == ([4000, 5000], {"ok": [4, 5]})
    assert series.since(5000) == ([], {"ok": []})


def test_a_column_that_comes_later_was_zero_before():
    series = Series(1, 3)
    series.append(1000, {"ok": 1})
    series.append(2000, {"breaker_open": 2})
    assert series.since(0)[1] == {"ok": [1, 0], "breaker_open": [0, 2]}


def test_a_column_of_zeros_is_not_made():
    series = Series(1, 3)
    series.append(1000, {"ok": 0})
    assert series.since(0) == ([1000], {})


def test_a_column_goes_when_only_zeros_are_left():
    series = Series(1, 3)
    series.append(1000, {"gone": 1, "ok": 1})
    for second in range(2, 7):
        series.append(second * 1000, {"ok": 1})
    assert set(series.since(0)[1]) == {"ok"}


def test_nothing_is_no_zero():
    series = Series(1, 3)
    series.append(1000, {"p50Ms": NOTHING})
    assert series.since(0)[1] == {"p50Ms": [NOTHING]}


def test_columns_are_bounded():
    series = Series(1, 3)
    series.append(1000, {str(number): 1 for number in range(MOST_COLUMNS + 10)})
    assert len(series.since(0)[1]) == MOST_COLUMNS


def test_a_count_beyond_the_cell_is_cut():
    series = Series(1, 3)
    series.append(1000, {"ok": 2**40})
    series.append(2000, {"ok": 2**40})
    assert series.since(0)[1] == {"ok": [2**31 - 1] * 2}


@pytest.mark.parametrize("capacity", [1, 2, 7])
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), max_size=30))
def test_it_tells_what_a_plain_list_would(capacity, points):
    series = Series(1, capacity)
    for second, point in enumerate(points, 1):
        series.append(second * 1000, point)
    kept = list(enumerate(points, 1))[-capacity:]
    times_ms, columns = series.since(0)
    assert times_ms == [second * 1000 for second, _ in kept]
    for name in "abc":
        wanted = [point.get(name, 0) for _, point in kept]
        assert columns.get(name, [0] * len(kept)) == wanted
