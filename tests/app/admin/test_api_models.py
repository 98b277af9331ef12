"""The OpenAPI description says what the API does: its examples and its answers fit its own models."""

from typing import Any

import httpx
import jsonschema
import pytest

from app.admin.api import build_admin_app
from app.policy.model import OverrideState
from tests.fakes.admin_view import FakeView

READS = ["/v1/breakers", "/v1/breakers/cache", "/v1/routes", "/v1/config", "/v1/shadows", "/v1/problems"]


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    described: dict[str, Any] = build_admin_app(FakeView()).openapi()
    return described


def schema_of(
    description: dict[str, Any], path: str, method: str = "get", status: str = "200"
) -> dict[str, Any]:
    content = description["paths"][path][method]["responses"][status]["content"]
    schema = next(iter(content.values()))["schema"]
    return {**schema, "components": description["components"]}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("forced", [None, "open", "closed"])
async def test_answers_are_as_described(description, path, forced):
    view = FakeView()
    if forced:
        view.override("cache", OverrideState.named(forced), 60.0, "Ada", "why")
    transport = httpx.ASGITransport(build_admin_app(view))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        answer = (await client.get(path)).json()
    template = path.replace("/cache", "/{name}")
    jsonschema.validate(answer, schema_of(description, template))


def test_a_failed_breaker_is_as_described(description):
    from app.admin.json_views import breaker_shape
    from tests.app.admin.feed.test_views import opened, view_of

    schema = {
        "$ref": "#/components/schemas/BreakerOut",
        "components": description["components"],
    }
    jsonschema.validate(breaker_shape(view_of(opened())), schema)


def test_every_body_has_an_example_that_fits(description):
    schemas = description["components"]["schemas"]
    for name in (
        "BreakersOut",
        "BreakerWithHistoryOut",
        "RoutesOut",
        "ConfigOut",
        "OverrideIn",
        "ProblemOut",
    ):
        assert schemas[name]["examples"], name
        for given in schemas[name]["examples"]:
            # the framework leaves nulls out of its description
            example = {**dict.fromkeys(schemas[name].get("required", ())), **given}
            jsonschema.validate(example, {**schemas[name], "components": description["components"]})


def test_every_call_that_changes_something_wants_the_token(description):
    put = description["paths"]["/v1/breakers/{name}/override"]["put"]
    assert put["security"]
    assert {"400", "401", "403", "404"} <= set(put["responses"])


def test_refusals_are_described_as_problems_and_422_is_none(description):
    refusals = {
        status: set(answer["content"])
        for path in description["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
    }
    assert refusals == {
        status: {"application/problem+json"} for status in ("400", "401", "403", "404", "429")
    }
    assert "HTTPValidationError" not in description["components"]["schemas"]
