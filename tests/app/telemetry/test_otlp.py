import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from app.foundation.errors import StartFault
from app.foundation.reasons import Reason
from app.telemetry.otlp import JsonSpanExporter, SpanPipeline, encode_spans, make_span
from app.telemetry.tracing import FinishedSpan, Sampler, Trace, TracingSettings, open_tracer

TRACE = Trace(b"0af7651916cd43dd8448eb211c80319c", b"00f067aa0ba902b7", b"b7ad6b7169203331", 1)
SPAN = FinishedSpan(TRACE, 1_700_000_000.5, 1_700_000_000.75, b"GET", b"/o/\xe9", 200, "orders", "orders", "")
RESOURCE = Resource({"service.name": "tidegate", "tags": ("a", "b"), "share": 0.5, "ok": True})
SCOPE = InstrumentationScope("tidegate", "1")


class Collector:
    """A receiver of OTLP/HTTP on loopback that keeps requests and answers as told; then with 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append((self.path, dict(self.headers), json.loads(body)))
                status, headers, body = collector.answers.pop(0) if collector.answers else (200, {}, b"{}")
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def spans(self) -> list[Any]:
        return [
            span
            for _, _, body in self.requests
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


def settings(url: str, **changed: Any):
    return TracingSettings(url, (("x-tenant", "a"),), 5.0, None, Sampler())._replace(**changed)


@pytest.fixture
def exporter(collector):
    exporter = JsonSpanExporter(settings(f"{collector.url}/v1/traces"), first_pause_s=0.001)
    yield exporter
    exporter.shutdown()


def sdk_span(**changed: Any):
    return make_span(SPAN._replace(**changed), RESOURCE, SCOPE)


def encoded_resource(**changed: Any) -> Any:
    return json.loads(json.dumps(encode_spans([sdk_span(**changed)])))["resourceSpans"][0]


def encoded(**changed: Any) -> Any:
    return encoded_resource(**changed)["scopeSpans"][0]["spans"][0]


def attributes(span: Any) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_spans_of_requests_reach_the_collector(collector):
    tracer = open_tracer(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=1"}, "1.2.3"
    )
    assert tracer is not None
    trace = tracer.begin(b"00-%b-%b-01" % (TRACE.trace_id, TRACE.parent_id))
    tracer.record(SPAN._replace(trace=trace))
    tracer.close(10)
    ((path, headers, body),) = collector.requests
    assert (path, headers["Content-Type"], headers["x-key"]) == ("/v1/traces", "application/json", "1")
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


def test_a_span_is_encoded_as_otlp_json_wants_it():
    assert encoded() == {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "00f067aa0ba902b7",
        "parentSpanId": "b7ad6b7169203331",
        "flags": 1,
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
        "status": {"code": 0},
    }


def test_every_kind_of_resource_attribute_is_encoded():
    resource = encoded_resource()["resource"]
    assert {one["key"]: one["value"] for one in resource["attributes"]} == {
        "service.name": {"stringValue": "tidegate"},
        "tags": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}},
        "share": {"doubleValue": 0.5},
        "ok": {"boolValue": True},
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
    assert span["status"] == {"code": 0}
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


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_collector_is_tried_again(collector, exporter, status):
    collector.answers = [(status, {}, b""), (status, {"Retry-After": "0"}, b"")]
    assert exporter.export([sdk_span()]) is SpanExportResult.SUCCESS
    assert len(collector.requests) == 3


def test_a_collector_that_refuses_is_not_tried_again(collector, exporter, caplog):
    collector.answers = [(400, {}, b"")] * 2
    assert exporter.export([sdk_span()]) is SpanExportResult.FAILURE
    assert exporter.export([sdk_span()]) is SpanExportResult.FAILURE
    assert len(collector.requests) == 2
    assert caplog.messages == ["spans are lost: the collector did not take them (status 400)"]
    assert exporter.export([sdk_span()]) is SpanExportResult.SUCCESS
    assert caplog.messages[1:] == ["the collector takes spans again"]


def test_a_collector_that_is_away_costs_spans_and_one_warning(collector, caplog):
    gone = settings("http://127.0.0.1:9/v1/traces", headers=(("x-key", "hush"),))
    exporter = JsonSpanExporter(gone, first_pause_s=0.001)
    assert exporter.export([sdk_span()]) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert caplog.messages[0].startswith("spans are lost: the collector did not take them (ConnectError")
    assert "hush" not in caplog.text


def test_shutdown_ends_the_pause_between_tries(collector):
    collector.answers = [(503, {"Retry-After": "99999"}, b"")]
    exporter = JsonSpanExporter(settings(collector.url), first_pause_s=60)
    results = []
    thread = threading.Thread(target=lambda: results.append(exporter.export([sdk_span()])))
    thread.start()
    exporter.shutdown()
    thread.join(5)
    assert not thread.is_alive()
    assert results == [SpanExportResult.FAILURE]


def test_closing_gives_up_on_a_collector_that_is_away():
    pipeline = SpanPipeline(settings("http://127.0.0.1:9/v1/traces"), "1")
    pipeline.add(SPAN)
    pipeline.close(0.05)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}', 1),
        (b'{"partialSuccess": {}}', 0),
        (b'{"partialSuccess": {"rejectedSpans": 0}}', 0),
        (b"[]", 0),
        (b"not json", 0),
    ],
)
def test_rejected_spans_are_told(collector, exporter, caplog, body, told):
    collector.answers = [(200, {}, body)]
    assert exporter.export([sdk_span()]) is SpanExportResult.SUCCESS
    assert caplog.messages == ["the collector rejected 1 spans of a batch"] * told


def test_nothing_waits_in_the_exporter(exporter):
    assert exporter.force_flush()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_certificate_file_is_one_clear_line(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(StartFault, match=r"OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read .*/ca.pem: "):
        JsonSpanExporter(settings("https://127.0.0.1:9", ca_file=str(path)))
