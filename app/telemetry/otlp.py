"""Spans as OTLP/HTTP in its JSON encoding (https://opentelemetry.io/docs/specs/otlp/): the door to the SDK.

Imported only when tracing is on. The SDK's BatchSpanProcessor queues (bounded, oldest lost first) and calls
`export` in its own thread. A collector that is away costs spans and one warning, never a request.
"""

import logging
from collections.abc import Mapping, Sequence
from ssl import SSLError, create_default_context
from threading import Event, Thread
from typing import TypeAlias

import httpx
import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from app.foundation.errors import StartFault
from app.telemetry.counts import METHODS
from app.telemetry.tracing import FinishedSpan, TracingSettings

__all__ = ["JsonSpanExporter", "SpanPipeline", "make_span"]

_log = logging.getLogger(__name__)

Json: TypeAlias = dict[str, "str | int | float | bool | Json | list[Json] | None"]

TRIES = 4
FIRST_PAUSE_S = 0.5
MOST_PAUSE_S = 10.0
_RETRYABLE = frozenset((429, 502, 503, 504))  # OTLP: "Retryable Response Codes"
_STATUS_CODES = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}
_KINDS = {kind: kind.value + 1 for kind in SpanKind}  # protobuf's SPAN_KIND_* start at 1


class SpanPipeline:
    """Finished spans in, batches to the collector out. Raises StartFault for an unusable certificate file."""

    def __init__(self, settings: TracingSettings, version: str) -> None:
        resource = Resource.create({"service.version": version})
        if str(resource.attributes.get("service.name", "")).startswith(
            "unknown_service"
        ):  # the SDK's own default
            resource = resource.merge(Resource({"service.name": "tidegate"}))
        self._resource = resource
        self._scope = InstrumentationScope("tidegate", version)
        self._exporter = JsonSpanExporter(settings)
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


class JsonSpanExporter(SpanExporter):
    """Posts batches, again after growing pauses where OTLP says so. `export` blocks: give it a thread."""

    def __init__(self, settings: TracingSettings, first_pause_s: float = FIRST_PAUSE_S) -> None:
        try:
            verify = create_default_context(cafile=settings.ca_file)
        except (OSError, SSLError) as fault:
            raise StartFault(
                f"OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read {settings.ca_file}: {fault.strerror or fault}; "
                "name a PEM file with the collector's CA"
            ) from fault
        self._url = settings.url
        self._first_pause_s = first_pause_s
        headers = {**dict(settings.headers), "Content-Type": "application/json"}
        self._client = httpx.Client(
            headers=headers, timeout=settings.timeout_s, verify=verify, trust_env=False
        )
        self._closing = Event()
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = orjson.dumps(encode_spans(spans))
        pause_s = self._first_pause_s
        trouble = ""
        for attempt in range(TRIES):
            if attempt and self._closing.wait(pause_s):
                break
            try:
                answer = self._client.post(self._url, content=body)
            except (
                httpx.HTTPError,
                httpx.InvalidURL,
                RuntimeError,
            ) as fault:  # RuntimeError: closed by shutdown
                trouble, pause_s = f"{type(fault).__name__}: {fault}", pause_s * 2
                continue
            if answer.is_success:
                self._tell_success(answer)
                return SpanExportResult.SUCCESS
            trouble = f"status {answer.status_code}"
            if answer.status_code not in _RETRYABLE:
                break
            pause_s = _retry_after_s(answer) or pause_s * 2
        if not self._failing:  # once per failure, not once per batch
            self._failing = True
            _log.warning("spans are lost: the collector did not take them (%s)", trouble)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """End pauses and requests that still run."""
        self._closing.set()
        self._client.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits in here."""
        return True

    def _tell_success(self, answer: httpx.Response) -> None:
        if self._failing:
            self._failing = False
            _log.warning("the collector takes spans again")
        rejected = _rejected_spans(answer)
        if rejected:
            _log.warning("the collector rejected %s spans of a batch", rejected)


def encode_spans(spans: Sequence[ReadableSpan]) -> Json:
    """ExportTraceServiceRequest: ids in hex, 64-bit numbers as text, enums as numbers (OTLP: JSON Encoding).

    All `spans` (≥ 1) are of one resource and one scope.
    """
    first = spans[0]
    scope = first.instrumentation_scope
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(first.resource.attributes)},
                "scopeSpans": [
                    {
                        "scope": {"name": scope.name, "version": scope.version} if scope else {},
                        "spans": [_span(span) for span in spans],
                    }
                ],
            }
        ]
    }


def _span(span: ReadableSpan) -> Json:
    context = span.context
    encoded: Json = {
        "traceId": f"{context.trace_id:032x}" if context else "",
        "spanId": f"{context.span_id:016x}" if context else "",
        "flags": int(context.trace_flags) if context else 0,
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "status": {"code": _STATUS_CODES[span.status.status_code]},
    }
    if span.parent is not None:
        encoded["parentSpanId"] = f"{span.parent.span_id:016x}"
    return encoded


def _attributes(attributes: Mapping[str, AttributeValue]) -> list[Json]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: AttributeValue) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Whole seconds only, held to `MOST_PAUSE_S`; None when absent or a date."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), MOST_PAUSE_S) if text.isdecimal() and text.isascii() else None


def _rejected_spans(answer: httpx.Response) -> str:
    """How many spans a 2xx answer says were refused (OTLP: partial success); "" for none or no word of it."""
    try:
        rejected = orjson.loads(answer.content)["partialSuccess"]["rejectedSpans"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(rejected) if str(rejected) not in ("0", "") else ""
