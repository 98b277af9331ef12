import json

import pytest

from app.cli.status.picture import Picture
from app.cli.tables import plain_text

NOW_MS = 1_800_000_000_000
NO_PROBLEMS = {"total": 0, "rows": []}
BREAKER = {
    "name": "orders@shop",
    "state": "closed",
    "since": NOW_MS - 90_000,
    "notClosedSince": None,
    "failedProbes": 0,
    "reason": None,
    "lastError": None,
    "failuresInRow": 1,
    "threshold": 3,
    "window": {"periodS": 10, "requests": 40, "failures": 5, "slow": 0},
    "probesInFlight": 0,
    "probesAllowed": 2,
    "openUntil": None,
    "override": None,
    "rps": 12.34,
    "refusedPerS": 0.0,
    "errorShare": 0.125,
    "p50Ms": 1.25,
    "p99Ms": 80.0,
    "settings": {"value": {}, "origin": {"source": "file", "policy": "defaults", "target": "Gateway"}},
}
SNAPSHOT = {
    "type": "snapshot",
    "version": 1,
    "now": NOW_MS,
    "gateway": {
        "version": "1.2.3",
        "identity": {"pod": "gateway-1", "gateway": "shop", "namespace": "tidegate", "node": None},
        "ready": True,
        "draining": False,
        "configSequence": 7,
        "storeUp": None,
        "startedAt": NOW_MS - 3_600_000,
    },
    "breakers": [BREAKER, {**BREAKER, "name": "quiet", "rps": 0.0, "errorShare": None, "p50Ms": None}],
    "routes": {
        "total": 3,
        "rows": [
            {"name": "shop", "match": "GET /shop", "rps": 1.0, "errorShare": None, "refusedShare": 0.5,
             "p50Ms": None, "p99Ms": None, "total": 41}
        ],
    },
    "limits": [
        {"id": "defaults/per-client", "key": "Client", "tiers": ["gold"], "requests": 100, "periodS": 60.0,
         "routes": 2, "allowedPerS": 1.5, "limitedPerS": 0.5, "limitedTotal": 9}
    ],
    "traffic": {"outcomes": {"ok": 9.5, "breaker_open": 10.0}, "p50Ms": 1.0, "p90Ms": 2.0, "p99Ms": None},
    "connections": {"clients": 4, "inFlight": 2},
    "events": [{"at": NOW_MS, "kind": "gateway_started", "subject": "1.2.3", "detail": "\x1b[31mred"}],
}  # fmt: skip


def taken(*messages: object) -> Picture:
    picture = Picture()
    for message in messages:
        picture.take(json.dumps(message))
    return picture


def test_clients_of_a_named_rule_are_drawn_though_ten_of_another_are_rejected_more():
    def rule(name: str, *clients: str, rejected: int) -> dict[str, object]:
        rows = [{"client": one, "rejected": rejected, "remaining": 0} for one in clients]
        return {"name": name, "clients": rows}

    loud = rule("loud", *(f"c{number}" for number in range(10)), rejected=99)
    clients = {"rules": [loud, rule("named", "acme", rejected=1)], "routes": []}
    picture = Picture(frozenset(("named",)))
    picture.take(json.dumps(SNAPSHOT | {"panels": {"clients": clients}}))
    (drawn,) = [one for one in picture.sections() if one.columns[:2] == ("RULE", "CLIENT")]
    assert drawn.rows == (("named", "acme", "1", "0"),)
    assert drawn.title == "limits rejected (last 10 to 20 min)"


def delta(**parts: object) -> dict[str, object]:
    return {"type": "delta", "version": 1, "now": NOW_MS + 1000, **parts}


def text(*messages: object, after_s: float = 0.0) -> str:
    return plain_text(taken(*messages).sections(after_s))


def row(shown: str, name: str) -> list[str]:
    return next(line for line in shown.splitlines() if line.startswith(f"  {name}")).split()


def test_a_snapshot_is_drawn_whole():
    shown = text(SNAPSHOT)
    assert shown.startswith(
        "tidegate 1.2.3, pod tidegate/gateway-1 of gateway shop, ready, up 1h, config sequence 7\n"
    )
    assert row(shown, "orders@shop") == [
        "orders@shop", "closed", "1m30s", "1", "of", "3", "-", "12.3", "0.0", "12.5%", "1.2", "ms", "80.0", "ms", "-",
        "file", "defaults",
    ]  # fmt: skip
    assert row(shown, "quiet")[-8:] == ["0.0", "-", "-", "80.0", "ms", "-", "file", "defaults"]
    assert "traffic: breaker open 10.0/s, ok 9.5/s; p50 1.0 ms p90 2.0 ms p99 -; 4 client" in shown
    assert row(shown, "defaults/per-client")[1:] == [
        "Client",
        "gold",
        "100",
        "per",
        "1m",
        "2",
        "1.5",
        "0.5",
        "9",
    ]
    assert "routes (2 more are not shown)" in shown
    assert row(shown, "shop") == ["shop", "GET", "/shop", "1.0", "-", "50.0%", "-", "-", "41"]


def test_what_a_terminal_would_obey_is_not_drawn():
    assert "?[31mred" in text(SNAPSHOT)
    assert "\x1b" not in text(SNAPSHOT)


def test_broken_ones_come_first_with_their_cause_and_countdown():
    error = {"at": NOW_MS, "reason": "upstream_connect", "detail": "refused"}
    opened = {
        "name": "quiet", "state": "open", "since": NOW_MS, "reason": "consecutive_failures",
        "lastError": error, "openUntil": NOW_MS + 10_000,
    }  # fmt: skip
    shown = text(SNAPSHOT, delta(breakers=[opened]))
    assert shown.index("quiet") < shown.index("orders@shop")
    cells = row(shown, "quiet")
    assert cells[1:8] == ["open", "1s", "1", "of", "3", "in", "9s"]
    assert "consecutive failures: upstream connect" in shown


def test_countdowns_go_on_without_a_message():
    opened = {"name": "quiet", "state": "open", "since": NOW_MS, "openUntil": NOW_MS + 10_000}
    assert row(text(SNAPSHOT, delta(breakers=[opened]), after_s=4.0), "quiet")[7] == "5s"


def test_an_open_breaker_whose_time_is_over_probes_with_the_next_request():
    opened = {"name": "quiet", "state": "open", "since": NOW_MS, "openUntil": NOW_MS + 10_000}
    assert "next request" in text(SNAPSHOT, delta(breakers=[opened]), after_s=20.0)


def test_a_half_open_breaker_tells_its_probes():
    probing = {"name": "quiet", "state": "half_open", "probesInFlight": 1}
    assert "1 of 2 now" in text(SNAPSHOT, delta(breakers=[probing]))


def test_where_rows_are_not_judged_the_failures_of_the_window_are_told():
    assert "5 of 40" in text(SNAPSHOT, delta(breakers=[{"name": "quiet", "threshold": None}]))


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        (("closed", "closed"), "all 2 breakers are closed"),
        (("closed", "half_open"), "quiet is half-open"),
        (("open", "closed"), "orders@shop is open"),
        (("open", "half_open"), "1 of 2 breakers open, 1 half-open"),
        (("open", "open"), "2 of 2 breakers open"),
    ],
)
def test_the_second_line_tells_what_is_broken(states, verdict):
    names = ("orders@shop", "quiet")
    changed = [{"name": name, "state": state} for name, state in zip(names, states, strict=True)]
    assert text(SNAPSHOT, delta(breakers=changed)).splitlines()[1] == verdict


STEPS = [
    {"state": "passed", "title": "The breaker is closed", "expectedAt": NOW_MS},
    {"state": "running", "title": "Half-open when 10s are over", "expectedAt": NOW_MS + 9_000},
]
RUN = {"state": "running", "endedAt": None, "result": "", "steps": STEPS}


@pytest.mark.parametrize(
    ("judged", "shown"),
    [({"slowCalls": {}}, "7 slow of 40"), ({"slowCalls": {}, "failureRate": {}}, "5 of 40"), ({}, "5 of 40")],
)
def test_a_breaker_that_judges_slow_calls_only_shows_how_many_were_slow(judged, shown):
    changed = {
        "name": "quiet",
        "threshold": None,
        "window": {"periodS": 10, "requests": 40, "failures": 5, "slow": 7},
        "settings": {"value": judged, "origin": {}},
    }
    assert shown in text(SNAPSHOT, delta(breakers=[changed]))


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(2250.0, "2.25 s"), (999.96, "1.00 s"), (999.9, "999.9 ms"), (0.04, "0.0 ms")]
)
def test_from_a_second_on_durations_are_seconds(milliseconds, shown):
    assert f"  {shown}  " in text(SNAPSHOT, delta(breakers=[{"name": "quiet", "p99Ms": milliseconds}]))


@pytest.mark.parametrize(
    ("run", "after_s", "told"),
    [
        (RUN, 0.0, "breaker test, step 2 of 2: Half-open when 10s are over, due in 8s"),
        (RUN, 20.0, "breaker test, step 2 of 2: Half-open when 10s are over\n"),
        ({**RUN, "state": "passed", "endedAt": NOW_MS, "result": "in time"}, 5.0, "breaker test: in time"),
        ({**RUN, "state": "failed", "endedAt": NOW_MS, "result": "late"}, 5.0, "breaker test: late"),
    ],
)
def test_the_breaker_test_is_told_while_it_runs_and_a_while_after(run, after_s, told):
    assert told in text(SNAPSHOT, delta(test={"run": run}), after_s=after_s)


def test_an_old_breaker_test_is_not_told():
    ended = {**RUN, "state": "passed", "endedAt": NOW_MS, "result": "in time"}
    assert "breaker test" not in text(SNAPSHOT, delta(test={"run": ended}), after_s=300.0)


def test_an_override_tells_by_whom_and_how_long():
    override = {"state": "open", "until": NOW_MS + 61_000, "by": "Ada", "why": "rehearsal"}
    assert "open for 1m more by Ada: rehearsal" in text(
        SNAPSHOT, delta(breakers=[{"name": "quiet", "override": override}])
    )


def test_changes_are_merged():
    new_route = {**SNAPSHOT["routes"]["rows"][0], "name": "new"}  # type: ignore[index]
    shown = text(
        SNAPSHOT,
        delta(
            gateway={"draining": True, "storeUp": False},
            breakersGone=["quiet", "unheard-of"],
            routes={"total": 1, "rows": [new_route], "gone": ["shop"]},
            limitsGone=["defaults/per-client"],
            events=[{"at": NOW_MS, "kind": "drain_started", "subject": "", "detail": ""}],
        ),
    )
    assert "draining" in shown
    assert "limit store DOWN" in shown
    assert "quiet" not in shown
    assert "per-client" not in shown
    assert "more are not shown" not in shown
    assert shown.index("drain started") < shown.index("gateway started")


def test_a_snapshot_replaces_everything():
    assert "another" not in text(SNAPSHOT, delta(breakers=[{**BREAKER, "name": "another"}]), SNAPSHOT)


def test_only_the_last_events_are_drawn():
    events = [{"at": NOW_MS, "kind": f"kind-{number}", "subject": "", "detail": ""} for number in range(30)]
    shown = text(SNAPSHOT, delta(events=events))
    assert "kind-29" in shown
    assert "kind-19" not in shown


def test_other_messages_change_nothing():
    assert not Picture().take('{"type": "history"}')
    assert Picture().take(json.dumps(SNAPSHOT))


@pytest.mark.parametrize(
    "foreign", ["", "[]", "{}", '{"type": "delta"}', '{"type": "snapshot", "now": 1, "breakers": [1]}']
)
def test_foreign_messages_are_told_apart(foreign):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Picture().take(foreign)


def test_a_breaker_that_is_not_closed_has_a_line_that_says_since_when():
    down = {
        "kind": "breaker",
        "subject": "quiet",
        "state": "half_open",
        "since": NOW_MS - 22_000,
        "forced": None,
    }
    row = {**down, "failedProbes": 2, "lostPerS": 0.0}
    fault = {"kind": "config_rejected", "subject": "gw.yaml", "since": NOW_MS, "fault": "gw.yaml:3: is wrong"}
    panels = {"problems": {"total": 2, "rows": [row, {**fault, "faults": 1, "lostPerS": 0.0}]}}
    shown = text(SNAPSHOT, delta(panels=panels))
    assert "quiet down for 23 s (since 07:59:38), 2 probes failed\n" in shown
    assert shown.startswith("REJECTED configuration from gw.yaml at 08:00:00;")
    assert "REJECTED c" not in text(SNAPSHOT, delta(panels=panels), delta(panels={"problems": NO_PROBLEMS}))


def test_whom_rejections_hit_and_what_shadows_would_reject_are_drawn_when_they_come():
    acme = {"client": "acme", "rejected": 711, "remaining": 0}
    rule = {"name": "defaults/per-client", "rejected": 711, "clients": [acme], "others": {}}
    shadow = {"policy": "trial", "targets": ["Gateway"], "rejected": {"rate_limited": 9}, "opened": 0}
    panels = {
        "clients": {"rules": [rule], "moreRules": 0, "routes": [], "moreRoutes": 0},
        "shadows": {"rows": [{**shadow, "since": None}, {**shadow, "since": NOW_MS}], "more": 0},
    }
    shown = text(SNAPSHOT, delta(panels=panels))
    assert row(shown, "defaults/per-client  acme")[1:] == ["acme", "711", "0"]
    assert [line.split()[-1] for line in shown.splitlines() if "trial" in line] == ["-", "08:00:00"]
    assert "acme" not in text(SNAPSHOT)


def test_routes_and_limits_that_lose_most_come_first():
    idle = {**SNAPSHOT["routes"]["rows"][0], "rps": 0.0, "refusedShare": None}  # type: ignore[index]
    routes = [{**idle, "name": "a"}, {**idle, "name": "b", "rps": 9.0, "errorShare": 0.5}]
    rule = {**SNAPSHOT["limits"][0], "limitedPerS": 7.0, "id": "z/late"}  # type: ignore[index]
    shown = text(SNAPSHOT, delta(routes={"rows": routes, "total": 3}, limits=[rule]))
    places = [shown.index(f"\n  {name} ") for name in ("b", "shop", "a", "z/late", "defaults/per-client")]
    assert places == sorted(places)
