"""Distributed tracing: one server span per request, made from finished values; light until it is switched on.

Which variables switch it on and say which traces are kept: `app/foundation/otel/settings.py`.
"""

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.foundation.otel.trace_context import SAMPLED, format_traceparent, parse_traceparent

if TYPE_CHECKING:
    from app.foundation.otel.settings import Sampler

__all__ = ["FinishedSpan", "Pipeline", "Trace", "Tracer", "open_tracer"]

SWITCHES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""One of these is set where tracing is on."""


class Trace(NamedTuple):
    """Where a request stands: ids in lower-case hex (32, 16, 16 digits); `parent_id` is b"" at the root."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    flags: int

    @property
    def is_sampled(self) -> bool:
        return bool(self.flags & SAMPLED)

    @property
    def traceparent(self) -> bytes:
        """The header for the upstream: this span is its parent."""
        return format_traceparent(self.trace_id, self.span_id, self.flags)


class FinishedSpan(NamedTuple):
    """One request when all is over. `route`, `upstream`, `reason` are "" for none; `path` without its query.

    `error` names what failed beside a 5xx status (`client_gone` …), else "". `grpc_status`: −1 for none; `status` is
    what it counts as.
    """

    trace: Trace
    start_wall_s: float
    end_wall_s: float
    method: bytes
    path: bytes
    status: int
    route: str
    upstream: str
    reason: str
    error: str = ""
    grpc_status: int = -1


class Pipeline(Protocol):
    """Takes sampled spans to the collector; never raises, and `add` never waits."""

    def add(self, span: FinishedSpan) -> None: ...

    def close(self, timeout_s: float) -> None:
        """Export what waits for at most `timeout_s` (blocks)."""


class Tracer:
    """What the data path sees of tracing. One thread only; exporting happens in another."""

    __slots__ = ("_pipeline", "_random", "_sampler")

    def __init__(self, sampler: "Sampler", pipeline: Pipeline) -> None:
        self._sampler = sampler
        self._pipeline = pipeline
        self._random = Random()  # noqa: S311 — ids must be unlike each other, not secret

    def begin(self, traceparent: bytes | None) -> Trace:
        """The trace of a new request: the caller's when its one `traceparent` is sound, else a new one."""
        span_id = b"%016x" % (self._random.getrandbits(64) or 1)
        parent = parse_traceparent(traceparent) if traceparent else None
        if parent is None:
            trace_id, parent_id, flags = b"%032x" % (self._random.getrandbits(128) or 1), b"", 0
            sampled = self._sampler.samples(trace_id, None)
        else:
            trace_id, parent_id, flags = parent
            sampled = self._sampler.samples(trace_id, flags)
        return Trace(trace_id, span_id, parent_id, flags | SAMPLED if sampled else flags & ~SAMPLED)

    def record(self, span: FinishedSpan) -> None:
        """Queue a finished span if its trace is sampled; never waits: a full queue loses its oldest span."""
        if span.trace.flags & SAMPLED:
            self._pipeline.add(span)

    def close(self, timeout_s: float) -> None:
        """Export what waits for at most `timeout_s` (blocks)."""
        self._pipeline.close(timeout_s)


def open_tracer(environ: Mapping[str, str], version: str) -> Tracer | None:
    """The tracer `environ` asks for, or None. Raises ConfigFaults, also without the extra `otel`."""
    if not any(environ.get(name) for name in SWITCHES):
        return None
    from app.foundation.otel.settings import missing_extra, parse_otel

    settings = parse_otel(environ)
    if settings is None:
        return None
    try:
        from app.telemetry.span_pipeline import SpanPipeline
    except ImportError as error:
        raise missing_extra(error) from error
    return Tracer(settings.sampler, SpanPipeline(settings, version))
