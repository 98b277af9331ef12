"""What OpenAPI says of the cache service, and that its pages are so."""

import json

import jsonschema
import pytest

from cache import apidocs
from cache.api import create_app
from cache.memory import MemoryStore
from cache.metrics import Counts, Metrics
from cache.settings import Settings
from tests.fakes.cache_calls import Hands, client_of


async def test_openapi_describes_every_call_with_examples(http):
    spec = (await http.get("/openapi.json")).json()
    assert set(spec["paths"]) == {
        "/cache/{key}",
        "/cache",
        "/cache:purge",
        "/stats",
        "/livez",
        "/readyz",
        "/metrics",
    }
    assert set(spec["paths"]["/cache/{key}"]) == {"get", "head", "put", "delete"}
    assert all(("get" in calls) == ("head" in calls) for calls in spec["paths"].values())
    for calls in spec["paths"].values():
        for method, call in calls.items():
            first = next(iter(call["responses"].values()))
            assert "default" in call["responses"]
            assert method in ("head", "delete") or '"example' in json.dumps(first)
            assert all(parameter.get("example") for parameter in call.get("parameters", ()))
    assert {"ttl", "tag"} <= {
        parameter["name"] for parameter in spec["paths"]["/cache/{key}"]["put"]["parameters"]
    }


async def test_openapi_has_nothing_behind_head(http):
    spec = (await http.get("/openapi.json")).json()
    for calls in spec["paths"].values():
        assert not any(
            "content" in response for response in calls.get("head", {"responses": {}})["responses"].values()
        )


def test_the_media_types_of_metrics_are_those_of_openapi():
    documented = set(apidocs.METRICS["responses"]["200"]["content"])
    metrics = Metrics(Counts(), lambda: MemoryStore(1000).state(0.0))
    sent = {metrics.render(accept)[0].partition(";")[0] for accept in ("", "application/openmetrics-text")}
    assert sent == documented


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/stats", "/cache"])
async def test_a_page_is_what_openapi_says_it_is(http, path):
    await http.put("/cache/a", content=b"1")
    await http.put("/cache/b", content=b"1")
    spec = (await http.get("/openapi.json")).json()
    schema = spec["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate((await http.get(path)).json(), schema)


async def test_a_purge_and_its_result_are_what_openapi_says(http):
    spec = (await http.get("/openapi.json")).json()["paths"]["/cache:purge"]["post"]
    wanted = jsonschema.Draft202012Validator(spec["requestBody"]["content"]["application/json"]["schema"])
    purges: list[dict[str, object]] = [
        {"tags": ["a"]},
        {"tags": []},
        {"tags": [""]},
        {"tags": ["a\nb"]},
        {"tags": ["a"] * 32},
        {"tags": ["a"] * 33},
        {"prefix": "p"},
        {"prefix": ""},
        {"all": True},
        {"all": False},
        {"all": True, "prefix": "p"},
        {},
    ]
    for sent in purges:
        answer = await http.post("/cache:purge", json=sent)
        assert (answer.status_code == 200) == wanted.is_valid(sent), sent
        documented = spec["responses"][str(answer.status_code)]["content"]
        assert answer.headers["content-type"] in documented
        jsonschema.validate(answer.json(), documented[answer.headers["content-type"]]["schema"])


async def test_openapi_tells_which_calls_need_the_token_when_there_is_one():
    fields = {"authorization": "Bearer s3cret"}
    app = create_app(MemoryStore(1000), Settings(token="s3cret"), Hands())
    async with client_of(app, headers=fields) as client:
        spec = (await client.get("/openapi.json")).json()
        assert spec["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        assert spec["security"] == [{"bearer": []}]
        client.headers.clear()
        for path, calls in spec["paths"].items():
            for method, call in calls.items():
                answer = await client.request(method, path.replace("{key}", "a"))
                assert (answer.status_code == 401) == ("security" not in call), (method, path)
                assert call.get("security", []) == []


async def test_openapi_without_a_token_has_no_scheme(http):
    spec = (await http.get("/openapi.json")).json()
    assert "security" not in spec
    assert "securitySchemes" not in spec.get("components", {})
