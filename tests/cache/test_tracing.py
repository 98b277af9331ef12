"""Tracing: off costs no import; on, a caller's trace goes on through the call and the commands to Redis."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.foundation.errors import ConfigFaults
from cache.tracing import open_spans
from tests.fakes.collector import Collector, attributes
from tests.fakes.process import Child, free_port
from tests.fakes.valkey import Valkey, eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@asynccontextmanager
async def service(**env: str) -> AsyncIterator[tuple[Child, httpx.AsyncClient]]:
    port = free_port()
    async with Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1", **env}) as child:
        await child.wait_port(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield child, http


async def test_a_callers_trace_goes_on_through_the_call_and_its_commands_to_redis(tmp_path):
    collector = Collector()
    with Valkey(tmp_path) as valkey:
        async with (
            collector.running() as url,
            service(
                REDIS_URL=valkey.url,
                OTEL_EXPORTER_OTLP_ENDPOINT=url,
                OTEL_EXPORTER_OTLP_HEADERS="api-key=s%20ecret",
                OTEL_BSP_SCHEDULE_DELAY="50",
            ) as (child, http),
        ):
            fields = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "r-1"}
            assert (await http.put("/cache/a/key", content=b"1", headers=fields)).status_code == 201
            assert (await http.get("/livez")).status_code == 200
            assert (await http.get("/cache/none")).status_code == 404
            await eventually(lambda: len(collector.spans) >= 4)
            assert await child.stop() == 0
    call = next(span for span in collector.spans if span["name"] == "PUT /cache/{key}")
    command = next(span for span in collector.spans if span["name"] == "redis put")
    assert (call["traceId"], call["parentSpanId"], call["kind"]) == (TRACE, PARENT, 2)
    assert (command["traceId"], command["parentSpanId"], command["kind"]) == (TRACE, call["spanId"], 3)
    assert attributes(call)["http.response.status_code"] == "201"
    assert attributes(call)["tidegate.request_id"] == "r-1"
    assert attributes(command) == {"db.system.name": "redis", "db.operation.name": "put"}
    names = {span["name"] for span in collector.spans}
    assert names == {"PUT /cache/{key}", "redis put", "GET /cache/{key}", "redis get"}
    assert len({span["traceId"] for span in collector.spans}) == 2
    assert "api-key: s ecret" in collector.headers
    service_name = {one["key"]: one["value"] for one in collector.resources[0]["attributes"]}["service.name"]
    assert service_name == {"stringValue": "tidegate-cache"}


async def test_a_collector_that_is_away_costs_one_line_and_no_call():
    collector = Collector()
    collector.status = 500
    async with (
        collector.running() as url,
        service(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_SCHEDULE_DELAY="10") as (child, http),
    ):
        for _ in range(5):
            before = len(collector.spans)
            assert (await http.get("/cache/none")).status_code == 404
            await eventually(lambda seen=before: len(collector.spans) > seen)
        await child.wait_line("spans are lost: the collector did not take them")
        assert await child.stop() == 0
    assert child.output.count("spans are lost") == 1


async def test_a_call_that_fails_says_so_in_its_span(tmp_path):
    collector = Collector()
    async with (
        collector.running() as url,
        service(
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=url + "/spans",
            OTEL_BSP_SCHEDULE_DELAY="10",
            REDIS_URL=Valkey(tmp_path).url,
            CACHE_REQUIRE_REDIS="true",
        ) as (_, http),
    ):
        assert (await http.put("/cache/a", content=b"1")).status_code == 503
        await eventually(lambda: bool(collector.spans))
        assert (await http.get("/nowhere")).status_code == 404
        await eventually(lambda: "GET other" in {span["name"] for span in collector.spans})
    (span,) = (span for span in collector.spans if span["name"] == "PUT /cache/{key}")
    assert span["status"] == {"code": 2}
    assert attributes(span)["error.type"] == "503"
    assert collector.headers.startswith("post /spans ")


async def test_off_no_part_of_it_is_imported():
    heavy = {"cache.spans", "requests", "google.protobuf"}
    code = f"import sys, cache.__main__; print(sorted({heavy} & set(sys.modules)))"
    async with Child([sys.executable, "-c", code]) as child:
        assert await child.wait() == 0
        assert child.output == "[]"


def test_nothing_set_is_off():
    assert open_spans({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}) is None


def test_without_the_extra_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cache.spans", None)
    with pytest.raises(ConfigFaults, match=r'is not installed; pip install "tidegate\[otel\]"'):
        open_spans({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"})
