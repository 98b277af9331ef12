"""Spans as OTLP/HTTP in its JSON encoding (https://opentelemetry.io/docs/specs/otlp/): the door to the SDK.

Imported only when tracing is on. The SDK queues (bounded) and exports in a thread of its own; a collector
that is away costs spans and one warning, never a call.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import httpx
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from cache.handlers import Fields
from cache.tracing import CallSpan, Export

__all__ = ["JsonExporter", "OtlpSpans"]

log = logging.getLogger(__name__)

_STATUS_CODES = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}


class OtlpSpans:
    """`Spans` of the SDK; in a Redis command's span `db.operation.name` is our script's name."""

    def __init__(self, export: Export) -> None:
        resource = Resource.create()
        if str(resource.attributes.get("service.name", "")).startswith(
            "unknown_service"
        ):  # the SDK's default
            resource = resource.merge(Resource({"service.name": "tidegate-cache"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(JsonExporter(export)))
        self._tracer = self._provider.get_tracer("tidegate.cache")

    @contextmanager
    def call(self, method: str, route: str, fields: Fields) -> Iterator[CallSpan]:
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in fields
            if name in (b"traceparent", b"tracestate")
        }
        attributes: dict[str, AttributeValue] = {"http.request.method": method, "http.route": route}
        for name, value in fields:
            if name == b"x-request-id":
                attributes["tidegate.request_id"] = value.decode("latin-1")[:128]
        with self._tracer.start_as_current_span(
            f"{method} {route}", context=extract(carrier), kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            yield _Call(span)

    def command(self, script: str) -> AbstractContextManager[object]:
        attributes = {"db.system.name": "redis", "db.operation.name": script}
        return self._tracer.start_as_current_span(
            f"redis {script}", kind=SpanKind.CLIENT, attributes=attributes
        )

    def close(self) -> None:
        self._provider.shutdown()


class _Call:
    def __init__(self, span: Span) -> None:
        self._span = span

    def answered(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)


class JsonExporter(SpanExporter):
    """Posts batches; `export` blocks, the SDK gives it a thread."""

    def __init__(self, export: Export) -> None:
        self._url = export.url
        headers = {**dict(export.headers), "Content-Type": "application/json"}
        self._client = httpx.Client(headers=headers, timeout=export.timeout_s, trust_env=False)
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            answer = self._client.post(self._url, content=json.dumps(_request(spans)))
            trouble = "" if answer.is_success else f"status {answer.status_code}"
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: closed by shutdown
            trouble = type(error).__name__
        if trouble and not self._failing:  # once per failure, not once per batch
            log.warning("spans are lost: the collector did not take them (%s)", trouble)
        self._failing = bool(trouble)
        return SpanExportResult.FAILURE if trouble else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._client.close()


def _request(spans: Sequence[ReadableSpan]) -> dict[str, object]:
    """ExportTraceServiceRequest: ids in hex, 64-bit numbers as text, enums as numbers."""
    scope = {"name": "tidegate.cache"}
    resource = {"attributes": _attributes(spans[0].resource.attributes)}
    scoped = {"scope": scope, "spans": [_span(span) for span in spans]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scoped]}]}


def _span(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    encoded: dict[str, object] = {
        "traceId": f"{context.trace_id:032x}" if context else "",
        "spanId": f"{context.span_id:016x}" if context else "",
        "name": span.name,
        "kind": span.kind.value + 1,  # protobuf's SPAN_KIND_* start at 1
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "status": {"code": _STATUS_CODES[span.status.status_code]},
    }
    if span.parent is not None:
        encoded["parentSpanId"] = f"{span.parent.span_id:016x}"
    return encoded


def _attributes(attributes: Mapping[str, AttributeValue]) -> list[dict[str, object]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if type(value) is int else {"stringValue": str(value)}}
        for key, value in attributes.items()
    ]
