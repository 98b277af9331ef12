import logging
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from app.foundation.errors import ConfigFaults
from app.foundation.otel.exporter import CollectorExporter, make_resource, make_sampler
from app.foundation.otel.settings import OtelSettings, Sampler
from tests.fakes.collector import ThreadedCollector
from tests.fakes.tls_front import TlsFront

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
SPAN = ReadableSpan(
    name="a",
    context=SpanContext(2**127, 2**63, is_remote=False, trace_flags=TraceFlags(1)),
    resource=Resource({"service.name": "tidegate"}),
    kind=SpanKind.SERVER,
    start_time=1,
    end_time=2,
)


@pytest.fixture
def collector():
    collector = ThreadedCollector()
    yield collector
    collector.close()


@pytest.fixture
def exporter(collector):
    exporter = CollectorExporter(OtelSettings(f"{collector.url}/v1/traces", (("x-tenant", "a"),)))
    yield exporter
    exporter.shutdown()


def test_a_batch_reaches_the_collector_with_the_headers(collector, exporter):
    assert exporter.export([SPAN]) is SUCCESS
    ((path, headers, _),) = collector.requests
    assert (path, headers["x-tenant"]) == ("/v1/traces", "a")
    (span,) = collector.spans()
    assert (span["traceId"], span["kind"]) == (f"{2**127:032x}", 2)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_collector_is_sent_the_batch_again(collector, exporter, caplog, status):
    collector.responses = [(status, {"Retry-After": "0"}, b"")] * 2
    assert exporter.export([SPAN]) is SUCCESS
    assert len(collector.requests) == 3
    assert caplog.messages == []


def test_a_collector_that_rejects_a_batch_is_not_sent_it_again(collector, exporter, caplog):
    collector.responses = [(400, {}, b"")] * 2
    assert exporter.export([SPAN]) is FAILURE
    assert exporter.export([SPAN]) is FAILURE
    assert len(collector.requests) == 2
    (line,) = caplog.messages
    assert line.startswith("spans are lost: the collector did not take them (")
    assert "400" in line
    assert exporter.export([SPAN]) is SUCCESS
    assert caplog.messages[1:] == ["the collector takes spans again"]


def test_a_collector_that_is_unavailable_costs_spans_and_one_warning(caplog):
    gone = OtelSettings("http://127.0.0.1:9/v1/traces", (("x-key", "hush"),), 0.01)
    exporter = CollectorExporter(gone)
    assert exporter.export([SPAN]) is FAILURE
    assert exporter.export([SPAN]) is FAILURE
    exporter.shutdown()
    assert len(caplog.messages) == 1
    assert "hush" not in caplog.text


def test_shutdown_ends_the_pause_between_tries(collector):
    collector.responses = [(503, {"Retry-After": "9"}, b"")]
    exporter = CollectorExporter(OtelSettings(collector.url))
    results = []
    thread = threading.Thread(target=lambda: results.append(exporter.export([SPAN])))
    thread.start()
    exporter.shutdown()
    thread.join(5)
    assert not thread.is_alive()
    assert results == [FAILURE]


def test_after_the_shutdown_nothing_is_sent_and_the_librarys_log_is_its_own(collector, exporter, caplog):
    exporter.shutdown()
    exporter.shutdown()
    assert exporter.export([SPAN]) is FAILURE
    assert collector.requests == []
    logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter").warning("of another")
    assert caplog.messages == ["of another"]


@pytest.mark.parametrize(("rejected", "lines"), [(1, 1), (0, 0)])
def test_rejected_spans_are_reported(collector, exporter, caplog, rejected, lines):
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    collector.responses = [(200, {}, response.SerializeToString())]
    assert exporter.export([SPAN]) is SUCCESS
    assert caplog.messages == ["the collector rejected 1 spans of a batch"] * lines


def test_a_response_in_another_encoding_is_no_fault(collector, exporter, caplog):
    collector.responses = [(200, {}, b"{}")]
    assert exporter.export([SPAN]) is SUCCESS
    assert caplog.messages == []


def test_nothing_waits_in_the_exporter(exporter):
    assert exporter.force_flush()


def test_a_collector_is_trusted_by_the_named_certificate_file_alone(collector, tmp_path, caplog):
    with TlsFront(tmp_path) as front:
        port = front.open(collector.server.server_port)
        trusting = CollectorExporter(OtelSettings(f"https://127.0.0.1:{port}", ca_file=str(front.ca_file)))
        assert trusting.export([SPAN]) is SUCCESS
        trusting.shutdown()
        stranger = CollectorExporter(OtelSettings(f"https://127.0.0.1:{port}", timeout_s=0.5))
        assert stranger.export([SPAN]) is FAILURE
        stranger.shutdown()
    assert len(collector.requests) == 1


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_an_unusable_certificate_file_is_one_clear_line(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(ConfigFaults, match=r"OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read .*/ca.pem: "):
        CollectorExporter(OtelSettings("https://127.0.0.1:9", ca_file=str(path)))


def test_a_proxy_or_netrc_of_the_environment_is_not_used(collector, exporter, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert exporter.export([SPAN]) is SUCCESS


def test_the_services_own_name_is_kept(monkeypatch):
    assert make_resource("tidegate", "1").attributes["service.name"] == "tidegate"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge")
    resource = make_resource("tidegate", "1")
    assert (resource.attributes["service.name"], resource.attributes["service.version"]) == ("edge", "1")


def test_the_sdks_sampler_decides_as_ours():
    assert (
        make_sampler(Sampler(True, 0.5))
        .get_description()
        .startswith("ParentBased{root:TraceIdRatioBased{0.5}")
    )
    assert make_sampler(Sampler(False, 0.25)).get_description() == "TraceIdRatioBased{0.25}"
