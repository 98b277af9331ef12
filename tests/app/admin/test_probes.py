from pathlib import Path
from typing import Any

import httpx
import pytest

from app.admin.pages import Page
from app.admin.probes import accept_of, build_public_app
from app.foundation.reply import problem
from tests.fakes.admin_view import FakeView

ALL = frozenset({"monitor", "metrics"})
FOLDER = Path("/no-such-folder")  # nothing is built


async def call(method: str, path: str, expose: frozenset[str] = ALL, headers: Any = None) -> httpx.Response:
    app = build_public_app(FakeView(), expose, Page(FOLDER))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.request(method, path, headers=headers)


async def test_public_port_serves_metrics_when_exposed():
    answer = await call("GET", "/metrics")
    assert (answer.status_code, answer.text) == (200, "# EOF\n")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")


async def test_public_port_hides_metrics_when_not_exposed():
    answer = await call("GET", "/metrics", frozenset())
    assert answer.status_code == 404
    assert answer.headers["tidegate-reason"] == "no_route"


@pytest.mark.parametrize(
    "path", ["/v1/breakers", "/v1/config", "/livez", "/readyz", "/openapi.json", "/metrics/"]
)
async def test_public_port_serves_nothing_else(path):
    answer = await call("GET", path)
    assert answer.status_code == 404
    assert answer.json()["reason"] == "no_route"


async def test_public_refusal_is_a_problem_with_the_requests_id():
    answer = await call("POST", "/metrics", headers={"x-request-id": "abc-1"})
    assert answer.json() == {
        "title": "Method not allowed",
        "status": 405,
        "detail": "it is read with GET",
        "reason": "method_not_allowed",
        "requestId": "abc-1",
    }
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["x-request-id"], answer.headers["allow"]) == ("abc-1", "GET, HEAD")


@pytest.mark.parametrize("unfit", ["", "x" * 129, "with space", "ümlaut".encode()])
async def test_an_unfit_request_id_is_replaced(unfit):
    answer = await call("GET", "/nope", headers={"x-request-id": unfit})
    assert len(answer.json()["requestId"]) == 32


async def test_head_has_the_length_and_no_body():
    answer = await call("HEAD", "/metrics")
    assert (answer.headers["content-length"], answer.content) == ("6", b"")


async def test_public_port_serves_the_monitor_when_exposed():
    answer = await call("GET", "/monitor")
    assert answer.status_code == 503
    assert "make monitor" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/monitor", "/monitor/", "/monitor/app.js", "/monitor/ws"])
async def test_public_port_hides_the_monitor_when_not_exposed(path):
    assert (await call("GET", path, frozenset({"metrics"}))).json()["reason"] == "no_route"


def test_accept_fields_are_joined():
    scope = {"headers": [(b"accept", b"text/plain"), (b"host", b"x"), (b"accept", b"*/*;q=0.1")]}
    assert accept_of(scope) == "text/plain, */*;q=0.1"


def test_problem_carries_further_members():
    assert (
        problem(400, "no", errors=[]).body
        == b'{"title":"Bad Request","status":400,"detail":"no","errors":[]}'
    )


async def test_only_what_may_be_kept_says_so():
    assert (await call("GET", "/metrics")).headers.get_list("cache-control") == ["no-store"]
