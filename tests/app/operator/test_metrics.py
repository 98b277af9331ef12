import pytest

from app.operator.metrics import (
    LAG_BOUNDS_S,
    METRICS,
    OperatorCounts,
    Reading,
    operator_metrics_table_markdown,
    render,
)


def counts():
    made = OperatorCounts()
    made.count_lag(0.07)
    made.count_lag(1_000.0)
    made.nacks["policy"] += 1
    made.sync_responses["/v1/sync", "409", "replayed"] += 2
    made.object_writes["Gateway", "written"] += 3
    made.overwritten["Gateway"] = 4
    made.compiles["published"] += 1
    made.compile_s = 0.5
    return made


@pytest.mark.parametrize(
    "line",
    [
        'tidegate_operator_policy_lag_seconds_bucket{le="0.1"} 1.0',
        'tidegate_operator_policy_lag_seconds_bucket{le="+Inf"} 2.0',
        "tidegate_operator_snapshot_sequence 7.0",
        'tidegate_operator_instances{state="applied"} 1.0',
        'tidegate_operator_nacks_total{reason="policy"} 1.0',
        'tidegate_operator_sync_requests_total{code="409",path="/v1/sync",reason="replayed"} 2.0',
        "tidegate_operator_watch_restarts_total 0.0",
        'tidegate_operator_object_writes_total{kind="Gateway",result="written"} 3.0',
        'tidegate_operator_compiles_total{result="published"} 1.0',
        "tidegate_operator_compile_seconds_total 0.5",
        'tidegate_operator_objects{kind="HTTPRoute"} 9.0',
        'tidegate_operator_overwritten_statuses_total{kind="Gateway"} 4.0',
    ],
)
def test_a_scrape_shows(line):
    _, body = render(counts(), Reading(7, 2_060, 3, {"applied": 1, "stale": 0}, {"HTTPRoute": 9}))
    assert line in body.decode().splitlines()


def test_every_metric_has_a_row_in_the_documentation():
    table = operator_metrics_table_markdown()
    assert all(f"`{name}`" in table for name, *_ in METRICS)


def test_a_lag_on_a_bound_counts_below_it():
    made = OperatorCounts()
    made.count_lag(LAG_BOUNDS_S[0])
    assert made.lag_cells[0] == 1
