from typing import Any

import httpx
import pytest

from app.admin.api import build_admin_app
from app.admin.json_views import config_shape
from app.admin.traffic_views import limits_shape, routes_with_clients, upstreams_shape
from app.admin.view import AdminView
from app.config.rejection import Rejection
from tests.fakes.admin_view import WALL_S, FakeView

OVERRIDE = "/v1/breakers/cache@orders/override"
TOKEN = {"authorization": "Bearer token-1"}


async def call(method: str, path: str, view: FakeView | None = None, **more: Any) -> httpx.Response:
    app = build_admin_app(view or FakeView())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        return await client.request(method, path, **more)


def assert_problem(answer: httpx.Response, status: int, says: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status)
    assert body["title"]
    assert says in body["detail"]


def test_the_fake_is_an_admin_view():
    view: AdminView = FakeView()
    assert view.ready() == (True, {})


async def test_breakers_are_listed():
    answer = await call("GET", "/v1/breakers")
    assert [breaker["name"] for breaker in answer.json()["breakers"]] == [
        "cache",
        "cache@orders",
        "canary@orders",
    ]


@pytest.mark.parametrize("name", ["cache@orders", "cache%40orders"])
async def test_one_breaker_adds_its_transitions(name):
    view = FakeView()
    await call("PUT", OVERRIDE, view, json={"state": "open", "for": "60s"}, headers=TOKEN)
    breaker = (await call("GET", f"/v1/breakers/{name}", view)).json()
    assert breaker["state"] == "open"
    assert [(moved["from"], moved["to"], moved["reason"]) for moved in breaker["transitions"]] == [
        ("closed", "open", "override")
    ]


async def test_routes_and_config_are_the_shapes_of_the_table():
    view = FakeView()
    shape = routes_with_clients(view.table(), view.rejected_clients())
    assert (await call("GET", "/v1/routes", view)).json() == shape
    assert (await call("GET", "/v1/config", view)).json() == config_shape(view.table(), view.identity)


async def test_a_rejected_configuration_stands_in_config():
    view = FakeView()
    view.rejection = Rejection(WALL_S, "gw.yaml", ("gw.yaml:3: no",))
    shown = {"at": "2027-01-15T08:00:00.250Z", "source": "gw.yaml", "faults": ["gw.yaml:3: no"]}
    assert (await call("GET", "/v1/config", view)).json()["rejected"] == shown
    ready = await call("GET", "/readyz", view)
    assert (ready.status_code, ready.json()["rejected"]) == (200, shown)


async def test_the_history_of_edits_is_listed():
    (edit,) = (await call("GET", "/v1/config/history")).json()["edits"]
    assert (edit["sequence"], edit["source"], edit["omitted"]) == (7, "gw.yaml", 0)
    assert edit["changes"][1] == {
        "target": "Route/orders",
        "stanza": "retry",
        "field": "attempts",
        "old": None,
        "new": 2,
        "source": "resource",
        "policy": "shop/orders",
        "generation": 4,
    }


async def test_upstreams_and_limits_are_lists():
    view = FakeView()
    assert (await call("GET", "/v1/upstreams", view)).json() == upstreams_shape(view.upstreams())
    assert (await call("GET", "/v1/limits", view)).json() == limits_shape(
        view.table(), view.limited_clients()
    )


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_are_served_here_too(path):
    answer = await call("GET", path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_openapi_describes_every_call():
    answer = await call("GET", "/openapi.json")
    assert sorted(answer.json()["paths"]) == [
        "/livez",
        "/metrics",
        "/readyz",
        "/v1/breakers",
        "/v1/breakers/{name}",
        "/v1/breakers/{name}/override",
        "/v1/config",
        "/v1/config/history",
        "/v1/decisions",
        "/v1/decisions/{request_id}",
        "/v1/limits",
        "/v1/problems",
        "/v1/routes",
        "/v1/shadows",
        "/v1/upstreams",
    ]


async def test_head_is_get_without_the_body():
    answer = await call("HEAD", "/v1/breakers")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nope", "/docs", "/v1/breakers/", "/monitor"])
async def test_unknown_path_is_a_problem(path):
    assert_problem(await call("GET", path), 404, "/openapi.json")


async def test_unknown_breaker_is_a_problem():
    assert_problem(await call("GET", "/v1/breakers/nope"), 404, "no breaker is named 'nope'")


async def test_a_breaker_of_the_cluster_is_asked_for_by_its_whole_name():
    name = "service/shop/orders/80@httproute/shop/web/cart"
    assert_problem(await call("GET", f"/v1/breakers/{name}"), 404, f"no breaker is named {name!r}")
    put = await call("PUT", f"/v1/breakers/{name}/override", json={"state": "auto"}, headers=TOKEN)
    assert_problem(put, 404, f"no breaker is named {name!r}")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("POST", "/v1/breakers", "GET, HEAD"), ("DELETE", "/livez", "GET, HEAD"), ("GET", OVERRIDE, "PUT")],
)
async def test_wrong_method_is_a_problem_with_allow(method, path, allow):
    answer = await call(method, path)
    assert_problem(answer, 405, allow)
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/v1/breakers", "/v1/config"])
async def test_a_fault_of_ours_is_a_problem_that_tells_no_internals(path):
    class Broken(FakeView):
        def breakers(self):
            raise RuntimeError("inner")

        def table(self):
            raise RuntimeError("inner")

    answer = await call("GET", path, Broken())
    assert_problem(answer, 500, "its log holds the trace")
    assert "inner" not in answer.text


@pytest.mark.parametrize("for_", ["60s", "1m", 60, 60.0, "60"])
async def test_override_holds_the_breaker_for_a_while(for_):
    view = FakeView()
    answer = await call("PUT", OVERRIDE, view, json={"state": "open", "for": for_}, headers=TOKEN)
    assert answer.status_code == 200
    assert answer.json()["state"] == "open"
    assert answer.json()["override"] == {
        "state": "open",
        "until": "2027-01-15T08:01:00.250Z",
        "by": "admin API from 127.0.0.1",
        "why": "",
    }


@pytest.mark.parametrize("body", [{"state": "auto"}, {"state": "auto", "for": "60s"}])
async def test_auto_ends_an_override(body):
    view = FakeView()
    await call("PUT", OVERRIDE, view, json={"state": "open", "for": "60s"}, headers=TOKEN)
    answer = await call("PUT", OVERRIDE, view, json=body, headers=TOKEN)
    assert answer.status_code == 200
    assert answer.json()["override"] is None


@pytest.mark.parametrize("for_", ["1s", "1h", 1, 3600])
async def test_bounds_of_the_duration_are_inside(for_):
    answer = await call("PUT", OVERRIDE, json={"state": "closed", "for": for_}, headers=TOKEN)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"state":"open"}', "needs an end"),
        (b'{"state":"closed","for":null}', "needs an end"),
        (b'{"state":"open","for":"999ms"}', "for: is out of range"),
        (b'{"state":"open","for":"1h1s"}', "for: is out of range"),
        (b'{"state":"auto","for":"2h"}', "for: is out of range"),
        (b'{"state":"open","for":-5}', "for: is out of range"),
        (b'{"state":"open","for":NaN}', "for: is out of range"),
        (b'{"state":"open","for":1' + b"0" * 400 + b"}", "for: is out of range"),
        (b'{"state":"open","for":"soon"}', "'soon' is not a duration"),
        (b'{"state":"open","for":true}', "for: must be a duration"),
        (b'{"state":"open","for":["60s"]}', "for: must be a duration"),
        (b'{"state":"half_open","for":"60s"}', "state: "),
        (b'{"for":"60s"}', "state: is missing"),
        (b'{"state":"open","for":"60s","until":"x"}', "until: is not a field"),
        (b'{"state":"auto","\\ud800":1}', "unicode string"),
        (b'{"state":"open","for":"60s"', "body: is not JSON"),
        (b"", "body: is missing"),
        (b"[]", "must be a JSON object"),
        (b"\xff", "error parsing the body"),
        (b"[" * 16_000, "error parsing the body"),
    ],
)
async def test_bad_override_is_400_and_changes_nothing(body, says):
    view = FakeView()
    headers = {**TOKEN, "content-type": "application/json"}
    assert_problem(await call("PUT", OVERRIDE, view, content=body, headers=headers), 400, says)
    assert not view.transitions("cache@orders")


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", None])
async def test_override_is_read_as_json_whatever_the_caller_calls_it(media_type):
    view = FakeView()
    headers = {**TOKEN, **({"content-type": media_type} if media_type else {})}
    body = b'{"state":"open","for":"5s"}'
    assert (await call("PUT", OVERRIDE, view, content=body, headers=headers)).json()["state"] == "open"
    answer = await call("PUT", OVERRIDE, view, content=b"state=open&for=5s", headers=headers)
    assert_problem(answer, 400, "is not JSON")


async def test_override_of_an_unknown_breaker_is_404():
    answer = await call("PUT", "/v1/breakers/nope/override", json={"state": "auto"}, headers=TOKEN)
    assert_problem(answer, 404, "no breaker is named 'nope'")


async def test_faults_are_listed_by_field():
    answer = await call("PUT", OVERRIDE, json={"state": "open", "for": "9h", "x": 1}, headers=TOKEN)
    assert [error["field"] for error in answer.json()["errors"]] == ["for", "x"]
