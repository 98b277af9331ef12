import json
from dataclasses import replace
from typing import Any

import pytest

from app.admin.identity import Identity, WorkerView
from app.admin.json_views import breaker_shape, config_shape, identity_shape, routes_shape, transition_shape
from app.admin.listener_view import ListenerView
from app.config.model import (
    CertificateName,
    Cors,
    Listener,
    ListenerName,
    ListenerProtocol,
    Mirror,
    UpstreamName,
)
from app.policy.model import OverrideState
from tests.fakes.admin_view import DIGEST, WALL_S, FakeView, full_table

IDENTITY = Identity("gateway-7d9f-abcde", "shop", "tidegate", None)


def routes() -> dict[str, Any]:
    shape: Any = routes_shape(full_table())
    return {route["name"]: route for route in shape["routes"]}


def config() -> Any:
    return config_shape(full_table(), IDENTITY)


def test_route_that_says_nothing_shows_what_is_in_force():
    assert routes()["default"] == {
        "name": "default",
        "match": {"path": {"prefix": "/"}},
        "auth": "key",
        "upstreams": [{"name": "cache", "weight": 1, "breaker": "cache"}],
        "notForwarded": ["/stats"],
        "rateLimit": {
            "rules": [
                {
                    "name": "per-client",
                    "key": "Client",
                    "requests": 100,
                    "period": "1m",
                    "burst": 100,
                    "scope": "Global",
                }
            ],
            "onStoreFailure": "Local",
        },
        "timeout": {"request": "30s", "perTry": "0s", "connect": "5s", "idle": "1m"},
    }


def test_route_with_every_match_shows_them():
    assert routes()["orders"]["match"] == {
        "hosts": ["api.example.com"],
        "path": {"exact": "/orders"},
        "methods": ["GET", "POST"],
        "headers": [{"name": "x-beta", "value": "yes"}, {"name": "x-id", "regex": "[0-9]+"}],
        "query": [{"name": "v", "value": "2"}],
    }


def test_route_shows_shares_rewrite_and_retry():
    orders = routes()["orders"]
    assert orders["upstreams"][1] == {"name": "canary", "weight": 1, "breaker": "canary@orders"}
    assert orders["rewrite"] == {"path": "/", "host": "orders.internal"}
    assert orders["retry"] == {
        "attempts": 2,
        "backoff": {"base": "25ms", "max": "250ms", "min": "0s"},
        "on": ["ConnectError", 502, 503, 504],
        "budget": {"percent": 20, "interval": "10s", "minRetriesPerSecond": 10},
    }


def test_redirect_shows_what_it_changes():
    assert routes()["away"]["redirect"] == {"status": 301, "host": "new.example.com"}


def test_what_a_route_does_at_listeners_is_shown():
    table = full_table()
    route = replace(
        table.routes[0].route,
        listeners=(ListenerName("public"),),
        mirrors=(Mirror(UpstreamName("next"), 0.25),),
        cors=Cors(("https://a.b",), max_age_s=60.0),
    )
    shown: Any = routes_shape(replace(table, routes=(replace(table.routes[0], route=route),)))["routes"]
    assert shown[0]["listeners"] == ["public"]
    assert shown[0]["mirror"] == [{"upstream": "next", "fraction": {"numerator": 1, "denominator": 4}}]
    assert shown[0]["cors"] == {"allowOrigins": ["https://a.b"], "maxAge": "1m"}


def test_values_of_header_edits_are_not_shown():
    orders = routes()["orders"]
    assert orders["requestHeaders"] == {"set": ["Authorization"], "remove": ["X-Debug"]}
    assert "upstream-secret" not in json.dumps(orders)


def test_setting_tells_its_value_its_origin_and_what_it_beat():
    timeout = config()["routes"]["orders"]["timeout"]
    assert timeout["value"]["request"] == "1s500ms"
    assert timeout["origin"] == {"source": "file", "policy": "orders-policy", "target": "Route/orders"}
    assert timeout["losers"] == [
        {
            "value": {"request": "30s", "perTry": "0s", "connect": "5s", "idle": "1m"},
            "origin": {"source": "built-in", "policy": "built-in", "target": "Gateway"},
        }
    ]


def test_limit_by_header_and_tier_shows_both():
    (rule,) = config()["routes"]["orders"]["rateLimit"]["value"]["rules"]
    assert (rule["header"], rule["tiers"]) == ("X-Tenant", ["free", "gold"])


def test_breaker_setting_reads_like_the_file():
    assert config()["breakers"]["cache@orders"]["value"] == {
        "consecutiveFailures": 3,
        "failureRate": {"percent": 50, "window": "10s", "minimumRequests": 20},
        "slowCalls": {"percent": 80, "threshold": "250ms"},
        "openDuration": "10s",
        "halfOpenRequests": 1,
        "failureOn": ["5xx", 429],
        "override": {"state": "Open", "until": "2027-01-15T08:00:00.250Z"},
    }


def test_upstreams_show_their_endpoints_as_urls():
    upstreams = config()["upstreams"]
    assert upstreams["cache"] == {"endpoints": ["http://localhost:8081", "http://[::1]:8081"]}
    assert upstreams["canary"] == {
        "endpoints": ["https://10.0.0.6:443"],
        "tls": {"caFile": "/etc/ca.pem", "serverName": "canary.internal"},
        "healthCheck": {"path": "/livez", "interval": "3s", "timeout": "1s", "unhealthy": 3, "healthy": 1},
    }


def test_keys_show_owners_and_never_hashes():
    assert config()["keys"] == [
        {"name": "acme", "tier": "gold", "notAfter": "2027-01-15T08:00:00.250Z"},
        {"name": "default"},
    ]
    assert DIGEST.hex() not in json.dumps(config())


def test_breaker_that_never_moved_has_no_reason_and_no_override():
    shape = breaker_shape(FakeView().breakers()[0])
    assert shape == {
        "name": "cache",
        "state": "closed",
        "since": "2027-01-15T08:00:00.250Z",
        "notClosedSince": None,
        "failedProbes": 0,
        "reason": None,
        "failuresInRow": 0,
        "threshold": 3,
        "window": {"period": "10s", "requests": 0, "failures": 0, "slow": 0},
        "probesInFlight": 0,
        "nextProbeInSeconds": None,
        "rejections": {"open": 0, "half_open": 0},
        "traffic": {"requestsPerS": 0.0, "rejectedPerS": 0.0, "errorShare": None},
        "override": None,
        "lastError": None,
    }


@pytest.mark.parametrize("state", ["open", "closed"])
def test_override_is_shown_beside_the_state(state):
    view = FakeView()
    view.override("cache", OverrideState.named(state), 60.0, "me", "why")
    shape = breaker_shape(view.breakers()[0])
    assert shape["state"] == state
    assert shape["override"] == {
        "state": state,
        "until": "2027-01-15T08:01:00.250Z",
        "by": "me",
        "why": "why",
    }


def test_transition_tells_from_to_when_and_why():
    view = FakeView()
    view.override("cache", OverrideState.named("open"), 60.0, "me")
    (moved,) = view.transitions("cache")
    assert transition_shape(moved) == {
        "from": "closed",
        "to": "open",
        "at": "2027-01-15T08:00:00.250Z",
        "reason": "override",
        "error": "",
        "heldSeconds": 0.0,
    }


def test_every_shape_is_json():
    for shape in (routes_shape(full_table()), config_shape(full_table(), IDENTITY)):
        assert json.loads(json.dumps(shape)) == shape


def test_the_configuration_says_whose_it_is():
    whose = {"pod": "gateway-7d9f-abcde", "gateway": "shop", "namespace": "tidegate", "node": None}
    assert config()["identity"] == identity_shape(IDENTITY) == whose


def test_each_worker_is_shown_with_its_process():
    worker = WorkerView(2, "ready", 4_711, WALL_S, 1)
    assert config_shape(full_table(), IDENTITY, None, [worker])["workers"] == [
        {"number": 2, "state": "ready", "pid": 4_711, "since": "2027-01-15T08:00:00.250Z", "restarts": 1}
    ]
    assert config()["workers"] == []


def test_each_listener_is_shown_with_how_its_port_is():
    shop = CertificateName("shop")
    listener = Listener(ListenerName("web"), 8443, ListenerProtocol.HTTPS, ("a.example",), (shop,))
    views = [
        ListenerView(listener, True),
        ListenerView(Listener(ListenerName("plain"), 8080), False, "in use"),
    ]
    listeners: Any = config_shape(full_table(), IDENTITY, None, (), views)["listeners"]
    shown, other = listeners
    assert shown == {
        "name": "web",
        "port": 8443,
        "protocol": "https",
        "hosts": ["a.example"],
        "certificates": ["shop"],
        "open": True,
        "fault": None,
    }
    assert (other["protocol"], other["open"], other["fault"]) == ("http", False, "in use")
    assert config()["listeners"] == []
