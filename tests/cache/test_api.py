"""The calls of contract section 9 over ASGI, through the routes and through the fast lane."""

from dataclasses import replace

import httpx
import pytest
from starlette.exceptions import HTTPException

from app.foundation.errors import StoreDown
from cache.api import create_app
from cache.memory import MemoryStore
from cache.settings import Settings
from tests.fakes.cache_calls import SETTINGS, Hands, client_of, is_problem


async def test_put_answers_201_for_new_and_204_for_replaced_and_says_where(http):
    first = await http.put("/cache/a?ttl=60", content=b"1")
    second = await http.put("/cache/a?ttl=60", content=b"2")
    assert (first.status_code, second.status_code) == (201, 204)
    assert first.headers["cache-durability"] == second.headers["cache-durability"] == "memory"


async def test_get_returns_the_bytes_with_their_content_type(http):
    await http.put("/cache/a", content=bytes(range(256)), headers={"content-type": "image/x; q=1"})
    answer = await http.get("/cache/a")
    assert (answer.status_code, answer.content) == (200, bytes(range(256)))
    assert answer.headers["content-type"] == "image/x; q=1"
    assert answer.headers["content-length"] == "256"


async def test_a_value_without_content_type_is_an_octet_stream(http):
    await http.put("/cache/a", content=b"1")
    assert (await http.get("/cache/a")).headers["content-type"] == "application/octet-stream"


async def test_get_tells_age_and_seconds_left(http, clock):
    await http.put("/cache/a?ttl=60", content=b"1")
    clock.at_s += 12.5
    headers = (await http.get("/cache/a")).headers
    assert (headers["age"], headers["cache-ttl"]) == ("12", "48")


async def test_a_put_without_ttl_lives_for_the_default(http, clock):
    await http.put("/cache/a", content=b"1")
    assert (await http.get("/cache/a")).headers["cache-ttl"] == "300"


async def test_an_entry_is_404_when_its_time_is_over(http, clock):
    await http.put("/cache/a?ttl=60", content=b"1")
    clock.at_s += 60
    is_problem(await http.get("/cache/a"), 404)


async def test_a_matching_if_none_match_is_304_without_body(http):
    etag = (await http.put("/cache/a", content=b"1")).headers["etag"]
    answer = await http.get("/cache/a", headers={"if-none-match": f'"x", W/{etag}'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert "cache-ttl" in answer.headers


async def test_another_if_none_match_gets_the_value(http):
    await http.put("/cache/a", content=b"1")
    assert (await http.get("/cache/a", headers={"if-none-match": '"x"'})).status_code == 200


async def test_several_if_none_match_lines_are_one_list(http):
    etag = (await http.put("/cache/a", content=b"1")).headers["etag"]
    fields = [("if-none-match", '"x"'), ("if-none-match", etag)]
    assert (await http.get("/cache/a", headers=fields)).status_code == 304


async def test_head_is_get_without_the_body(http):
    await http.put("/cache/a", content=b"123", headers={"content-type": "text/x"})
    got, looked = await http.get("/cache/a"), await http.head("/cache/a")
    assert (looked.status_code, looked.content) == (200, b"")
    assert dict(looked.headers) == dict(got.headers)


async def test_head_of_nothing_is_404_without_body(http):
    answer = await http.head("/cache/a")
    assert (answer.status_code, answer.content) == (404, b"")


async def test_delete_is_204_and_then_404(http):
    await http.put("/cache/a", content=b"1")
    assert (await http.delete("/cache/a")).status_code == 204
    is_problem(await http.delete("/cache/a"), 404)


@pytest.mark.parametrize("path", ["a/b", "a%2Fb", "a%2fb", "%61/b"])
async def test_all_spellings_of_a_key_are_the_same_key(http, path):
    await http.put("/cache/a/b", content=b"1")
    assert (await http.get(f"/cache/{path}")).content == b"1"


@pytest.mark.parametrize("path", ["", "%FF", "%", "a" * 513])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_bad_key_is_400(http, path, method):
    url = httpx.URL("http://cache").copy_with(raw_path=b"/cache/" + path.encode())
    is_problem(await http.request(method, url), 400)


async def test_an_encoded_slash_before_the_key_is_no_key_path(http):
    is_problem(await http.get("/cache%2Fa"), 404)


@pytest.mark.parametrize("query", ["ttl=0", "ttl=x", "ttl=1&ttl=2", "tag=", "tag=%01"])
async def test_a_bad_ttl_or_tag_is_400_and_stores_nothing(http, query):
    is_problem(await http.put(f"/cache/a?{query}", content=b"1"), 400)
    is_problem(await http.get("/cache/a"), 404)


async def test_a_content_type_of_unreasonable_length_is_400(http):
    is_problem(await http.put("/cache/a", content=b"1", headers={"content-type": "x" * 257}), 400)


async def test_a_value_of_exactly_the_limit_is_kept_and_one_byte_more_is_413(http):
    assert (await http.put("/cache/a", content=bytes(1000))).status_code == 201
    is_problem(await http.put("/cache/a", content=bytes(1001)), 413)
    assert len((await http.get("/cache/a")).content) == 1000


async def test_an_announced_size_over_the_limit_is_413_before_a_byte_of_it_is_read(http):
    sent = []

    async def body():
        sent.append(1001)
        yield bytes(1001)

    is_problem(await http.put("/cache/a", content=body(), headers={"content-length": "1001"}), 413)
    assert sent == []


async def test_an_endless_body_is_413_as_soon_as_it_passes_the_limit(http):
    sent = []

    async def body():
        while True:
            sent.append(400)
            yield bytes(400)

    is_problem(await http.put("/cache/a", content=body()), 413)
    assert len(sent) == 3


async def test_a_body_in_pieces_is_kept_whole(http):
    async def body():
        for piece in (b"a", b"", b"bc"):
            yield piece

    await http.put("/cache/a", content=body())
    assert (await http.get("/cache/a")).content == b"abc"


async def test_a_body_that_ends_early_stores_nothing(clock):
    store = MemoryStore(SETTINGS.max_bytes)
    app = create_app(store, SETTINGS, clock)
    messages = iter([{"type": "http.request", "body": b"1", "more_body": True}, {"type": "http.disconnect"}])
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    await app(
        {
            "type": "http",
            "method": "PUT",
            "path": "/cache/a",
            "raw_path": b"/cache/a",
            "query_string": b"",
            "headers": [],
        },
        receive,
        send,
    )
    assert sent[0]["status"] == 400
    assert await store.get("a", clock()) is None


async def test_a_path_that_is_none_is_a_problem_too(http):
    is_problem(await http.get("/nope"), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/cache/a", "DELETE, GET, HEAD, PUT"),
        ("POST", "/cache", "GET, HEAD"),
        ("GET", "/cache:purge", "POST"),
        ("DELETE", "/livez", "GET, HEAD"),
        ("OPTIONS", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_method_that_a_path_does_not_take_is_405_with_allow(http, method, path, allowed):
    answer = await http.request(method, path)
    is_problem(answer, 405)
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/stats", "/cache", "/openapi.json", "/docs", "/docs/oauth2-redirect"]
)
async def test_head_of_a_page_is_get_without_the_body(http, path):
    got, looked = await http.get(path), await http.head(path)
    assert (got.status_code, looked.status_code, looked.content) == (200, 200, b"")
    assert dict(looked.headers) == dict(got.headers)


async def test_head_of_the_metrics_has_their_media_type(http):
    looked = await http.head("/metrics", headers={"accept": "application/openmetrics-text"})
    assert (looked.status_code, looked.content) == (200, b"")
    assert looked.headers["content-type"].startswith("application/openmetrics-text")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/stats", "/cache", "/metrics"])
async def test_what_holds_only_now_is_not_stored(http, path):
    assert (await http.get(path)).headers["cache-control"] == "no-store"


async def test_probes_are_ok(http):
    assert (await http.get("/livez")).json() == {"status": "ok"}
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "redis": "off"})


async def test_stats_tell_sizes_and_hits(http):
    await http.put("/cache/a", content=b"123")
    await http.get("/cache/a")
    await http.get("/cache/b")
    stats = (await http.get("/stats")).json()
    assert {
        name: stats[name] for name in ("entries", "bytes", "max_bytes", "hits", "misses", "evictions")
    } == {
        "entries": 1,
        "bytes": 4,
        "max_bytes": 100_000,
        "hits": 1,
        "misses": 1,
        "evictions": 0,
    }


async def test_metrics_have_the_contracts_names(http):
    await http.put("/cache/a", content=b"123")
    await http.get("/cache/a")
    await http.get("/cache/b")
    text = (await http.get("/metrics")).text
    assert 'tidegate_cache_requests_total{op="get",result="hit"} 1.0' in text
    assert 'tidegate_cache_requests_total{op="get",result="miss"} 1.0' in text
    assert 'tidegate_cache_requests_total{op="put",result="created"} 1.0' in text
    for line in (
        "tidegate_cache_bytes 4.0",
        "tidegate_cache_entries 1.0",
        "tidegate_cache_evictions_total 0.0",
        "tidegate_cache_store_up 1.0",
        "tidegate_cache_backlog_bytes 0.0",
    ):
        assert f"\n{line}\n" in text
    assert "process_resident_memory_bytes" in text


async def test_metrics_are_openmetrics_for_who_asks(http):
    answer = await http.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_a_fault_of_ours_is_a_500_without_a_trace(http, clock):
    clock.at_s = "no number"
    assert is_problem(await http.put("/cache/a", content=b"1"), 500).startswith("a fault of this service")


async def test_the_app_starts_and_stops_its_store():
    steps = []

    class Watched(MemoryStore):
        async def start(self):
            steps.append("start")

        async def stop(self):
            steps.append("stop")

    app = create_app(Watched(1000), Settings(), Hands())
    async with app.router.lifespan_context(app):
        assert steps == ["start"]
    assert steps == ["start", "stop"]


class Away(MemoryStore):
    """A store whose Redis is away, and required."""

    async def put(self, key, content, ttl_s, now_s):
        raise StoreDown("redis", "not reachable")

    def state(self, now_s):
        return replace(super().state(now_s), redis="not reachable")


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_a_write_that_only_redis_may_keep_is_503_with_retry_after(fast_lane):
    async with client_of(create_app(Away(1000), Settings(), Hands(), fast_lane=fast_lane)) as client:
        answer = await client.put("/cache/a", content=b"1")
        assert "not reachable" in is_problem(answer, 503)
        assert answer.headers["retry-after"] == "1"


async def test_with_redis_away_readyz_is_200_degraded_and_the_metric_is_0():
    async with client_of(create_app(Away(1000), Settings(), Hands())) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"status": "degraded", "redis": "not reachable"})
        assert "\ntidegate_cache_store_up 0.0\n" in (await client.get("/metrics")).text


async def test_whatever_the_framework_itself_refuses_is_a_problem_too():
    app = create_app(MemoryStore(1000), Settings(), Hands())

    @app.get("/validated")
    async def validated(number: int) -> int:
        return number

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")

    async with client_of(app) as client:
        assert "number" in is_problem(await client.get("/validated?number=x"), 400)
        assert is_problem(await client.get("/teapot"), 418) == "short and stout"


async def test_anything_but_http_is_left_to_the_framework():
    app = create_app(MemoryStore(1000), Settings(), Hands())
    sent = []

    async def send(message):
        sent.append(message["type"])

    async def receive():
        return {"type": "websocket.connect"}

    scope = {
        "type": "websocket",
        "path": "/cache/a",
        "raw_path": b"/cache/a",
        "headers": [],
        "query_string": b"",
    }
    await app(scope, receive, send)
    assert sent == ["websocket.close"]
