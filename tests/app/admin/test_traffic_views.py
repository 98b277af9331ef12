from typing import Any, cast

from app.admin.traffic_views import (
    limits_shape,
    problems_found,
    routes_with_clients,
    shadow_results,
    upstreams_shape,
)
from app.dataplane.upstream.view import EndpointView, Health, UpstreamView
from tests.fakes.admin_view import PROBLEMS, SHADOWS, FakeView, full_table


def test_an_upstream_shows_where_its_endpoints_are_and_how_they_do():
    view = UpstreamView("orders", (EndpointView("10.0.0.5:80", Health.EJECTED, 2),))
    assert upstreams_shape([view]) == {
        "upstreams": [
            {
                "name": "orders",
                "endpoints": [{"address": "10.0.0.5:80", "health": "ejected", "inFlight": 2}],
            }
        ]
    }


def test_each_rule_is_shown_once_in_the_files_vocabulary():
    assert limits_shape(full_table(), FakeView().limited_clients()) == {
        "limits": [
            {
                "policy": "RATE_LIMIT",
                "name": "per-client",
                "key": "Client",
                "requests": 100,
                "period": "1m",
                "burst": 100,
                "scope": "Global",
                "onStoreFailure": "Local",
                "routes": 1,
                "clients": [
                    {"client": "acme", "rejected": 711, "remaining": 0},
                    {"client": None, "rejected": 3, "remaining": None},
                ],
            },
            {
                "policy": "orders-policy",
                "name": "tenants",
                "key": "Header",
                "header": "X-Tenant",
                "tiers": ["free", "gold"],
                "requests": 5,
                "period": "1s",
                "burst": 8,
                "scope": "Global",
                "onStoreFailure": "Local",
                "routes": 1,
                "clients": [],
            },
        ]
    }


def test_a_route_that_rejected_shows_whom():
    shape: Any = routes_with_clients(full_table(), FakeView().rejected_clients())
    assert {route["name"]: route.get("clients") for route in shape["routes"]} == {
        "default": [{"client": "acme", "rejected": 712}],
        "orders": None,
        "away": None,
    }


def test_results_of_shadows_are_those_of_the_panel_with_instants_as_text():
    (row,) = cast("list[Any]", shadow_results(SHADOWS)["shadows"])
    assert (row["policy"], row["rejected"]["rate_limited"]) == ("limits-trial", 711)
    assert row["since"] == "2027-01-15T08:00:00.250Z"
    whole = {"rows": [{"policy": "a", "since": None}], "more": 3}
    assert shadow_results(whole) == {"shadows": [{"policy": "a", "since": None}], "more": 3}


def test_what_is_wrong_is_what_the_panel_says_with_instants_as_text():
    found = problems_found(PROBLEMS)
    (row,) = cast("list[Any]", found["problems"])
    assert (found["total"], row["kind"], row["ownShare"]) == (1, "limit", 0.68)
    assert row["since"] == row["edit"]["at"] == "2027-01-15T08:00:00.250Z"
    whole = {"rows": [{"since": 0, "edit": None}], "total": 1}
    assert cast("list[Any]", problems_found(whole)["problems"])[0]["edit"] is None
