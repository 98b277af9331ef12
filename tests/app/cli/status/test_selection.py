from typing import Any

import pytest

from app.admin.json_views import breaker_shape, config_shape, routes_shape
from app.admin.traffic_views import limits_shape, problems_found, shadow_results
from app.cli.status.sections import sections
from app.cli.status.selection import EVERYTHING, Selection, Topic, open_breakers
from app.foundation.errors import ConfigFaults
from app.policy.model import OverrideState
from tests.fakes.admin_view import WALL_S, FakeView

SHADOWS = "shadow policies, what they would have rejected in 10 min"
CLIENTS = "limits rejected (last 10 to 20 min)"


def state(view: FakeView | None = None) -> dict[str, Any]:
    view = view or FakeView()
    return {
        "routes": routes_shape(view.table()),
        "breakers": {"breakers": [breaker_shape(breaker) for breaker in view.breakers()]},
        "limits": limits_shape(view.table(), view.limited_clients()),
        "shadows": shadow_results(view.shadows()),
        "problems": problems_found(view.problems()),
        "config": config_shape(view.table(), view.identity),
    }


def shown(selection: Selection) -> list[tuple[str, list[str]]]:
    selected = selection.of_state(state())
    parts = selection.of_sections(sections(selected, WALL_S))
    return [(part.title, [row[0] for row in part.rows]) for part in parts if part.columns]


def test_everything_is_the_state_as_it_is():
    whole = state()
    assert EVERYTHING.of_state(whole) == EVERYTHING.document(whole) == whole
    assert [title for title, _ in shown(EVERYTHING)] == ["breakers", "routes", "limits", CLIENTS, SHADOWS]


@pytest.mark.parametrize(
    ("topic", "name", "names"),
    [
        (Topic.BREAKERS, None, ["cache", "cache@orders", "canary@orders"]),
        (Topic.BREAKERS, "cache", ["cache"]),
        (Topic.ROUTES, None, ["away", "default", "orders"]),
        (Topic.ROUTES, "orders", ["orders"]),
        (Topic.LIMITS, None, ["away", "default", "orders"]),
        (Topic.LIMITS, "orders", ["orders"]),
        (Topic.LIMITS, "away", ["away"]),
        (Topic.LIMITS, "per-client", ["default"]),
    ],
)
def test_one_table_is_shown_with_what_was_asked_for(topic, name, names):
    assert shown(Selection(topic, name))[:1] == [(topic, names)]


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        (Selection(Topic.LIMITS), ["RATE_LIMIT/per-client", "RATE_LIMIT/per-client"]),
        (Selection(Topic.LIMITS, "default"), ["RATE_LIMIT/per-client", "RATE_LIMIT/per-client"]),
        (Selection(Topic.LIMITS, "tenants"), None),
        (Selection(Topic.BREAKERS), None),
    ],
)
def test_with_limits_come_the_clients_that_these_reject(selection, rows):
    assert dict(shown(selection)).get(CLIENTS) == rows


def test_a_document_is_an_object_with_one_list():
    whole, breakers = state(), Selection(Topic.BREAKERS, "cache")
    document = breakers.document(breakers.of_state(whole))
    assert [row["name"] for row in document.pop("breakers")] == ["cache"]
    assert document == {}
    routes = Selection(Topic.ROUTES)
    assert routes.document(routes.of_state(whole)) == {"routes": whole["routes"]["routes"]}


def test_a_document_of_limits_says_where_each_is_from():
    selection = Selection(Topic.LIMITS, "tenants")
    document = selection.document(selection.of_state(state()))
    (limit,) = document["limits"]
    assert limit["route"] == "orders"
    assert [rule["name"] for rule in limit["value"]["rules"]] == ["tenants"]
    assert limit["origin"]["policy"] == "orders-policy"
    assert [(rule["name"], rule["clients"]) for rule in document["rules"]] == [("tenants", [])]


@pytest.mark.parametrize(
    ("topic", "name", "fault"),
    [
        (Topic.BREAKERS, "cahce", "NAME: there is no breaker 'cahce'; did you mean cache?"),
        (Topic.ROUTES, "x", "NAME: there is no route 'x'; there are: away, default, orders"),
        (
            Topic.LIMITS,
            "x",
            "NAME: there is no route or rule with limits 'x'; "
            "there are: away, default, orders, per-client, tenants",
        ),
    ],
)
def test_a_name_that_nothing_has_is_a_fault_with_those_there_are(topic, name, fault):
    with pytest.raises(ConfigFaults) as caught:
        Selection(topic, name).of_state(state())
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    ("rows", "listed"),
    [
        ([], "none"),
        ([{"name": f"r{n:02}"} for n in range(11)], ", ".join(f"r{n:02}" for n in range(10)) + " …"),
    ],
)
def test_a_fault_lists_some_names_however_many_there_are(rows, listed):
    whole = {**state(), "routes": {"routes": rows}}
    with pytest.raises(ConfigFaults, match=f"there are: {listed}$"):
        Selection(Topic.ROUTES, "zzzzzz").of_state(whole)


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        (EVERYTHING, None),
        (Selection(Topic.LIMITS), None),
        (Selection(Topic.BREAKERS, "cache"), {"cache"}),
        (Selection(Topic.LIMITS, "orders"), {"orders-policy/tenants"}),
        (Selection(Topic.LIMITS, "away"), set()),
    ],
)
def test_the_rows_of_the_feed_are_known_by_their_names(selection, rows):
    assert selection.live_rows(selection.of_state(state())) == rows


def test_live_tables_keep_the_rows_that_were_asked_for():
    whole = state()
    drawn = sections(whole, WALL_S)
    kept = Selection(Topic.ROUTES, "orders").of_sections(drawn, frozenset(("orders",)))
    assert [(part.title, [row[0] for row in part.rows]) for part in kept if part.columns] == [
        ("routes", ["orders"])
    ]
    assert len([part for part in kept if not part.columns]) == 3


def test_open_are_the_breakers_that_reject_now():
    view = FakeView()
    assert open_breakers(state(view)) == []
    view.override("cache@orders", OverrideState.OPEN, 60.0, "me")
    view.override("cache", OverrideState.OPEN, 60.0, "me")
    assert open_breakers(state(view)) == ["cache", "cache@orders"]
