"""Distributed tracing: one server span per request, made from finished values; light until it is switched on.

`open_tracer` reads the variables of https://opentelemetry.io/docs/languages/sdk-configuration/:
`OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) switches it on; `OTEL_EXPORTER_OTLP_HEADERS`,
`…_TIMEOUT` (ms), `…_CERTIFICATE`, `OTEL_TRACES_SAMPLER` and `…_ARG`, `OTEL_SDK_DISABLED` as written there.
The SDK itself reads `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_BSP_*`. Without a sampler's
name the caller's sampled flag counts, and new traces are sampled at `OTEL_TRACES_SAMPLER_ARG` (default 1).
"""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from app.foundation.errors import ConfigFault, ConfigFaults, StartFault
from app.telemetry.tracecontext import SAMPLED, format_traceparent, parse_traceparent

__all__ = [
    "FinishedSpan",
    "Pipeline",
    "Sampler",
    "Trace",
    "Tracer",
    "TracingSettings",
    "open_tracer",
    "parse_tracing",
]


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

    `error` names what failed beside a 5xx status (`client_gone` …), else "".
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


class Sampler(NamedTuple):
    """`follows_parent`: a caller's flag decides; `ratio`: share of the other traces that is recorded, 0–1."""

    follows_parent: bool = True
    ratio: float = 1.0

    def samples(self, trace_id: bytes, parent_flags: int | None) -> bool:
        """`parent_flags` None: the trace's first span. One trace gets the same answer everywhere."""
        if self.follows_parent and parent_flags is not None:
            return bool(parent_flags & SAMPLED)
        return int(trace_id[16:], 16) < self.ratio * 2**64  # as the SDK's TraceIdRatioBased decides


class TracingSettings(NamedTuple):
    """`url`: where spans go; `headers` may hold secrets; `ca_file` None: the system's certificates."""

    url: str
    headers: tuple[tuple[str, str], ...]
    timeout_s: float
    ca_file: str | None
    sampler: Sampler


class Pipeline(Protocol):
    """Takes sampled spans to the collector; never raises, and `add` never waits."""

    def add(self, span: FinishedSpan) -> None: ...

    def close(self, timeout_s: float) -> None:
        """Export what waits for at most `timeout_s` (blocks)."""


class Tracer:
    """What the data path sees of tracing. One thread only; exporting happens in another."""

    __slots__ = ("_pipeline", "_random", "_sampler")

    def __init__(self, sampler: Sampler, pipeline: Pipeline) -> None:
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
    """The tracer `environ` asks for, or None. Raises ConfigFaults; StartFault without the extra `otel`."""
    settings = parse_tracing(environ)
    if settings is None:
        return None
    try:
        from app.telemetry.otlp import SpanPipeline
    except ImportError as fault:
        raise StartFault(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set but {fault.name or 'opentelemetry'} is not installed; "
            'pip install "tidegate[otel]", or unset it'
        ) from fault
    return Tracer(settings.sampler, SpanPipeline(settings, version))


def parse_tracing(environ: Mapping[str, str]) -> TracingSettings | None:
    """The settings in `environ`; None when tracing is off. Raises ConfigFaults with every fault found."""
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    variable, url = "OTEL_EXPORTER_OTLP_ENDPOINT", base.rstrip("/") + "/v1/traces" if base else ""
    if environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):  # taken as it is; wins over the general one
        variable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        url = environ[variable]
    if not url or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    faults: list[ConfigFault] = []
    if not _is_url(url):
        faults.append(
            ConfigFault(variable, "not an http or https URL", "write it like http://collector:4318")
        )
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", ""
    )
    if protocol not in ("", "http/json", "http/protobuf"):  # whoever takes http/protobuf takes JSON there too
        fix = "use http/json and the collector's HTTP port (4318)"
        faults.append(ConfigFault("OTEL_EXPORTER_OTLP_PROTOCOL", f"{protocol!r} is not spoken here", fix))
    settings = TracingSettings(
        url=url,
        headers=_parse_headers(environ, faults),
        timeout_s=_parse_number(environ, "OTEL_EXPORTER_OTLP_TIMEOUT", (10_000.0, 1.0, 600_000.0), faults)
        / 1000,
        ca_file=environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE") or None,
        sampler=_parse_sampler(environ, faults),
    )
    if faults:
        raise ConfigFaults(faults)
    return settings


def _parse_headers(environ: Mapping[str, str], faults: list[ConfigFault]) -> tuple[tuple[str, str], ...]:
    variable = "OTEL_EXPORTER_OTLP_HEADERS"
    headers = []
    for number, pair in enumerate(filter(None, map(str.strip, environ.get(variable, "").split(","))), 1):
        name, equals, value = pair.partition("=")
        name, value = name.strip(), unquote(value.strip())
        if not equals or not _is_token(name) or not value.isascii() or not value.isprintable():
            # the text itself may be a secret and is not repeated
            faults.append(
                ConfigFault(f"{variable}[{number}]", "not a header", "write name=value, percent-encoded")
            )
        headers.append((name, value))
    return tuple(headers)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        return False


def _is_token(name: str) -> bool:
    return bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum()


_SAMPLERS = {
    "always_on": Sampler(follows_parent=False, ratio=1.0),
    "always_off": Sampler(follows_parent=False, ratio=0.0),
    "parentbased_always_on": Sampler(follows_parent=True, ratio=1.0),
    "parentbased_always_off": Sampler(follows_parent=True, ratio=0.0),
}


def _parse_sampler(environ: Mapping[str, str], faults: list[ConfigFault]) -> Sampler:
    name = environ.get("OTEL_TRACES_SAMPLER") or "parentbased_traceidratio"
    if name in _SAMPLERS:
        return _SAMPLERS[name]
    if name not in ("traceidratio", "parentbased_traceidratio"):
        known = ", ".join((*_SAMPLERS, "traceidratio", "parentbased_traceidratio"))
        faults.append(ConfigFault("OTEL_TRACES_SAMPLER", f"{name!r} is not known", f"use one of {known}"))
    ratio = _parse_number(environ, "OTEL_TRACES_SAMPLER_ARG", (1.0, 0.0, 1.0), faults)
    return Sampler(follows_parent=name != "traceidratio", ratio=ratio)


def _parse_number(
    environ: Mapping[str, str], variable: str, bounds: tuple[float, float, float], faults: list[ConfigFault]
) -> float:
    default, least, most = bounds
    text = environ.get(variable) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        faults.append(
            ConfigFault(variable, f"{text!r} is out of bounds", f"use a number from {least:g} to {most:g}")
        )
        return default
    return number
