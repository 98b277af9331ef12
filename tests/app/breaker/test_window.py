import pytest

from app.breaker.window import Counts, Window


def filled(window_s: float = 10.0) -> Window:
    """One failure at 0 s, one slow answer at 3.5 s, one success at 9 s."""
    window = Window(window_s)
    window.record_failure(0.0)
    window.record_slow(3.5)
    window.record_success(9.0)
    return window


def test_counts_of_the_last_window_are_told_by_kind():
    assert filled().counts(9.9) == Counts(total=3, failures=1, slow=1)


@pytest.mark.parametrize(
    ("now_s", "counts"),
    [
        (10.0, Counts(2, 0, 1)),
        (12.9, Counts(2, 0, 1)),
        (13.0, Counts(1, 0, 0)),
        (19.0, Counts(0, 0, 0)),
        (500.0, Counts(0, 0, 0)),
    ],
)
def test_a_bucket_leaves_the_counts_when_the_window_has_passed_it(now_s, counts):
    assert filled().counts(now_s) == counts


def test_reading_changes_nothing():
    window = filled()
    window.counts(500.0)
    assert window.counts(9.9) == Counts(3, 1, 1)


def test_running_totals_are_those_of_the_last_record():
    window = filled()
    window.record_success(10.0)
    assert (window.total, window.failures, window.slow) == (3, 0, 1)


def test_a_record_after_a_long_silence_stands_alone():
    window = filled()
    window.record_failure(1_000.0)
    assert window.counts(1_000.0) == Counts(1, 1, 0)


def test_a_moment_before_the_newest_bucket_counts_into_that_bucket():
    window = filled()
    window.record_failure(2.0)
    assert window.counts(12.0).failures == 1


def test_clear_forgets_everything():
    window = filled()
    window.clear()
    assert window.counts(9.9) == Counts(0, 0, 0)


def test_a_longer_window_keeps_every_count():
    window = filled()
    window.resize(60.0)
    assert window.counts(59.9) == Counts(3, 1, 1)


def test_a_shorter_window_keeps_what_fits():
    window = filled()
    window.resize(7.0)
    assert window.counts(9.9) == Counts(2, 0, 1)


def test_a_window_with_finer_buckets_keeps_the_newest_counts():
    window = filled()
    window.resize(1.0)
    assert window.counts(9.5) == Counts(1, 0, 0)


def test_a_window_with_coarser_buckets_keeps_every_count():
    window = Window(1.25)
    for now_s in (0.0, 0.25, 1.0):
        window.record_failure(now_s)
    window.resize(20.0)
    assert window.counts(1.0) == Counts(3, 3, 0)


def test_counting_goes_on_after_a_resize():
    window = filled()
    window.resize(60.0)
    window.record_failure(30.0)
    assert window.counts(59.9) == Counts(4, 2, 1)


def test_the_same_length_changes_nothing():
    window = filled()
    window.resize(10.0)
    assert window.counts(12.9) == Counts(2, 0, 1)


def test_the_longest_window_has_one_second_buckets():
    window = Window(600.0)
    window.record_failure(0.5)
    assert [window.counts(now_s).failures for now_s in (599.9, 600.0)] == [1, 0]
