from typing import Any

import pytest

from app.admin.decision_views import decision_shape, decisions_shape, mark_text, reach, read_mark
from app.telemetry.decisions import DecisionRing, Filter, Mark
from tests.app.telemetry.test_decisions import entry, ring_of

AT_S = 1_800_000_000.25  # 2027-01-15T08:00:00.250Z


def test_a_decision_shows_everything_that_is_known():
    attempts = ((None, "upstream_connect", None, 1.23456), ("10.0.0.5:80", "status_200", 2.0, 3.0))
    decision = ring_of(entry(at=AT_S, attempts=attempts)).find("id")
    assert decision is not None
    assert decision_shape(decision) == {
        "requestId": "id",
        "traceId": None,
        "at": "2027-01-15T08:00:00.250Z",
        "route": "orders",
        "runnerUp": "default",
        "client": "acme",
        "tier": "gold",
        "method": "GET",
        "status": 200,
        "grpcStatus": None,
        "reason": "",
        "error": "",
        "policy": None,
        "generation": None,
        "rules": [{"rule": "a", "remaining": 8}, {"rule": "b", "remaining": 0}],
        "limitsShared": False,
        "breaker": {"name": "orders", "state": "closed"},
        "attempts": [
            {"endpoint": None, "outcome": "upstream_connect", "headMs": None, "endMs": 1.235},
            {"endpoint": "10.0.0.5:80", "outcome": "status_200", "headMs": 2.0, "endMs": 3.0},
        ],
        "durationMs": 500.0,
    }


def test_a_call_of_grpc_shows_its_status_by_name():
    decision = ring_of(entry(status=503, grpc_status=14)).find("id")
    assert decision is not None
    assert decision_shape(decision)["grpcStatus"] == "UNAVAILABLE"


def test_a_list_tells_its_reach_and_where_to_go_on():
    ring = ring_of(entry("1", at=AT_S), entry("2", at=AT_S + 1))
    shape = decisions_shape(ring.recent(Filter(), 1))
    assert [each["requestId"] for each in shape.pop("decisions")] == ["2"]  # type: ignore[attr-defined]
    assert shape == {
        "oldest": "2027-01-15T08:00:00.250Z",
        "mark": "0-2",
        "omitted": 0,
        "overwritten": 0,
        "restarted": False,
    }


def test_an_empty_and_an_absent_ring_have_no_oldest():
    empty, absent = decisions_shape(DecisionRing(1, 7).recent(Filter(), 9)), decisions_shape(None)
    assert (empty["decisions"], empty["oldest"], empty["mark"]) == ([], None, "7-0")
    assert absent == {**empty, "mark": None}


def test_each_decision_says_whether_limits_are_shared():
    ring = DecisionRing(1, limits_shared=True)
    ring.record(entry())
    shape: Any = decisions_shape(ring.recent(Filter(), 9))
    assert shape["decisions"][0]["limitsShared"] is True


def test_what_went_wrong_is_cut_where_it_is_long():
    decision = ring_of(entry(error="x" * 10_000)).find("id")
    assert decision is not None
    assert decision_shape(decision)["error"] == "x" * 500


def test_a_mark_is_read_as_it_was_written():
    assert read_mark(mark_text(Mark(17, 4))) == Mark(17, 4)
    for odd in ("", "4", "17-", "-4", "17-4 ", "1-" + "9" * 19, "a-1", "١-٢"):
        with pytest.raises(ValueError, match="must be the mark of an earlier reply"):
            read_mark(odd)


def test_an_unknown_id_is_told_what_is_kept():
    many = ring_of(*[entry(at=AT_S)] * 1200, capacity=2000)
    assert "the last 1,200 decisions, since 08:00:00 UTC" in reach(many, "odd")
    assert reach(DecisionRing(1), "odd") == "no decision about 'odd' is kept, nor any other so far"
    assert reach(None, "odd").endswith("DECISIONS_KEPT is 0")
    assert len(reach(None, "x" * 10_000)) < 200
