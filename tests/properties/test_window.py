"""The ring against a plain list of what was recorded."""

from hypothesis import given
from hypothesis import strategies as st

from app.breaker.window import Counts, Window

WINDOWS_S = st.sampled_from([1.25, 2.5, 5.0, 10.0, 17.0, 60.0])
"""Widths of 1/8, 1/4, 1/2 and 1 s: sums of them are exact, so the oracle needs no tolerance."""

STEPS = st.lists(
    st.tuples(st.integers(0, 200).map(lambda eighths: eighths / 8), st.sampled_from("tfs")), max_size=60
)
"""Seconds since the step before, and what is recorded then."""


def bucket(at_s: float, window_s: float) -> float:
    return at_s // min(1.0, window_s / 10)


def oracle(events: list[tuple[float, str]], window_s: float, now_s: float) -> Counts:
    oldest = bucket(now_s, window_s) - -(-window_s // min(1.0, window_s / 10))
    kinds = [kind for at_s, kind in events if bucket(at_s, window_s) > oldest]
    return Counts(len(kinds), kinds.count("f"), kinds.count("s"))


def play(
    window: Window, steps: list[tuple[float, str]], start_s: float = 0.0
) -> tuple[float, list[tuple[float, str]]]:
    now_s = start_s
    events: list[tuple[float, str]] = []
    for step_s, kind in steps:
        now_s += step_s
        {"t": window.record_success, "f": window.record_failure, "s": window.record_slow}[kind](now_s)
        events.append((now_s, kind))
    return now_s, events


@given(WINDOWS_S, STEPS, st.integers(0, 800))
def test_counts_equal_those_of_a_plain_list(window_s, steps, silence_eighths):
    window = Window(window_s)
    now_s, events = play(window, steps)
    later_s = now_s + silence_eighths / 8
    assert window.counts(later_s) == oracle(events, window_s, later_s)


@given(WINDOWS_S, STEPS)
def test_running_totals_equal_the_counts_after_each_record(window_s, steps):
    window = Window(window_s)
    now_s, _ = play(window, steps)
    assert window.counts(now_s) == (window.total, window.failures, window.slow)


@given(WINDOWS_S, WINDOWS_S, STEPS)
def test_a_resize_loses_nothing_that_lies_in_both_windows(before_s, after_s, steps):
    window = Window(before_s)
    now_s, events = play(window, steps)
    window.resize(after_s)
    both = [kind for at_s, kind in events if at_s > now_s - min(before_s, after_s) + 1.0]
    kept = window.counts(now_s)
    assert kept.total >= len(both)
    assert kept.failures >= both.count("f")
    assert kept.slow >= both.count("s")


@given(WINDOWS_S, WINDOWS_S, STEPS)
def test_a_resize_invents_nothing(before_s, after_s, steps):
    window = Window(before_s)
    now_s, _ = play(window, steps)
    before = window.counts(now_s)
    window.resize(after_s)
    after = window.counts(now_s)
    assert all(new <= old for new, old in zip(after, before, strict=True))


@given(WINDOWS_S, WINDOWS_S, STEPS, STEPS)
def test_after_a_resize_and_a_window_of_silence_the_new_ring_equals_a_plain_list(before_s, after_s, old, new):
    window = Window(before_s)
    now_s, _ = play(window, old)
    window.resize(after_s)
    now_s, events = play(window, new, start_s=now_s + before_s + after_s + 2)
    assert window.counts(now_s) == oracle(events, after_s, now_s)
