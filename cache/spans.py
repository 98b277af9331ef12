"""The spans of calls and of commands to Redis, by OpenTelemetry's SDK.

Imported only when tracing is on. The SDK queues (bounded) and exports in a thread of its own; a collector that is
unavailable costs spans and one warning, never a call.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from app.foundation.otel.exporter import CollectorExporter, make_resource, make_sampler
from app.foundation.otel.settings import OtelSettings
from app.foundation.version import VERSION
from cache.handlers import Fields
from cache.tracing import CallSpan

__all__ = ["OtelSpans"]


class OtelSpans:
    """`Spans` of the SDK; in a Redis command's span `db.operation.name` is our script's name."""

    def __init__(self, settings: OtelSettings) -> None:
        self._provider = TracerProvider(
            sampler=make_sampler(settings.sampler),
            resource=make_resource("tidegate-cache", VERSION),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(CollectorExporter(settings)))
        self._tracer = self._provider.get_tracer("tidegate.cache", VERSION)

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

    def replied(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)
