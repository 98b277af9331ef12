"""Traces of requests, as a collector and an upstream see them."""

import asyncio
import time

from tests.fakes.client import RawClient
from tests.fakes.collector import attributes, decoded
from tests.fakes.exchange import within
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def spans_of(collector, count):
    async with within(f"{count} spans"):
        while True:
            bodies = [decoded(bytes(request.body)) for request in collector.requests if request.whole]
            spans = [
                span
                for body in bodies
                for resource in body["resourceSpans"]
                for scope in resource["scopeSpans"]
                for span in scope["spans"]
            ]
            if len(spans) >= count:
                return spans
            await asyncio.sleep(0.02)


async def test_a_requests_span_reaches_the_collector_and_its_context_the_upstream(monkeypatch):
    async with RecorderUpstream() as collector, RecorderUpstream() as upstream:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        async with running_gateway(upstream.url) as gateway, RawClient(gateway.port) as client:
            before_s = time.time()
            await client.request("GET", "/a?b", [("traceparent", PARENT)])
            upstream.reply(503)
            await client.request("GET", "/c")
            first, second = await spans_of(collector, 2)
        version, trace_id, span_id, flags = upstream.requests[0].get("traceparent").split("-")
        assert (version, trace_id, flags) == ("00", PARENT.split("-")[1], "01")
        assert (first["traceId"], first["spanId"]) == (trace_id, span_id)
        assert first["parentSpanId"] == PARENT.split("-")[2]
        assert before_s - 1 < int(first["startTimeUnixNano"]) / 1e9 < time.time() + 1
        assert collector.requests[0].target == "/v1/traces"
        assert second["traceId"] == upstream.requests[1].get("traceparent").split("-")[1]
        assert attributes(second)["http.response.status_code"] in ("503", 503)


async def test_a_rejections_span_carries_the_reason_word(monkeypatch):
    async with RecorderUpstream() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        async with (
            running_gateway(AUTH="key", API_KEY="k" * 40) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.request("GET", "/")
            (span,) = await spans_of(collector, 1)
        assert attributes(span)["tidegate.reason"] == "key_missing"


async def test_without_tracing_the_callers_context_passes_unchanged():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.request("GET", "/", [("traceparent", PARENT), ("tracestate", "a=b")])
        assert upstream.requests[0].get("traceparent") == PARENT
        assert upstream.requests[0].get("tracestate") == "a=b"


async def test_a_collector_that_is_unavailable_harms_no_request_and_no_exit(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        RawClient(gateway.port) as client,
    ):
        assert (await client.request("GET", "/")).status == 200
