import tracemalloc

import pytest

from app.telemetry.counts import NO_ROUTE, Counts
from app.telemetry.history_sample import OUTCOMES, SPARK_S, WINDOW_S, BreakerTraffic, Sampler


def request(counts: Counts, route: str = "orders", code: int = 200, reason: str = "", method: bytes = b"GET"):
    cells = counts.route(route)
    cells.count(method, code, reason)
    cells.duration.observe(0.02)


def second(sampler: Sampler, breakers: dict[str, tuple[int, int]] | None = None, most: int = 1000) -> int:
    """One sample; how many pieces it took."""
    sampler.begin()
    pieces = 1
    while not sampler.take(most):
        pieces += 1
    sampler.end(breakers or {})
    return pieces


def outcomes(sampler: Sampler) -> dict[str, int]:
    return {word: rise for word, rise in zip(OUTCOMES, sampler.traffic.outcomes, strict=True) if rise}


@pytest.fixture
def counts():
    return Counts("1")


@pytest.fixture
def sampler(counts):
    sampler = Sampler(counts)
    use(sampler)
    return sampler


def use(
    sampler: Sampler, identities: tuple[str, ...] = (), by_route: dict[str, dict[str, str]] | None = None
):
    sampler.use_table(identities, by_route or {}, {"orders", "a", "b"}, {})


@pytest.mark.parametrize(
    ("code", "reason", "outcome"),
    [
        (200, "", "ok"),
        (404, "", "ok"),
        (503, "", "upstream_error"),
        (499, "", "client_gone"),
        (503, "breaker_open", "breaker_open"),
        (429, "rate_limited", "rate_limited"),
        (500, "a_word_of_nobody", "internal_error"),
    ],
)
def test_a_request_has_one_outcome(counts, sampler, code, reason, outcome):
    request(counts, code=code, reason=reason)
    second(sampler)
    assert outcomes(sampler) == {outcome: 1}


def test_what_met_no_route_is_traffic_too(counts, sampler):
    request(counts, NO_ROUTE, 404, "no_route")
    second(sampler)
    assert outcomes(sampler) == {"no_route": 1}


def test_a_sample_tells_what_came_since_the_one_before(counts, sampler):
    request(counts)
    second(sampler)
    request(counts)
    request(counts, code=503)
    second(sampler)
    assert outcomes(sampler) == {"ok": 1, "upstream_error": 1}
    assert sum(sampler.traffic.cells) == 2
    assert sampler.traffic.totals[0] == 2
    second(sampler)
    assert outcomes(sampler) == {}


def test_the_window_forgets_after_ten_seconds(counts, sampler):
    request(counts)
    second(sampler)
    assert sampler.traffic.quantile_ms(0.5) == 17.5
    for _ in range(WINDOW_S + 2):
        second(sampler)
    assert not any(sampler.traffic.rolling.sums)
    assert sampler.traffic.quantile_ms(0.5) is None
    assert not any(sampler.routes["orders"].rolling.sums)


def test_a_route_tells_its_requests_failures_and_refusals(counts, sampler):
    failed = [(503, ""), (502, "upstream_connect"), (504, "upstream_timeout"), (500, "internal_error")]
    rejected = [(503, "breaker_open"), (429, "rate_limited"), (401, "key_missing")]
    for code, reason in [(200, ""), (429, ""), *failed, *rejected]:
        request(counts, code=code, reason=reason)
    second(sampler)
    route = sampler.routes["orders"]
    assert (route.requests, route.failed, route.rejected, route.total) == (9, 4, 3, 9), "none counts twice"
    assert route.quantile_ms(0.5) == 17.5


def test_a_status_that_the_breaker_counts_as_a_failure_is_one(counts, sampler):
    request(counts, code=429)
    second(sampler)
    assert outcomes(sampler) == {"ok": 1}
    sampler.use_table((), {}, {"orders"}, {"orders": {429}})
    request(counts, code=429)
    request(counts, "a", code=429)
    second(sampler)
    assert outcomes(sampler) == {"ok": 1, "upstream_error": 1}
    assert sampler.routes["orders"].failed == 1


def test_an_idle_route_is_not_looked_at(counts, sampler):
    counts.route("idle")
    second(sampler)
    assert "idle" not in sampler.routes


def test_a_route_that_left_is_forgotten_and_counts_anew_when_it_is_back(counts, sampler):
    request(counts)
    second(sampler)
    counts.keep_only([], [])
    second(sampler)
    assert sampler.routes == {}
    request(counts)
    second(sampler)
    assert outcomes(sampler) == {"ok": 1}
    counts.keep_only([], [])
    request(counts)
    second(sampler)
    assert outcomes(sampler) == {"ok": 1}


def test_many_routes_are_read_in_pieces(counts, sampler):
    for number in range(10):
        request(counts, str(number))
    assert second(sampler, most=4) == 3
    assert outcomes(sampler) == {"ok": 10}


def test_a_rule_tells_its_decisions_over_all_its_routes(counts, sampler):
    use(sampler, ("defaults/per-client",), {name: {"per-client": "defaults/per-client"} for name in "ab"})
    for route, decision in [("a", "allowed"), ("b", "allowed"), ("b", "limited"), ("b", "store_down")]:
        request(counts, route)
        counts.route(route).count_decision("per-client", decision)
    counts.route("b").count_decision("per-client", "shadowed")
    counts.route("b").count_decision("of-yesterday", "allowed")
    second(sampler)
    rule = sampler.rules["defaults/per-client"]
    assert (rule.allowed, rule.limited, rule.rolling.sums) == (2, 2, [2, 2])
    second(sampler)
    assert (rule.allowed, rule.limited, rule.allowed_total, rule.limited_total) == (0, 0, 2, 2)


def test_a_rule_goes_on_through_a_reload(counts, sampler):
    use(sampler, ("d/kept", "d/gone"), {"a": {"kept": "d/kept"}})
    request(counts, "a")
    counts.route("a").count_decision("kept", "allowed")
    second(sampler)
    use(sampler, ("d/kept",), {"a": {"kept": "d/kept"}})
    assert set(sampler.rules) == {"d/kept"}
    assert sampler.rules["d/kept"].allowed_total == 1


def test_a_breaker_tells_sent_failed_and_refused(counts, sampler):
    counts.upstream("cache", "cache@orders").duration.observe(0.02)
    counts.upstream("cache").duration.observe(0.02)
    second(sampler, {"cache@orders": (1, 4), "cache": (0, 0)})
    breaker = sampler.breakers["cache@orders"]
    assert (breaker.last, breaker.rolling.sums[:3]) == ((1, 1, 4), [1, 1, 4])
    assert sampler.breakers["cache"].last == (1, 0, 0)
    assert breaker.quantile_ms(0.5) == 17.5
    assert breaker.traffic == BreakerTraffic(0.1, 0.4, 1.0)
    assert sampler.breakers["cache"].traffic == BreakerTraffic(0.1, 0.0, 0.0)
    second(sampler, {"cache@orders": (1, 9)})
    assert breaker.last == (0, 0, 5)
    assert "cache" not in sampler.breakers


def test_a_breaker_without_cells_yet_is_left_out(sampler):
    second(sampler, {"cache": (0, 0)})
    assert sampler.breakers == {}


def test_a_breaker_with_other_cells_begins_anew(counts, sampler):
    counts.upstream("cache").duration.observe(0.02)
    second(sampler, {"cache": (0, 0)})
    counts.keep_only([], [])
    counts.upstream("cache").duration.observe(0.02)
    second(sampler, {"cache": (0, 0)})
    assert sampler.breakers["cache"].last == (1, 0, 0)
    counts.keep_only([], [])
    counts.upstream("cache")
    second(sampler, {"cache": (0, 0)})
    assert sampler.breakers == {}


def test_a_minute_of_each_breaker_is_kept(counts, sampler):
    counts.upstream("cache")
    for failures in range(SPARK_S + 5):
        second(sampler, {"cache": (failures, 0)})
    assert len(sampler.breakers["cache"].spark) == SPARK_S


def test_a_thousand_breakers_without_traffic_take_no_memory_second_by_second(counts, sampler):
    names = [f"cache-{number}" for number in range(1_000)]
    for name in names:
        counts.upstream(name)
    idle = dict.fromkeys(names, (0, 0))
    second(sampler, idle)
    tracemalloc.start()
    try:
        for _ in range(SPARK_S):
            second(sampler, idle)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 100_000
    assert sampler.breakers == {}


def test_a_breaker_is_measured_from_the_first_thing_that_meets_it(counts, sampler):
    for name in ("sent", "rejecting"):
        counts.upstream(name)
    second(sampler, {"sent": (0, 0), "rejecting": (0, 0)})
    counts.upstream("sent").duration.observe(0.02)
    second(sampler, {"sent": (0, 0), "rejecting": (0, 1)})
    assert {name: meter.last for name, meter in sampler.breakers.items()} == {
        "sent": (1, 0, 0),
        "rejecting": (0, 0, 1),
    }


def test_a_route_that_is_not_shown_is_only_traffic(counts, sampler):
    request(counts, "hidden")
    second(sampler)
    assert outcomes(sampler) == {"ok": 1}
    assert sum(sampler.traffic.cells) == 1
    assert sampler.routes["hidden"].requests == 0
    sampler.use_table((), {}, {"hidden"}, {})
    request(counts, "hidden")
    second(sampler)
    assert sampler.routes["hidden"].requests == 1


def test_what_did_not_rise_is_not_counted_again(counts, sampler):
    counts.route("a").count_decision("per-client", "allowed")
    use(sampler, ("d/per-client",), {"a": {"per-client": "d/per-client"}})
    request(counts, "a")
    request(counts, "a", 503)
    second(sampler)
    request(counts, "a")
    second(sampler)
    assert outcomes(sampler) == {"ok": 1}
    assert sampler.rules["d/per-client"].allowed_total == 1


def test_a_decision_that_let_it_pass_otherwise_is_neither(counts, sampler):
    use(sampler, ("d/per-client",), {"a": {"per-client": "d/per-client"}})
    for _ in range(2):
        counts.route("a").count_decision("per-client", "shadowed")
        request(counts, "a")
        second(sampler)
    rule = sampler.rules["d/per-client"]
    assert (rule.allowed_total, rule.limited_total) == (0, 0)
