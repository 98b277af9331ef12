"""The verdict in words, against rows of the panel by hand; real ones: `tests/scenarios/test_status.py`."""

import pytest

from app.cli.status.problems import breakers_named, problem_sections, rejected_sections

NOW_S = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
SINCE = {"lostPerS": 0.0, "share": None, "since": 1_799_999_977_000, "edit": None, "subject": ""}
_RULE = {"rule": "per-client", "key": "Client", "requests": 18, "periodS": 60.0, "ownShare": 0.68}
LIMIT = {**SINCE, "kind": "limit", "subject": "defaults/per-client", **_RULE}
EDIT = {"sequence": 7, "at": 1_799_999_977_000}
_STATE = {"state": "open", "failedProbes": 2, "reason": "probe_failed", "error": None, "forced": None}
DOWN = {**SINCE, "kind": "breaker", "subject": "orders", **_STATE}
_FAULT = {"kind": "config_rejected", "subject": "gw.yaml", "fault": "gw.yaml:3: is wrong", "faults": 1}
REJECTED = {**SINCE, **_FAULT}


def lines(*rows, total=None):
    shown = problem_sections(rows, len(rows) if total is None else total, NOW_S)
    return [section.title for section in shown]


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (
            {**LIMIT, "share": 0.67, "edit": EDIT, "lostPerS": 20.1},
            "67 % of requests rejected by limit per-client (18 a minute), since the edit at 07:59:37; "
            "20.1 requests/s lost",
        ),
        (
            {**LIMIT, "share": 0.01},
            "68 % of its requests rejected by limit per-client (18 a minute), since 07:59:37",
        ),
        (
            {**LIMIT, "periodS": 10.0, "requests": 1000},
            "68 % of its requests rejected by limit per-client (1,000 in 10s), since 07:59:37",
        ),
        (DOWN, "orders down for 23 s (since 07:59:37), 2 probes failed"),
        (
            {**DOWN, "failedProbes": 0, "forced": {"by": "Ada", "why": ""}},
            "orders held open for 23 s (since 07:59:37), by Ada",
        ),
        (
            {**SINCE, "kind": "errors", "subject": "orders", "ownShare": 0.0449, "lostPerS": 0.5},
            "4.5 % of requests to orders fail, since 07:59:37; 0.5 requests/s lost",
        ),
        ({**SINCE, "kind": "errors", "ownShare": 0.0004}, "<0.1 % of requests fail, since 07:59:37"),
        (
            {**SINCE, "kind": "slow", "subject": "orders", "p99Ms": None, "ownShare": 0.5, "opensAt": 0.6},
            "orders is slow: 50 % slow calls, the breaker opens at 60 %, since 07:59:37",
        ),
        (
            {**SINCE, "kind": "slow", "subject": "orders", "p99Ms": 2250, "timeoutS": 3.0},
            "orders is slow: p99 2.25 s, requests time out after 3s, since 07:59:37",
        ),
        ({**SINCE, "kind": "store"}, "limit store unavailable, since 07:59:37"),
    ],
)
def test_each_problem_is_a_sentence(row, line):
    assert lines(row) == [line]


def test_a_rejected_configuration_has_lines_of_its_own_with_its_first_fault():
    shown = rejected_sections([LIMIT, {**REJECTED, "faults": 3}], NOW_S)
    assert [section.title for section in shown] == [
        "REJECTED configuration from gw.yaml at 07:59:37; the last good one stays in force",
        "  gw.yaml:3: is wrong (and 2 more)",
    ]
    assert rejected_sections([{**REJECTED}], NOW_S)[1].title == "  gw.yaml:3: is wrong"
    assert rejected_sections([LIMIT], NOW_S) == []
    assert lines(REJECTED) == []


def test_five_have_a_line_and_the_others_are_counted():
    rows = [{**DOWN, "subject": f"b{number}"} for number in range(7)]
    assert lines(*rows, REJECTED, total=31)[5:] == ["and 25 more"]
    assert breakers_named(rows) == {f"b{number}" for number in range(7)}
    assert breakers_named([LIMIT]) == frozenset()


@pytest.mark.parametrize(
    ("row", "tone"),
    [
        (DOWN, "open"),
        ({**DOWN, "state": "half_open"}, "half-open"),
        ({**DOWN, "forced": {"by": "Ada", "why": ""}}, "half-open"),
        ({**LIMIT, "lostPerS": 1.0}, "open"),
        ({**SINCE, "kind": "draining"}, "half-open"),
    ],
)
def test_what_loses_requests_is_red(row, tone):
    assert problem_sections([row], 1, NOW_S)[0].tone == tone


def test_a_kind_that_a_newer_gateway_knows_is_shown_by_its_word():
    assert lines({**SINCE, "kind": "disk_full", "subject": "log"}) == ["disk full log, since 07:59:37"]
