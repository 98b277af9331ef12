from dataclasses import replace

from app.config.sync.messages import BreakerReport
from app.config.sync.summary import BreakerSummary, SettingInForce, Summary, TrafficSummary
from app.operator.serving.fleet_shape import MOST_DIFFERENCES, MOST_PODS, MOST_ROWS, Moment, fleet_shape
from app.operator.sync.fleet import InstanceState, InstanceView
from app.operator.sync.gateway_record import HeardSummary

NOW = Moment(1_000.0, 2.0)


def closed(name: str, rps: float = 1.0, failed: float = 0.0) -> BreakerSummary:
    return BreakerSummary(name, "closed", TrafficSummary(rps, failed, 0.0, 10.0))


def pod(
    name: str, *breakers: BreakerSummary, ago_s: float = 1.0, namespace: str = "shop", **more
) -> InstanceView:
    settings = more.pop("settings", ())
    ahead_s = more.pop("ahead_s", 0.0)
    traffic = TrafficSummary(
        sum(one.traffic.rps for one in breakers),
        sum(one.traffic.failed_per_s for one in breakers),
        sum(one.traffic.rejected_per_s for one in breakers),
        max((one.traffic.p99_ms or 0.0 for one in breakers), default=None),
    )
    summary = Summary(990.0, 4, "d", traffic, breakers, settings=settings)
    return replace(
        bare(name, namespace),
        sends_summaries=True,
        heard=HeardSummary(summary, 0.0, ahead_s, "d", settings),
        heard_ago_s=ago_s,
        **more,
    )


def bare(name: str, namespace: str = "shop", **more) -> InstanceView:
    """One that sent no summary."""
    return InstanceView(namespace, name, "edge", True, InstanceState.APPLIED, 7, 3.0, "", "0.1.0", **more)


def states(shape) -> list[str]:
    return [one["reports"] for one in shape["pods"]]


def rows(shape) -> dict[str, list[object]]:
    return {row["breaker"]: [cell and cell["state"] for cell in row["cells"]] for row in shape["rows"]}


def test_an_operator_without_gateways_shows_an_empty_fleet():
    shape = fleet_shape((), NOW)
    assert (shape["pods"], shape["rows"], shape["differences"], shape["podsTotal"]) == ([], [], [], 0)
    assert shape["sums"] == {"rps": 0, "failedPerS": 0, "rejectedPerS": 0, "p99Ms": None, "pods": 0}


def test_rates_add_up_and_a_silent_pod_does_not_count():
    shape = fleet_shape(
        (
            pod("a", closed("pay", 3.0)),
            pod("b", closed("pay", 4.0)),
            pod("c", closed("pay", 9.0), ago_s=41.0),
        ),
        NOW,
    )
    assert states(shape) == ["live", "live", "silent"]
    assert (shape["sums"]["rps"], shape["sums"]["pods"]) == (7.0, 2)
    assert shape["pods"][2]["heardAt"] == 959_000
    (row,) = shape["rows"]
    assert row["sums"]["rps"] == 7.0
    assert row["cells"][2]["rps"] == 9.0, "what it said last is shown"


def test_rows_are_ordered_by_requests_lost_in_the_whole_fleet_then_by_what_is_down():
    down = BreakerSummary("idle", "open", TrafficSummary(), 12.5, 2, True)
    shape = fleet_shape(
        (
            pod("a", closed("busy", 90.0), closed("lossy", 2.0, 1.0), down),
            pod("b", closed("busy", 90.0), closed("worse", 2.0, 1.5)),
        ),
        NOW,
    )
    assert list(rows(shape)) == ["worse", "lossy", "idle", "busy"]
    assert rows(shape)["idle"] == ["open", None]
    cell = shape["rows"][2]["cells"][0]
    assert (cell["downSince"], cell["failedProbes"], cell["forced"]) == (986_500, 2, True)


def test_half_open_comes_before_closed():
    half = BreakerSummary("b", "half_open", TrafficSummary(), 1.0)
    assert list(rows(fleet_shape((pod("x", closed("a", 0.0), half),), NOW))) == ["b", "a"]


def test_a_pod_that_cannot_or_did_not_yet_report_still_shows_its_states():
    reports = (
        BreakerReport("pay", "open", 900.0, "failure_rate", (), 890.0, 3),
        BreakerReport("shop", "closed", 900.0),
        BreakerReport("old", "open", 900.0),
    )
    shape = fleet_shape(
        (
            bare("a", breakers=reports),
            bare("b", sends_summaries=False),
            replace(bare("c"), silent_s=None),
        ),
        NOW,
    )
    assert states(shape) == ["unable", "awaited", "unheard"]
    assert rows(shape) == {
        "old": ["open", None, None],
        "pay": ["open", None, None],
        "shop": ["closed", None, None],
    }
    cells = {row["breaker"]: row["cells"][0] for row in shape["rows"]}
    assert cells["pay"] == {"state": "open", "downSince": 890_000, "failedProbes": 3}
    assert cells["old"]["downSince"] == 900_000
    assert shape["pods"][2]["calledAt"] is None
    assert shape["pods"][0]["calledAt"] == 997_000


def test_instants_are_by_the_operators_clock_and_a_clock_that_differs_is_named():
    down = BreakerSummary("pay", "open", TrafficSummary(), 10.0)
    shape = fleet_shape((pod("a", down, ahead_s=61.2), pod("b", down, ahead_s=0.3)), NOW)
    assert [one["clockAheadS"] for one in shape["pods"]] == [61.2, 0]
    (row,) = shape["rows"]
    assert [cell["downSince"] for cell in row["cells"]] == [989_000, 989_000]


def test_settings_that_differ_name_who_has_which():
    def has(value: str, *more: SettingInForce) -> tuple[SettingInForce, ...]:
        return (
            SettingInForce("Route/a", "timeout", value),
            SettingInForce("Route/b", "retry", "unset"),
            *more,
        )

    shape = fleet_shape(
        (
            pod("a", settings=has("5s")),
            pod("b", settings=has("7s", SettingInForce("Route/only-here", "timeout", "1s"))),
            pod("c", settings=has("7s")),
            pod("d", settings=has("9s"), namespace="team"),
            bare("e"),
        ),
        NOW,
    )
    assert shape["differences"] == [
        {
            "namespace": "shop",
            "gateway": "edge",
            "target": "Route/a",
            "stanza": "timeout",
            "values": [{"value": "7s", "pods": ["b", "c"]}, {"value": "5s", "pods": ["a"]}],
        }
    ]


def test_everything_is_bounded():
    settings = [
        tuple(SettingInForce(f"Route/{number}", "retry", value) for number in range(MOST_DIFFERENCES + 1))
        for value in ("1", "2")
    ]
    many = tuple(closed(f"b{number}") for number in range(MOST_ROWS + 1))
    pods = (
        pod("a", *many, settings=settings[0]),
        pod("b", settings=settings[1]),
        *(replace(bare(f"x{number:03}"), is_required=number > 0) for number in range(MOST_PODS)),
    )
    shape = fleet_shape(pods, NOW)
    assert (len(shape["rows"]), shape["rowsTotal"]) == (MOST_ROWS, MOST_ROWS + 1)
    assert (len(shape["pods"]), shape["podsTotal"]) == (MOST_PODS, MOST_PODS + 2)
    assert (len(shape["differences"]), shape["differencesTotal"]) == (MOST_DIFFERENCES, MOST_DIFFERENCES + 1)
    shown = [one["pod"] for one in shape["pods"]]
    assert (shown[0], "x000" in shown) == ("a", False), "one that takes no traffic gives way"


def test_a_pod_that_reports_nonsense_pushes_out_no_other():
    nonsense = tuple(closed(f"a-made-up-{number:03}", 1e9, 1e9) for number in range(200))
    honest = tuple(closed(f"real-{number}", 5.0) for number in range(5))
    shape = fleet_shape((pod("honest", *honest), pod("liar", *nonsense)), NOW)
    assert {f"real-{number}" for number in range(5)} <= set(rows(shape))
    assert (len(shape["rows"]), shape["rowsTotal"]) == (MOST_ROWS, 205)


MANY = 20_000
"""Breakers that one call may report."""


def test_what_a_pod_with_a_summary_reports_as_closed_takes_no_row_from_another():
    reports = tuple(BreakerReport(f"a-{number:05}", "closed", 900.0) for number in range(MANY))
    both = BreakerReport("real-00", "closed", 900.0)
    honest = tuple(closed(f"real-{number:02}") for number in range(90))
    down = BreakerReport("z-down", "open", 900.0)
    views = (pod("honest", *honest), pod("large", closed("own"), breakers=(*reports, both, down)))
    shape = fleet_shape(views, NOW)
    shown = rows(shape)
    assert {one.name for one in honest} | {"own", "z-down"} == set(shown)
    assert shown["real-00"] == ["closed", "closed"], "its state is shown where another pod's row is"
    assert shape["rowsTotal"] == MANY + 92


def test_a_pod_without_a_summary_names_those_that_are_down_and_takes_no_row_from_another():
    reports = tuple(BreakerReport(f"a-{number:05}", "closed", 900.0) for number in range(MANY))
    down = BreakerReport("z-down", "open", 900.0)
    honest = tuple(closed(f"real-{number}") for number in range(5))
    shape = fleet_shape((pod("honest", *honest), bare("large", breakers=(*reports, down))), NOW)
    assert {one.name for one in honest} | {"z-down"} <= set(rows(shape))
    assert (len(shape["rows"]), shape["rowsTotal"]) == (MOST_ROWS, MANY + 6)


def test_a_gateway_with_many_differences_pushes_out_no_other():
    def has(gateway: str, name: str, value: str, number: int) -> InstanceView:
        settings = tuple(SettingInForce(f"Route/{each:03}", "retry", value) for each in range(number))
        return replace(pod(name, settings=settings), gateway=gateway)

    shape = fleet_shape(
        (has("a", "a0", "1", 200), has("a", "a1", "2", 200), has("z", "z0", "1", 1), has("z", "z1", "2", 1)),
        NOW,
    )
    assert len(shape["differences"]) == MOST_DIFFERENCES
    assert shape["differences"][-1]["gateway"] == "z"
