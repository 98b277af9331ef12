import json
from dataclasses import replace
from typing import cast

from app.admin.feed.instants import MOST_ROUTES
from app.admin.feed.views import (
    breaker_tile,
    limit_shape,
    point_shape,
    route_rows,
    route_traffic,
    rules_in_force,
    spark_shape,
    traffic_shape,
)
from app.admin.json_views import breaker_setting_shape
from app.admin.shape import Shape
from app.breaker.registry import Breakers
from app.breaker.view import BreakerView
from app.config.model import Match
from app.policy.model import CircuitBreaker, FailureRate, OverrideState
from app.telemetry.counts import Counts
from app.telemetry.history import Point
from app.telemetry.history_sample import Sampler
from tests.fakes.admin_view import NOW_S, WALL_S, full_table

MS = 1_800_000_000_250
SETTINGS = CircuitBreaker(consecutive_failures=3, open_duration_s=10.0)


def opened(name: str = "cache@orders") -> Breakers:
    breakers = Breakers(lambda: WALL_S)
    breaker = breakers.get(name, SETTINGS)
    for _ in range(3):
        breaker.fail(breaker.admit(NOW_S), NOW_S, "upstream_connect", "refused")  # type: ignore[arg-type]
    return breakers


def view_of(breakers: Breakers, after_s: float = 0.0) -> BreakerView:
    return breakers.all()[0].view(NOW_S + after_s, WALL_S + after_s)


def setting() -> Shape:
    return breaker_setting_shape(full_table().breakers["cache@orders"])


def sampled(counts: Counts) -> Sampler:
    sampler = Sampler(counts)
    rules = {"orders": {"tenants": "orders-policy/tenants"}}
    sampler.use_table(("orders-policy/tenants",), rules, {"orders"}, {})
    sampler.begin()
    sampler.take(100)
    sampler.end({"cache@orders": (2, 4)})
    return sampler


def traffic() -> Sampler:
    counts = Counts("1")
    orders = counts.route("orders")
    for code, reason in [(200, ""), (503, ""), (429, "rate_limited"), (503, "breaker_open")]:
        orders.count(b"GET", code, reason)
        orders.duration.observe(0.02)
    orders.count_decision("tenants", "allowed")
    for _ in range(4):
        counts.upstream("cache", "cache@orders").duration.observe(0.02)
    return sampled(counts)


def test_an_open_breaker_tells_why_since_when_and_until_when():
    tile = breaker_tile(view_of(opened(), 2.0), None, None)
    assert (tile["name"], tile["upstream"], tile["route"]) == ("cache@orders", "cache", "orders")
    assert (tile["state"], tile["since"], tile["reason"]) == ("open", MS, "consecutive_failures")
    assert tile["lastError"] == {"at": MS, "reason": "upstream_connect", "detail": "refused"}
    assert (tile["failuresInRow"], tile["threshold"]) == (3, 3)
    assert tile["openUntil"] == MS + 10_000
    assert (tile["override"], tile["settings"]) == (None, None)


def test_a_closed_breaker_of_an_upstream_has_no_end_and_no_route():
    breakers = Breakers(lambda: WALL_S)
    breakers.get("cache", SETTINGS)
    tile = breaker_tile(view_of(breakers), None, None)
    assert (tile["upstream"], tile["route"], tile["openUntil"], tile["lastError"]) == (
        "cache",
        None,
        None,
        None,
    )
    assert (tile["rps"], tile["errorShare"], tile["p50Ms"]) == (0.0, None, None)


def test_a_half_open_breaker_has_no_end():
    assert breaker_tile(view_of(opened(), 11.0), None, None)["openUntil"] is None


def test_an_override_tells_by_whom_why_and_until_when():
    breakers = opened()
    breakers.all()[0].override(OverrideState.OPEN, 60.0, "Ada", NOW_S, WALL_S, "rehearsal")
    tile = breaker_tile(view_of(breakers, 1.0), None, None)
    assert tile["override"] == {
        "state": "open", "since": MS, "until": MS + 60_000, "by": "Ada", "why": "rehearsal"
    }  # fmt: skip
    assert tile["openUntil"] == MS + 60_000


def test_a_breakers_traffic_is_told_per_second_and_as_a_share():
    meter = traffic().breakers["cache@orders"]
    tile = breaker_tile(view_of(opened()), setting(), meter)
    assert (tile["rps"], tile["refusedPerS"], tile["errorShare"]) == (0.4, 0.4, 0.5)
    assert (tile["p50Ms"], tile["p99Ms"]) == (17.5, 24.85)
    settings = tile["settings"]
    assert isinstance(settings, dict)
    assert settings["origin"] == {"source": "file", "policy": "orders-policy", "target": "Route/orders"}
    assert len(settings["losers"]) == 1


def test_a_spark_is_a_whole_minute_from_the_start():
    spark = spark_shape(traffic().breakers["cache@orders"], MS, 60)
    assert spark["requests"] == (*[0] * 59, 4)
    assert spark["failures"] == (*[0] * 59, 2)
    assert spark["refused"] == (*[0] * 59, 4)
    assert spark_shape(None, MS, 3) == {
        "endsAt": MS, "requests": (0, 0, 0), "failures": (0, 0, 0), "refused": (0, 0, 0)
    }  # fmt: skip


def test_a_route_is_one_row():
    rows = route_rows(full_table())
    assert rows["orders"] == {
        "name": "orders",
        "match": "GET,POST api.example.com =/orders x-beta=yes x-id~[0-9]+ ?v=2",
        "auth": "none",
        "upstreams": [
            {"name": "cache", "weight": 9, "breaker": "cache@orders"},
            {"name": "canary", "weight": 1, "breaker": "canary@orders"},
        ],
        "redirect": None,
        "rules": ["tenants"],
        "timeoutS": 1.5,
        "retries": 2,
    }
    assert rows["away"]["redirect"] == 301
    assert rows["default"]["match"] == "/"


def test_a_route_with_several_matches_is_one_row_that_shows_them_as_far_as_they_fit():
    table = full_table()
    first = table.routes[0]
    others = [replace(first, route=replace(first.route, match=Match(path=f"/{at:0100}"))) for at in range(4)]
    (row,) = route_rows(replace(table, routes=(first, first, *others))).values()
    shown = str(row["match"])
    assert shown.split(" or ")[0] == "/"
    assert shown.count(" or ") == 2


def test_rows_are_bounded():
    table = full_table()
    many = type(table)(1, table.routes * MOST_ROUTES, table.upstreams, table.breakers, table.keys)
    assert len(route_rows(many)) == 3  # the same three names, from the first MOST_ROUTES


def test_a_routes_traffic_tells_failures_and_refusals():
    row = route_traffic(traffic().routes["orders"])
    assert row == {
        "rps": 0.4, "errorShare": 0.25, "refusedShare": 0.5, "p50Ms": 17.5, "p99Ms": 24.85, "total": 4
    }  # fmt: skip
    assert route_traffic(None)["errorShare"] is None


def test_a_rule_is_told_once_for_all_its_routes():
    rules = rules_in_force(full_table())
    assert {identity: each.routes for identity, each in rules.items()} == {
        "RATE_LIMIT/per-client": 1,
        "orders-policy/tenants": 1,
    }
    assert limit_shape(
        rules["orders-policy/tenants"], traffic().rules["orders-policy/tenants"], (7, 0.5)
    ) == {
        "id": "orders-policy/tenants",
        "policy": "orders-policy",
        "rule": "tenants",
        "key": "Header",
        "tiers": ["free", "gold"],
        "requests": 5,
        "periodS": 1.0,
        "burst": 8,
        "routes": 1,
        "allowedPerS": 0.1,
        "limitedPerS": 0.0,
        "allowedTotal": 1,
        "limitedTotal": 0,
        "clients": 7,
        "fullest": 0.5,
    }
    quiet = limit_shape(rules["RATE_LIMIT/per-client"], None, None)
    assert (quiet["allowedPerS"], quiet["clients"]) == (0.0, None)


def test_traffic_tells_each_outcome_that_there_was():
    assert traffic_shape(traffic().traffic) == {
        "outcomes": {"ok": 0.1, "upstream_error": 0.1, "rate_limited": 0.1, "breaker_open": 0.1},
        "total": 0.4,
        "failed": 0.2,
        "rejected": {"breaker": 0.1, "limit": 0.1, "key": 0.0, "other": 0.0},
        "p50Ms": 17.5,
        "p90Ms": 23.5,
        "p99Ms": 24.85,
        "totals": {"ok": 1, "upstream_error": 1, "rate_limited": 1, "breaker_open": 1},
    }


def test_a_point_leaves_its_zeros_out():
    point = Point(1, MS, {"clients": 0, "outcome.ok": 2, "p50Ms": None})
    assert point_shape(point) == {"stepS": 1, "t": MS, "columns": {"outcome.ok": 2, "p50Ms": None}}


def test_every_shape_is_json():
    tile = breaker_tile(view_of(opened()), setting(), None)
    assert json.loads(json.dumps(tile)) == tile


def test_an_open_tile_says_what_opened_it_however_long_ago():
    tile = breaker_tile(view_of(opened(), 300.0), setting(), None)
    assert tile["opening"] == {"reason": "consecutive_failures", "requests": 3, "failures": 3, "slow": 0}
    closed = Breakers(lambda: WALL_S)
    closed.get("cache", SETTINGS)
    assert breaker_tile(view_of(closed), None, None)["opening"] is None


def test_a_tile_says_from_how_many_requests_on_its_rates_are_judged():
    breakers = Breakers(lambda: WALL_S)
    breakers.get("cache", CircuitBreaker(failure_rate=FailureRate(40, minimum_requests=25)))
    assert window_of(breakers)["minimum"] == 25
    assert window_of(opened())["minimum"] == 0


def window_of(breakers: Breakers) -> Shape:
    return cast("Shape", breaker_tile(view_of(breakers), None, None)["window"])
