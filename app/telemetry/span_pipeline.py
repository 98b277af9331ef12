"""The spans of requests: finished values in, the SDK's spans in batches to the collector out.

Imported only when tracing is on. The SDK's BatchSpanProcessor queues (bounded, oldest lost first) and exports in a
thread of its own. A collector that is unavailable costs spans and one warning, never a request.
"""

from threading import Thread

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from app.foundation.otel.exporter import CollectorExporter, make_resource
from app.foundation.otel.settings import OtelSettings
from app.telemetry.counts import METHODS
from app.telemetry.tracing import FinishedSpan

__all__ = ["SpanPipeline", "make_span"]


class SpanPipeline:
    """Finished spans in, batches to the collector out. Raises ConfigFaults for an unusable certificate file."""

    def __init__(self, settings: OtelSettings, version: str) -> None:
        self._resource = make_resource("tidegate", version)
        self._scope = InstrumentationScope("tidegate", version)
        self._exporter = CollectorExporter(settings)
        self._processor = BatchSpanProcessor(self._exporter)

    def add(self, span: FinishedSpan) -> None:
        self._processor.on_end(make_span(span, self._resource, self._scope))

    def close(self, timeout_s: float) -> None:
        """Export what waits, for at most `timeout_s`; then give up."""
        closing = Thread(target=self._processor.shutdown, name="spans-close", daemon=True)
        closing.start()
        closing.join(timeout_s)
        self._exporter.shutdown()


def make_span(span: FinishedSpan, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    """The SDK's span for a finished request (semantic conventions: HTTP server spans)."""
    trace = span.trace
    flags = TraceFlags(trace.flags)
    trace_id = int(trace.trace_id, 16)
    method = span.method.decode("ascii") if span.method in METHODS else "_OTHER"
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.path": span.path.decode("latin-1"),
    }
    if span.status:
        attributes["http.response.status_code"] = span.status
    if span.grpc_status >= 0:
        attributes["rpc.system"] = "grpc"
        attributes["rpc.grpc.status_code"] = span.grpc_status
        service, _, called = span.path.decode("latin-1").lstrip("/").rpartition("/")
        attributes["rpc.service"], attributes["rpc.method"] = service, called
    for name, value in (
        ("tidegate.route", span.route),
        ("tidegate.upstream", span.upstream),
        ("tidegate.reason", span.reason),
    ):
        if value:
            attributes[name] = str(value)
    error = span.error or (str(span.reason or span.status) if span.status >= 500 else "")
    if error:
        attributes["error.type"] = error
    return ReadableSpan(
        name=span.route or ("HTTP" if method == "_OTHER" else method),
        context=SpanContext(trace_id, int(trace.span_id, 16), is_remote=False, trace_flags=flags),
        parent=SpanContext(trace_id, int(trace.parent_id, 16), is_remote=True, trace_flags=flags)
        if trace.parent_id
        else None,
        resource=resource,
        attributes=attributes,
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR) if error else Status(StatusCode.UNSET),
        start_time=int(span.start_wall_s * 1e6) * 1000,  # a float has no more than microseconds
        end_time=int(span.end_wall_s * 1e6) * 1000,
        instrumentation_scope=scope,
    )
