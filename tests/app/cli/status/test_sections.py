from typing import Any

import pytest

from app.admin.json_views import breaker_shape, config_shape, routes_shape
from app.cli.status.sections import sections
from app.cli.tables import plain_text
from app.policy.model import OverrideState
from tests.fakes.admin_view import WALL_S, FakeView

SHOWN = """\
config sequence 7, pod tidegate/gateway-7d9f-abcde of gateway shop
cache@orders is open
  cache@orders down for 45 s (since 08:00:00)

breakers
  NAME           STATE   FOR  WHY                      SINCE                     SETTINGS                                                                        FROM
  cache@orders   open    45s  open for 15s more by me  2027-01-15T08:00:00.250Z  3 in a row or 50% of 20+ requests in 10s or 80% over 250ms, open 10s, probes 1  file orders-policy (Route/orders)
  cache          closed  45s  -                        2027-01-15T08:00:00.250Z  3 in a row, open 10s, probes 1                                                  built-in
  canary@orders  closed  45s  -                        2027-01-15T08:00:00.250Z  3 in a row or 50% of 20+ requests in 10s or 80% over 250ms, open 10s, probes 1  file orders-policy (Route/orders)

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
"""  # noqa: E501 - a wide table

TITLE = "config sequence 7, pod tidegate/gateway-7d9f-abcde of gateway shop"
REJECTED = {
    "at": "2027-01-15T08:00:00.250Z",
    "source": "gw.yaml",
    "faults": ["gw.yaml:3: routs: is unknown; did you mean routes?", "gw.yaml:4: \x1b[2J"],
}


def state(view: FakeView) -> tuple[Any, Any, Any]:
    breakers = {"breakers": [breaker_shape(breaker) for breaker in view.breakers()]}
    return routes_shape(view.table()), breakers, config_shape(view.table(), view.identity)


def test_a_gateway_reads_like_this():
    view = FakeView()
    view.override("cache@orders", OverrideState.OPEN, 60.0, "me")
    assert plain_text(sections(*state(view), WALL_S + 45)) == SHOWN


def test_a_clock_behind_the_gateways_shows_no_negative_time():
    breakers = sections(*state(FakeView()), WALL_S - 100)[2]
    assert breakers.rows[0][2] == "0s"


def test_a_rejected_configuration_comes_first_with_its_faults():
    routes, breakers, config = state(FakeView())
    shown = plain_text(sections(routes, breakers, config | {"rejected": REJECTED}, WALL_S)).splitlines()
    assert shown[:4] == [
        "REJECTED configuration from gw.yaml at 2027-01-15T08:00:00.250Z; the last good one stays in force",
        "  gw.yaml:3: routs: is unknown; did you mean routes?",
        "  gw.yaml:4: ?[2J",
        TITLE,
    ]
    assert plain_text(sections(routes, breakers, config | {"rejected": None}, WALL_S)).count("REJECTED") == 0


def test_a_breaker_without_rule_never_opens():
    routes, breakers, config = state(FakeView())
    config["breakers"]["cache"]["value"] = {"openDuration": "10s", "halfOpenRequests": 1}
    assert sections(routes, breakers, config, WALL_S)[2].rows[0][5] == "never, open 10s, probes 1"


def test_nothing_a_terminal_would_obey_is_shown():
    routes, breakers, config = state(FakeView())
    routes["routes"][0]["match"]["path"] = {"prefix": "/\x1b[2J\n"}
    assert sections(routes, breakers, config, WALL_S)[3].rows[1][1] == "/?[2J?"


@pytest.mark.parametrize(
    "breakers", [{}, {"breakers": None}, {"breakers": [1]}, {"breakers": [{"name": "x"}]}, []]
)
def test_a_foreign_shape_raises(breakers):
    routes, _, config = state(FakeView())
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        sections(routes, breakers, config, WALL_S)


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
    routes, breakers, config = state(FakeView())
    config["snapshot"] = {"sequence": 5, "policies": 3, "rejected": rejected}
    assert sections(routes, breakers, config, WALL_S)[0].title == title
