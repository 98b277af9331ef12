"""Distributed tracing, optional: a span for each call and for each command to Redis. Light until switched on.

`OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) switches it on; `OTEL_EXPORTER_OTLP_HEADERS`,
`…_TIMEOUT` (ms) and `OTEL_SDK_DISABLED` are read here; `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
`OTEL_TRACES_SAMPLER*` and `OTEL_BSP_*` by the SDK. A caller's `traceparent` is continued.
https://opentelemetry.io/docs/languages/sdk-configuration/
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlsplit

from app.foundation.errors import ConfigFault, ConfigFaults
from cache.handlers import Fields

__all__ = ["CallSpan", "Export", "Spans", "export_of", "open_spans"]


class CallSpan(Protocol):
    """The span of a call that runs."""

    def answered(self, status: int) -> None:
        """The call is answered with that status."""
        ...


class Spans(Protocol):
    """Makes spans; a span ends with its block. Never raises, never waits."""

    def call(self, method: str, route: str, fields: Fields) -> AbstractContextManager[CallSpan]:
        """A call from outside; `route` is a path of the API, never a key."""
        ...

    def command(self, script: str) -> AbstractContextManager[object]:
        """A command to Redis for the call that runs."""
        ...

    def close(self) -> None:
        """Exports what waits, for a few seconds at most (blocks)."""
        ...


@dataclass(frozen=True, slots=True)
class Export:
    """Where spans go; `headers` may hold secrets and stay out of the repr."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 10.0


def export_of(env: Mapping[str, str]) -> Export | None:
    """Where `env` sends spans, None for nowhere; raises ConfigFaults."""
    variable, url = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
    if not url and env.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
        url = env[variable].rstrip("/") + "/v1/traces"
    if not url or env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    faults = []
    if not _is_url(url):
        faults.append(ConfigFault(variable, "is no http or https URL", "write http://collector:4318"))
    headers = []
    for pair in filter(None, map(str.strip, env.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","))):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip().replace("-", "").replace("_", "").isalnum():
            # the text may be a secret and is not repeated
            faults.append(ConfigFault("OTEL_EXPORTER_OTLP_HEADERS", "has no name=value", "write name=value"))
        headers.append((name.strip(), unquote(value.strip())))
    timeout = env.get("OTEL_EXPORTER_OTLP_TIMEOUT") or "10000"
    if not (timeout.isascii() and timeout.isdecimal() and 1 <= int(timeout) <= 600_000):
        faults.append(
            ConfigFault("OTEL_EXPORTER_OTLP_TIMEOUT", "is no number of ms", "write one from 1 to 600000")
        )
        timeout = "10000"
    if faults:
        raise ConfigFaults(faults)
    return Export(url, tuple(headers), int(timeout) / 1000)


def open_spans(env: Mapping[str, str]) -> Spans | None:
    """What `env` asks for, or None. Raises ConfigFaults, also when the extra `otel` is not installed."""
    export = export_of(env)
    if export is None:
        return None
    try:
        from cache.otlp import OtlpSpans
    except ImportError as missing:
        fault = ConfigFault(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            f"is set but {missing.name or 'opentelemetry'} is not installed",
            'pip install "tidegate[otel]", or unset it',
        )
        raise ConfigFaults([fault]) from missing
    return OtlpSpans(export)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        return False
