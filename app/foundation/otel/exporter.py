"""The adapter of OpenTelemetry's SDK and its OTLP/HTTP exporter, for the gateway and the cache service.

The exporter is OpenTelemetry's own (stable: retries, time-out over all tries, compression, client certificates), over
`requests`. Three things are added to it: the caller's `.netrc` and proxies are not used (`trust_env`), spans that the
collector rejects in a 2xx are reported (OTLP, "Partial Success"), and a collector that does not take spans costs one
warning instead of one or more per batch. It is imported only when tracing is on.
"""

import logging
import ssl
from collections.abc import Sequence

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.sdk.trace.sampling import Sampler as SdkSampler

from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.otel.settings import OtelSettings, Sampler

__all__ = ["CollectorExporter", "make_resource", "make_sampler"]

_log = logging.getLogger(__name__)
_library_log = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")


class CollectorExporter(SpanExporter):
    """Posts batches to the collector of `settings`. `export` blocks: give it a thread, as BatchSpanProcessor does.

    Raises ConfigFaults for a certificate file that cannot be used.
    """

    def __init__(self, settings: OtelSettings) -> None:
        _check_ca_file(settings.ca_file)
        session = requests.Session()
        session.trust_env = False
        session.hooks["response"].append(_report_rejected)
        self._exporter = OTLPSpanExporter(
            endpoint=settings.url,
            certificate_file=settings.ca_file or ssl.get_default_verify_paths().cafile,
            headers=dict(settings.headers),
            timeout=settings.timeout_s,
            session=session,
        )
        self._last_line = _LastLine()
        _library_log.addFilter(self._last_line)
        self._is_failing = self._is_closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._is_closed:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing and not self._is_failing:  # once per failure, not once per batch
            _log.warning("spans are lost: the collector did not take them (%s)", self._last_line.text)
        elif self._is_failing and not is_failing:
            _log.warning("the collector takes spans again")
        self._is_failing = is_failing
        return result

    def shutdown(self) -> None:
        """Ends pauses and requests that still run."""
        if not self._is_closed:
            self._is_closed = True
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
            _library_log.removeFilter(self._last_line)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits in here."""
        return True


def make_resource(service_name: str, version: str) -> Resource:
    """What spans say of their service; `service_name` unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES name it."""
    resource = Resource.create({"service.version": version})
    if str(resource.attributes.get("service.name", "")).startswith(
        "unknown_service"
    ):  # the SDK's own default
        resource = resource.merge(Resource({"service.name": service_name}))
    return resource


def make_sampler(sampler: Sampler) -> SdkSampler:
    """The SDK's sampler that decides as `sampler`."""
    by_ratio = TraceIdRatioBased(sampler.ratio)
    return ParentBased(by_ratio) if sampler.follows_parent else by_ratio


class _LastLine(logging.Filter):
    """Keeps what the library logged last, and lets none of it through."""

    text = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.text = record.getMessage()
        return False


def _check_ca_file(ca_file: str | None) -> None:
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        what = f"cannot read {ca_file}: {error.strerror or error}"
        fix = "name a PEM file with the collector's CA"
        raise ConfigFaults([ConfigFault("OTEL_EXPORTER_OTLP_CERTIFICATE", what, fix)]) from error


def _report_rejected(response: requests.Response, *_: object, **__: object) -> None:
    if not response.ok:
        return
    try:
        rejected = ExportTraceServiceResponse.FromString(response.content).partial_success.rejected_spans
    except DecodeError:  # not our protocol; the spans were taken
        return
    if rejected:
        _log.warning("the collector rejected %s spans of a batch", rejected)
