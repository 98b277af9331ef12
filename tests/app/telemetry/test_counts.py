from bisect import bisect_left
from math import inf, nextafter

from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.counts import BOUNDS_S, METHODS, Counts, Histogram, RouteCounts


def test_a_duration_on_a_bound_falls_into_the_bucket_of_that_bound():
    histogram = Histogram()
    for bound_s in BOUNDS_S:
        histogram.observe(bound_s)
    assert histogram.cells == [1] * len(BOUNDS_S) + [0]
    assert histogram.sum_s == sum(BOUNDS_S)


def test_a_duration_over_all_bounds_falls_into_the_last_bucket():
    histogram = Histogram()
    histogram.observe(10.001)
    assert histogram.cells == [0] * len(BOUNDS_S) + [1]


def bucket_of(duration_s: float) -> int:
    histogram = Histogram()
    histogram.observe(duration_s)
    return histogram.cells.index(1)


def test_at_each_bound_and_beside_it_the_ladder_says_what_bisection_says():
    for bound_s in BOUNDS_S:
        for duration_s in (nextafter(bound_s, -inf), bound_s, nextafter(bound_s, inf)):
            assert bucket_of(duration_s) == bisect_left(BOUNDS_S, duration_s)


@given(st.floats(allow_nan=False) | st.floats(0, 12))
def test_the_ladder_says_what_bisection_says(duration_s):
    assert bucket_of(duration_s) == bisect_left(BOUNDS_S, duration_s)


def test_untraced_durations_keep_no_exemplars():
    histogram = Histogram()
    histogram.observe(0.003)
    assert histogram.exemplars is None


def test_the_last_traced_duration_of_a_bucket_is_its_exemplar():
    histogram = Histogram()
    histogram.observe_traced(0.003, b"a" * 32, 100.0)
    histogram.observe_traced(0.004, b"b" * 32, 101.0)
    assert histogram.exemplars is not None
    assert [found for found in histogram.exemplars if found] == [(b"b" * 32, 0.004, 101.0)]
    assert sum(histogram.cells) == 2


def test_requests_count_per_method_code_and_reason():
    route = RouteCounts("orders")
    route.count(b"GET", 200, "")
    route.count(b"GET", 200, "")
    route.count(b"GET", 429, "rate_limited")
    assert route.requests == {(b"GET", 200, ""): 2, (b"GET", 429, "rate_limited"): 1}


def test_methods_outside_rfc_9110_and_patch_count_as_other():
    route = RouteCounts("orders")
    for method in (b"BREW", b"get", b"PROPFIND", b"\xff"):
        route.count(method, 200, "")
    route.count(b"PATCH", 200, "")
    assert route.requests == {(b"other", 200, ""): 4, (b"PATCH", 200, ""): 1}
    assert len(METHODS) == 9


def test_requests_in_turn_count_as_requests_in_a_row():
    turns, rows = Counts("1").route("a"), Counts("1").route("a")
    kinds = [
        (b"GET", 200, ""),
        (b"GET", 404, ""),
        (b"BREW", 404, ""),
        (b"GET", 429, "rate_limited"),
        (b"GET", 429, ""),
    ]
    for _ in range(3):
        for kind in kinds:
            turns.count(*kind)
    for kind in kinds:
        for _ in range(3):
            rows.count(*kind)
    known = [kind for kind in kinds if kind[0] == b"GET"]
    assert turns.requests == rows.requests == dict.fromkeys([*known, (b"other", 404, "")], 3)


def test_decisions_count_per_rule():
    route = RouteCounts("orders")
    for decision in ("allowed", "allowed", "limited"):
        route.count_decision("per-client", decision)
    assert route.decisions == {("per-client", "allowed"): 2, ("per-client", "limited"): 1}


def test_a_decision_that_was_never_made_is_no_series():
    route = Counts("1").route("orders")
    cell = route.decision_cell("per-client", "limited")
    assert route.decisions == {}
    cell.number += 1
    route.count_decision("per-client", "limited")
    assert route.decisions == {("per-client", "limited"): 2}


def test_the_same_name_gives_the_same_cells():
    counts = Counts("1")
    assert counts.route("a") is counts.route("a")
    assert counts.upstream("a") is counts.upstream("a")
    assert counts.route("a") is not counts.route("b")


def test_retries_count_per_outcome():
    upstream = Counts("1").upstream("a")
    upstream.count_retry("won")
    upstream.count_retry("won")
    assert upstream.retries == {"won": 2}


def test_keep_only_drops_the_series_of_what_left_the_configuration():
    counts = Counts("1")
    for name in ("", "old", "kept"):
        counts.route(name)
        counts.upstream(name)
    kept = counts.route("kept")
    counts.keep_only(["kept"], ["kept"])
    assert set(counts.routes) == {"", "kept"}
    assert set(counts.upstreams) == {"kept"}
    assert counts.route("kept") is kept


def test_applied_and_rejected_configurations_are_counted():
    counts = Counts("1")
    counts.count_config_apply(wall_s=50.0, sequence=7)
    counts.count_config_rejection()
    assert counts.config_applies == {"applied": 1, "rejected": 1}
    assert (counts.config_sequence, counts.config_last_apply_wall_s) == (7, 50.0)


def test_a_routes_own_breaker_has_cells_of_its_own():
    counts = Counts("1")
    own = counts.upstream("cache", "cache@orders")
    assert own is counts.upstream("cache", "cache@orders")
    assert own is not counts.upstream("cache")
    assert own.name == "cache"


def test_what_a_breaker_that_left_has_counted_stays_with_its_upstream():
    counts = Counts("1")
    gone = counts.upstream("cache", "cache@orders")
    gone.duration.observe_traced(0.002, b"b" * 32, 6.0)
    gone.count_retry("won")
    kept = counts.upstream("cache")
    kept.duration.observe_traced(0.002, b"a" * 32, 5.0)
    counts.upstream("cache", "cache@kept")
    counts.keep_only([], ["cache"], ["cache", "cache@kept"])
    assert set(counts.upstreams) == {"cache", "cache@kept"}
    assert counts.upstream("cache") is kept
    assert (sum(kept.duration.cells), kept.duration.sum_s, kept.retries) == (2, 0.004, {"won": 1})
    assert kept.duration.exemplars is not None
    assert [each for each in kept.duration.exemplars if each] == [(b"b" * 32, 0.002, 6.0)]
