"""The admin port of a running gateway: probes, state, overrides, metrics; and what the public port shows."""

import asyncio
import contextlib
import json
import re

import pytest

from app.telemetry.access_log import FIELDS
from tests.fakes.client import RawClient
from tests.fakes.exchange import within
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.process import Child, free_port
from tests.fakes.upstream import RecorderUpstream

TOKEN = "t" * 32
AUTHORIZED = [("Authorization", f"Bearer {TOKEN}"), ("Content-Type", "application/json")]
DRILL = "/v1/breakers/cache/override"


@contextlib.asynccontextmanager
async def serving(**variables):
    given = {"ADMIN_PORT": str(free_port()), "ADMIN_TOKEN": TOKEN, **variables}
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, **given) as gateway,
        RawClient(gateway.port) as client,
        RawClient(gateway.admin_port) as admin,
    ):
        yield upstream, gateway, client, admin


async def put(admin, body, fields=AUTHORIZED, path=DRILL):
    return await admin.request("PUT", path, fields, json.dumps(body).encode())


async def test_the_probes_answer():
    async with serving() as (_, _, _, admin):
        assert (await admin.request("GET", "/livez")).status == 200
        ready = (await admin.request("GET", "/readyz")).json()
        assert ready["status"] == "ready"
        assert set(ready["checks"]) >= {"listener", "configuration", "draining"}


async def test_a_breaker_tells_its_state_and_its_last_transitions():
    async with serving() as (upstream, _, client, admin):
        for _ in range(3):
            upstream.reply(500)
            await client.request("GET", "/")
        (breaker,) = (await admin.request("GET", "/v1/breakers")).json()["breakers"]
        assert (breaker["name"], breaker["state"]) == ("cache", "open")
        assert breaker["reason"]
        one = (await admin.request("GET", "/v1/breakers/cache")).json()
        assert [(step["from"], step["to"]) for step in one["transitions"]] == [("closed", "open")]
        assert (await admin.request("GET", "/v1/breakers/none")).status == 404


async def test_routes_and_effective_settings_are_told_with_where_they_came_from():
    async with serving(RATE_LIMIT="7-M") as (_, _, _, admin):
        assert [route["name"] for route in (await admin.request("GET", "/v1/routes")).json()["routes"]] == [
            "default"
        ]
        shown = json.dumps((await admin.request("GET", "/v1/config")).json())
        assert "RATE_LIMIT" in shown
        assert "built-in" in shown
        paths = (await admin.request("GET", "/openapi.json")).json()["paths"]
        assert {"/v1/breakers", "/v1/breakers/{name}/override", "/v1/config", "/v1/routes"} <= set(paths)


async def test_an_override_holds_and_ends_by_itself():
    async with serving() as (_, _, client, admin):
        assert (await put(admin, {"state": "open", "for": "1h"})).status == 200
        refused = await client.request("GET", "/")
        assert refused.get("Tidegate-Reason") == "breaker_open"
        shown = (await admin.request("GET", "/v1/breakers/cache")).json()
        assert (shown["state"], shown["override"]["state"]) == ("open", "open")
        assert (await put(admin, {"state": "open", "for": "1s"})).status == 200
        async with within("its end"):
            while (await client.request("GET", "/")).status != 200:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
        assert (await admin.request("GET", "/v1/breakers/cache")).json()["state"] == "closed"


async def test_auto_ends_an_override():
    async with serving() as (_, _, client, admin):
        await put(admin, {"state": "open", "for": "1h"})
        assert (await client.request("GET", "/")).status == 503
        assert (await put(admin, {"state": "auto"})).status == 200
        assert (await client.request("GET", "/")).status == 200


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        ([], {"state": "open", "for": "60s"}, 401),
        ([("Authorization", "Bearer wrong")], {"state": "open", "for": "60s"}, 403),
        (AUTHORIZED, {"state": "ajar", "for": "60s"}, 400),
        (AUTHORIZED, {"state": "open", "for": "2h"}, 400),
        (AUTHORIZED, {"state": "open", "for": "10ms"}, 400),
        (AUTHORIZED, {"state": "open"}, 400),
    ],
)
async def test_a_change_without_right_or_reason_is_refused_and_changes_nothing(fields, body, status):
    async with serving() as (_, _, client, admin):
        assert (await put(admin, body, fields)).status == status
        assert (await client.request("GET", "/")).status == 200


async def test_wrong_tokens_are_looked_at_ten_times_a_second():
    async with serving() as (_, gateway, _, admin):
        begun_s = gateway.loop.time()
        guesses = [[("Authorization", f"Bearer guess-{number}")] for number in range(40)]
        answers = [await put(admin, {"state": "open", "for": "1s"}, fields) for fields in guesses]
        judged = sum(answer.status == 403 for answer in answers)
        assert judged <= 10 * (1 + gateway.loop.time() - begun_s)
        refused = next(answer for answer in answers if answer.status == 429)
        assert (refused.get("Retry-After"), refused.get("Content-Type")) == ("1", "application/problem+json")


async def test_without_a_token_every_change_is_refused():
    async with serving(ADMIN_TOKEN="") as (_, _, _, admin):
        assert (await put(admin, {"state": "open", "for": "60s"})).status == 403


async def test_after_traffic_every_metric_that_applies_has_a_series():
    async with serving(RATE_LIMIT="4-H") as (upstream, gateway, client, admin):
        for status in (200, 500, 500, 500):
            upstream.reply(status)
            await client.request("GET", "/")
        async with RawClient(gateway.port) as other:
            await other.request("GET", "/")
        answer = await admin.request(
            "GET", "/metrics", [("Accept", "application/openmetrics-text; version=1.0.0")]
        )
        page = answer.body.decode()
        assert answer.get("Content-Type").startswith("application/openmetrics-text")
        assert page.endswith("# EOF\n")
        for series in (
            'tidegate_requests_total{route="default",method="GET",code="200",reason=""} 1',
            'tidegate_requests_total{route="default",method="GET",code="429",reason="rate_limited"} 1',
            'tidegate_request_duration_seconds_count{route="default"} 5',
            'tidegate_upstream_duration_seconds_count{upstream="cache"} 4',
            "tidegate_requests_in_flight 0",
            'tidegate_breaker_state{upstream="cache",state="open"} 1',
            'tidegate_breaker_transitions_total{upstream="cache",from="closed",to="open"} 1',
            'tidegate_breaker_rejections_total{upstream="cache",state="open"} 0',
            'tidegate_rate_limit_decisions_total{route="default",rule="default",decision="allowed"} 4',
            'tidegate_rate_limit_decisions_total{route="default",rule="default",decision="limited"} 1',
            'tidegate_upstream_connections{upstream="cache",state="idle"} 1',
            "tidegate_config_sequence 1",
            'tidegate_config_applies_total{result="applied"} 1',
            'tidegate_config_applies_total{result="rejected"} 0',
            "tidegate_loop_lag_seconds ",
            "tidegate_log_lines_dropped_total 0",
            "tidegate_build_info{",
            "process_resident_memory_bytes ",
        ):
            name, brace, labels = series.partition("{")
            labels, end, value = labels.partition("} ")
            wanted = name + brace + ",".join(sorted(labels.split(","))) + end + value
            assert re.search("^" + re.escape(wanted), page, re.M), f"{wanted} is missing in\n{page}"


async def test_metrics_are_read_whole_while_traffic_changes_them():
    async with serving() as (_, gateway, client, admin):
        over = False

        async def load():
            number = 0
            while not over:
                number += 1
                await client.request("GET", "/", [("X-N", str(number))])

        running = asyncio.ensure_future(load())
        for _ in range(10):
            assert (await admin.request("GET", "/metrics")).status == 200
        over = True
        await running
        assert gateway.counts.internal_errors == 0


@pytest.mark.parametrize(("expose", "status"), [("metrics", 200), ("none", 404)])
async def test_the_public_port_shows_metrics_only_where_told(expose, status):
    async with serving(EXPOSE=expose) as (upstream, _, client, _):
        assert (await client.request("GET", "/metrics")).status == status
        assert (await client.request("GET", "/v1/breakers")).status == 200  # the upstream's own page
        assert [request.target for request in upstream.requests] == ["/v1/breakers"]


async def test_the_access_log_has_every_documented_field(tmp_path):
    log = tmp_path / "access.log"
    async with serving(ACCESS_LOG=str(log), AUTH="key", API_KEY=KEY) as (upstream, _, client, _):
        upstream.reply(200, b"hello")
        fields = [("X-API-Key", KEY), ("User-Agent", "u/1"), ("X-Request-ID", "id-1"), ("Host", "h.example")]
        await client.request("POST", "/p?secret=1", fields, b"four")
        endpoint = upstream.authority
    (line,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert set(line) == {name for name, _ in FIELDS}
    known = {
        "request_id": "id-1", "client": "default", "client_ip": "127.0.0.1", "method": "POST",
        "host": "h.example", "path": "/p", "route": "default", "upstream": "cache", "endpoint": endpoint,
        "status": 200, "reason": "", "bytes_in": 4, "bytes_out": 5, "attempts": 1, "protocol": "HTTP/1.1",
        "user_agent": "u/1", "trace_id": None,
    }  # fmt: skip
    assert {name: line[name] for name in known} == known
    assert line["duration_ms"] >= line["upstream_ms"] > 0


@pytest.mark.parametrize("as_json", [False, True])
async def test_tidegate_status_shows_the_running_gateway(as_json):
    async with serving() as (_, gateway, _, _):
        url = f"http://127.0.0.1:{gateway.admin_port}"
        async with Child.app("status", "--admin", url, *(["--json"] if as_json else [])) as child:
            assert await child.wait() == 0
        if as_json:
            assert json.loads(child.output)["breakers"]["breakers"][0]["name"] == "cache"
        else:
            assert "config sequence 1" in child.output
            assert re.search(r"cache +closed", child.output)


async def test_tidegate_status_says_when_no_gateway_answers():
    async with Child.app("status", "--admin", f"http://127.0.0.1:{free_port()}") as child:
        assert await child.wait() == 1
    assert len(child.lines) == 1
    assert child.lines[0].startswith("error: no gateway responds at http://127.0.0.1:")
