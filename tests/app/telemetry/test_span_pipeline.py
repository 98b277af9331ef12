from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from app.foundation.otel.settings import OtelSettings
from app.foundation.reasons import Reason
from app.telemetry.span_pipeline import SpanPipeline, make_span
from app.telemetry.tracing import FinishedSpan, Trace, open_tracer
from tests.fakes.collector import ThreadedCollector, attributes, decoded

TRACE = Trace(b"0af7651916cd43dd8448eb211c80319c", b"00f067aa0ba902b7", b"b7ad6b7169203331", 1)
SPAN = FinishedSpan(TRACE, 1_700_000_000.5, 1_700_000_000.75, b"GET", b"/o/\xe9", 200, "orders", "orders", "")
RESOURCE = Resource({"service.name": "tidegate", "tags": ("a", "b"), "share": 0.5, "ok": True})
SCOPE = InstrumentationScope("tidegate", "1")


@pytest.fixture
def collector():
    collector = ThreadedCollector()
    yield collector
    collector.close()


def settings(url: str, **changed: Any):
    return OtelSettings(url, (("x-tenant", "a"),), 5.0, **changed)


def sdk_span(**changed: Any):
    return make_span(SPAN._replace(**changed), RESOURCE, SCOPE)


def encoded_resource(**changed: Any) -> Any:
    return decoded(encode_spans([sdk_span(**changed)]).SerializeToString())["resourceSpans"][0]


def encoded(**changed: Any) -> Any:
    return encoded_resource(**changed)["scopeSpans"][0]["spans"][0]


def test_spans_of_requests_reach_the_collector(collector):
    tracer = open_tracer(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=1"}, "1.2.3"
    )
    assert tracer is not None
    trace = tracer.begin(b"00-%b-%b-01" % (TRACE.trace_id, TRACE.parent_id))
    tracer.record(SPAN._replace(trace=trace))
    tracer.close(10)
    ((path, headers, body),) = collector.requests
    assert (path, headers["content-type"], headers["x-key"]) == ("/v1/traces", "application/x-protobuf", "1")
    (resource,) = body["resourceSpans"]
    assert attributes(resource["resource"])["service.name"] == "tidegate"
    assert attributes(resource["resource"])["service.version"] == "1.2.3"
    (span,) = collector.spans()
    assert (span["traceId"], span["spanId"]) == (TRACE.trace_id.decode(), trace.span_id.decode())


def test_the_services_own_name_is_kept(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge")
    pipeline = SpanPipeline(settings(collector.url), "1")
    pipeline.add(SPAN)
    pipeline.close(10)
    resource = collector.requests[0][2]["resourceSpans"][0]["resource"]
    assert attributes(resource)["service.name"] == "edge"


def test_a_span_says_what_the_request_was():
    span = encoded()
    del span["flags"]  # the exporter says there what it knows of the parent
    assert span == {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "00f067aa0ba902b7",
        "parentSpanId": "b7ad6b7169203331",
        "name": "orders",
        "kind": 2,
        "startTimeUnixNano": "1700000000500000000",
        "endTimeUnixNano": "1700000000750000000",
        "attributes": [
            {"key": "http.request.method", "value": {"stringValue": "GET"}},
            {"key": "url.path", "value": {"stringValue": "/o/é"}},
            {"key": "http.response.status_code", "value": {"intValue": "200"}},
            {"key": "tidegate.route", "value": {"stringValue": "orders"}},
            {"key": "tidegate.upstream", "value": {"stringValue": "orders"}},
        ],
        "status": {},
    }


def test_a_root_span_has_no_parent():
    assert "parentSpanId" not in encoded(trace=TRACE._replace(parent_id=b""))


def test_a_refusal_carries_its_reason_and_a_5xx_is_an_error():
    span = encoded(status=503, reason=Reason.BREAKER_OPEN)
    assert attributes(span)["tidegate.reason"] == attributes(span)["error.type"] == "breaker_open"
    assert span["status"] == {"code": 2}


def test_an_upstreams_5xx_is_an_error_named_by_its_status():
    assert attributes(encoded(status=500))["error.type"] == "500"


def test_a_4xx_is_no_error():
    span = encoded(status=429, reason=Reason.RATE_LIMITED)
    assert span["status"] == {}
    assert "error.type" not in attributes(span)


def test_a_client_that_left_before_the_answer_has_no_status():
    span = encoded(status=0, error="client_gone")
    assert "http.response.status_code" not in attributes(span)
    assert attributes(span)["error.type"] == "client_gone"


@pytest.mark.parametrize(
    ("method", "route", "name"), [(b"POST", "", "POST"), (b"BREW", "", "HTTP"), (b"BREW", "tea", "tea")]
)
def test_span_names_are_a_bounded_set(method, route, name):
    assert encoded(method=method, route=route)["name"] == name
    assert attributes(encoded(method=b"BREW"))["http.request.method"] == "_OTHER"


def test_closing_gives_up_on_a_collector_that_is_away():
    pipeline = SpanPipeline(settings("http://127.0.0.1:9/v1/traces"), "1")
    pipeline.add(SPAN)
    pipeline.close(0.05)
    assert pipeline._exporter.export([sdk_span()]) is SpanExportResult.FAILURE  # at once, without a try


def test_a_call_of_grpc_shows_its_status():
    assert not [name for name in sdk_span().attributes or () if name.startswith("rpc.")]
    shown = sdk_span(status=503, grpc_status=14, path=b"/orders.v1.Orders/Get").attributes or {}
    assert (shown["rpc.system"], shown["rpc.grpc.status_code"]) == ("grpc", 14)
    assert (shown["rpc.service"], shown["rpc.method"]) == ("orders.v1.Orders", "Get")
    assert shown["error.type"] == "503"
