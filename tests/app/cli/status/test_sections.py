from typing import Any

import pytest

from app.admin.identity import WorkerView
from app.admin.json_views import breaker_shape, config_shape
from app.admin.listener_view import ListenerView
from app.admin.traffic_views import limits_shape, problems_found, routes_with_clients, shadow_results
from app.cli.status.sections import sections
from app.cli.tables import Section, plain_text
from app.config.model import Listener, ListenerName
from app.policy.model import OverrideState
from app.telemetry.history_sample import BreakerTraffic
from tests.fakes.admin_view import WALL_S, FakeView

SHOWN = """\
config sequence 7, pod tidegate/gateway-7d9f-abcde of gateway shop
67 % of requests rejected by limit per-client (18 a minute), since the edit at 08:00:00; 20.1 requests/s lost
cache@orders down for 45 s (since 08:00:00)
cache@orders is open

breakers
  NAME           STATE   FOR  RPS  REJECTED/S  ERRORS  WHY                      SINCE                     SETTINGS                                                                        FROM
  cache@orders   open    45s  0.0  4.1         -       open for 15s more by me  2027-01-15T08:00:00.250Z  3 in a row or 50% of 20+ requests in 10s or 80% over 250ms, open 10s, probes 1  file orders-policy (Route/orders)
  canary@orders  closed  45s  2.0  0.0         25.0%   -                        2027-01-15T08:00:00.250Z  3 in a row or 50% of 20+ requests in 10s or 80% over 250ms, open 10s, probes 1  file orders-policy (Route/orders)
  cache          closed  45s  0.0  0.0         -       -                        2027-01-15T08:00:00.250Z  3 in a row, open 10s, probes 1                                                  built-in

routes
  NAME     MATCH                                                               AUTH  TO                 TIMEOUT  RETRY
  away     /old                                                                key   redirect 301       30s      -
  default  /                                                                   key   cache              30s      -
  orders   api.example.com exact:/orders GET,POST x-beta=yes x-id=[0-9]+ ?v=2  none  cache:9, canary:1  1s500ms  2

limits
  ROUTE    RULE        PER                        REQUESTS    BURST  FROM
  away     -           -                          no limit    -      environment RATE_LIMIT (Gateway)
  default  per-client  Client                     100 per 1m  100    environment RATE_LIMIT (Gateway)
  orders   tenants     Header X-Tenant free,gold  5 per 1s    8      file orders-policy (Route/orders)

limits rejected (last 10 to 20 min)
  RULE                   CLIENT    REJECTED  LEFT
  RATE_LIMIT/per-client  acme      711       0
  RATE_LIMIT/per-client  (no key)  3         -

routes rejected (last 10 to 20 min)
  ROUTE    CLIENT  REJECTED
  default  acme    712

shadow policies, what they would have rejected in 10 min
  POLICY        TARGETS  REJECTED  WHY                                OPENED  SINCE
  limits-trial  Gateway  722       rate limited 711, breaker open 11  3       2027-01-15T08:00:00.250Z
"""  # noqa: E501 - a wide table

TITLE = "config sequence 7, pod tidegate/gateway-7d9f-abcde of gateway shop"
REJECTED = {
    "at": "2027-01-15T08:00:00.250Z",
    "source": "gw.yaml",
    "faults": ["gw.yaml:3: routs: is unknown; did you mean routes?", "gw.yaml:4: \x1b[2J"],
}


def state(view: FakeView) -> dict[str, Any]:
    breakers = [breaker_shape(breaker, view.breaker_traffic(breaker.name)) for breaker in view.breakers()]
    return {
        "routes": routes_with_clients(view.table(), view.rejected_clients()),
        "breakers": {"breakers": breakers},
        "limits": limits_shape(view.table(), view.limited_clients()),
        "shadows": shadow_results(view.shadows()),
        "problems": problems_found(view.problems()),
        "config": config_shape(view.table(), view.identity),
    }


def table(given: dict[str, Any], title: str = "breakers", wall_s: float = WALL_S) -> Section:
    return next(section for section in sections(given, wall_s) if section.title == title)


def test_a_gateway_reads_like_this():
    view = FakeView()
    view.override("cache@orders", OverrideState.OPEN, 60.0, "me")
    view.traffic["cache@orders"] = BreakerTraffic(0.0, 4.1)
    view.traffic["canary@orders"] = BreakerTraffic(2.0, 0.0, 0.25)
    assert plain_text(sections(state(view), WALL_S + 45)) == SHOWN


def test_a_clock_behind_the_gateways_shows_no_negative_time():
    breakers = table(state(FakeView()), wall_s=WALL_S - 100)
    assert breakers.rows[0][2] == "0s"


def test_a_rejected_configuration_comes_first_with_its_faults():
    given = state(FakeView())
    given["config"] |= {"rejected": REJECTED}
    shown = plain_text(sections(given, WALL_S)).splitlines()
    assert shown[:4] == [
        "REJECTED configuration from gw.yaml at 2027-01-15T08:00:00.250Z; the last good one stays in force",
        "  gw.yaml:3: routs: is unknown; did you mean routes?",
        "  gw.yaml:4: ?[2J",
        TITLE,
    ]
    given["config"] |= {"rejected": None}
    assert plain_text(sections(given, WALL_S)).count("REJECTED configuration") == 0


def test_a_breaker_without_rule_never_opens():
    given = state(FakeView())
    given["config"]["breakers"]["cache"]["value"] = {"openDuration": "10s", "halfOpenRequests": 1}
    assert table(given).rows[0][8] == "never, open 10s, probes 1"


def test_nothing_a_terminal_would_obey_is_shown():
    given = state(FakeView())
    given["routes"]["routes"][0]["match"]["path"] = {"prefix": "/\x1b[2J\n"}
    assert table(given, "routes").rows[1][1] == "/?[2J?"


@pytest.mark.parametrize(
    "breakers", [{}, {"breakers": None}, {"breakers": [1]}, {"breakers": [{"name": "x"}]}, []]
)
def test_a_foreign_shape_raises(breakers):
    given = state(FakeView()) | {"breakers": breakers}
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        sections(given, WALL_S)


@pytest.mark.parametrize(
    ("rejected", "title"),
    [
        (
            [],
            f"{TITLE}, snapshot 5 with 3 policies",
        ),
        (
            ["a"],
            f"{TITLE}, snapshot 5 with 3 policies, 1 rejected",
        ),
    ],
)
def test_the_title_names_the_snapshot_of_the_operator(rejected, title):
    given = state(FakeView())
    given["config"]["snapshot"] = {"sequence": 5, "policies": 3, "rejected": rejected}
    assert sections(given, WALL_S)[0].title == title


def test_a_breaker_that_is_down_is_told_once():
    view = FakeView()
    view.override("cache", OverrideState.OPEN, 60.0, "me")
    given = state(view)
    since = given["breakers"]["breakers"][0]["notClosedSince"]
    others = {"lostPerS": 0.0, "share": None, "since": since, "edit": None, "failedProbes": 0, "forced": None}
    names = [*(f"b{number}" for number in range(5)), "cache"]
    rows = [{"kind": "breaker", "subject": name, "state": "open", **others} for name in names]
    given["problems"] = {"total": 6, "problems": rows}
    lines = [section.title for section in sections(given, WALL_S) if not section.columns]
    assert [line.split()[0] for line in lines[1:]] == ["b0", "b1", "b2", "b3", "b4", "and", "cache"]
    assert lines[-1] == "cache is open"


@pytest.mark.parametrize(
    ("states", "restarts", "said"),
    [
        ([], 0, ""),
        (["ready", "ready"], 0, ", 2 workers"),
        (["ready", "starting"], 2, ", 1 of 2 workers, restarted 2 times"),
        (["ready", "ready"], 1, ", 2 workers, restarted once"),
    ],
)
def test_the_title_says_how_many_workers_serve(states, restarts, said):
    view = FakeView()
    view.serving = [
        WorkerView(number, state, 4_711, WALL_S, restarts if number == 1 else 0)
        for number, state in enumerate(states, 1)
    ]
    config = config_shape(view.table(), view.identity, None, view.serving)
    shown = plain_text(sections({**state(view), "config": config}, WALL_S))
    assert f"{TITLE}{said}\n" in shown


def test_listeners_are_a_table_of_their_own_where_there_are_any():
    view = FakeView()
    assert "listeners" not in plain_text(sections(state(view), WALL_S))
    web, taken = (
        Listener(ListenerName("web"), 8080),
        Listener(ListenerName("taken"), 8081, hosts=("a.example",)),
    )
    views = [ListenerView(web, True), ListenerView(taken, False, "Address already in use")]
    config = config_shape(view.table(), view.identity, None, (), views)
    shown = plain_text(sections({**state(view), "config": config}, WALL_S))
    assert "listeners\n" in shown
    assert ["taken", "8081", "http", "a.example", "closed", "Address", "already", "in", "use"] in [
        line.split() for line in shown.splitlines()
    ]
