"""The OTEL_* variables that say where spans go and which are kept. Pure; light while tracing is off.

`OTEL_EXPORTER_OTLP_ENDPOINT` switches tracing on; it and `…_HEADERS`, `…_TIMEOUT` (ms), `…_CERTIFICATE`, `…_PROTOCOL`
each have a form `OTEL_EXPORTER_OTLP_TRACES_…`, which wins. `OTEL_TRACES_SAMPLER` and `…_ARG`: without a sampler's name
the caller's sampled flag counts, and new traces are sampled at `…_ARG` (default 1). `OTEL_SDK_DISABLED` turns it off.
The SDK itself reads `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_BSP_*`, the exporter
`OTEL_EXPORTER_OTLP_COMPRESSION` and `…_CLIENT_KEY`, `…_CLIENT_CERTIFICATE`.
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.otel.trace_context import SAMPLED

__all__ = ["OtelSettings", "Sampler", "missing_extra", "parse_otel"]

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Sampler(NamedTuple):
    """`follows_parent`: a caller's flag decides; `ratio`: share of the other traces that is recorded, 0–1."""

    follows_parent: bool = True
    ratio: float = 1.0

    def samples(self, trace_id: bytes, parent_flags: int | None) -> bool:
        """`parent_flags` None: the trace's first span. The decision for one trace is the same everywhere."""
        if self.follows_parent and parent_flags is not None:
            return bool(parent_flags & SAMPLED)
        return int(trace_id[16:], 16) < self.ratio * 2**64  # as the SDK's TraceIdRatioBased decides


_DEFAULT_SAMPLER = Sampler()


@dataclass(frozen=True, slots=True)
class OtelSettings:
    """`url`: where spans go; `headers` may hold secrets and stay out of the repr; `ca_file` None: the system's."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 10.0
    ca_file: str | None = None
    sampler: Sampler = _DEFAULT_SAMPLER


def parse_otel(environ: Mapping[str, str]) -> OtelSettings | None:
    """The settings in `environ`; None when tracing is off. Raises ConfigFaults with every fault found."""
    variable, url = _of_traces(environ, "ENDPOINT")
    if not url or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    faults: list[ConfigFault] = []
    if not _is_url(url):
        faults.append(
            ConfigFault(variable, "is not an http or https URL", "write it like http://collector:4318")
        )
    if variable == ENDPOINT:  # that of the traces is taken as it is
        url = url.rstrip("/") + "/v1/traces"
    _check_protocol(environ, faults)
    settings = OtelSettings(
        url,
        _parse_headers(environ, faults),
        _parse_number(*_of_traces(environ, "TIMEOUT"), (10_000.0, 1.0, 600_000.0), faults) / 1000,
        _of_traces(environ, "CERTIFICATE")[1] or None,
        _parse_sampler(environ, faults),
    )
    if faults:
        raise ConfigFaults(faults)
    return settings


def missing_extra(error: ImportError) -> ConfigFaults:
    """What to raise where tracing is on and a package for it is not there."""
    what = f"is set but {error.name or 'opentelemetry'} is not installed"
    return ConfigFaults([ConfigFault(ENDPOINT, what, 'pip install "tidegate[otel]", or unset it')])


def _of_traces(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable that counts, and its text."""
    own = f"OTEL_EXPORTER_OTLP_TRACES_{name}"
    if text := environ.get(own, ""):
        return own, text
    variable = f"OTEL_EXPORTER_OTLP_{name}"
    return variable, environ.get(variable, "")


def _check_protocol(environ: Mapping[str, str], faults: list[ConfigFault]) -> None:
    variable, protocol = _of_traces(environ, "PROTOCOL")
    if protocol not in ("", "http/protobuf"):
        fix = "use http/protobuf and the collector's HTTP port (4318)"
        faults.append(ConfigFault(variable, f"{protocol!r} is not supported", fix))


def _parse_headers(environ: Mapping[str, str], faults: list[ConfigFault]) -> tuple[tuple[str, str], ...]:
    variable, text = _of_traces(environ, "HEADERS")
    headers = []
    for number, pair in enumerate(filter(None, map(str.strip, text.split(","))), 1):
        name, equals, value = pair.partition("=")
        name, value = name.strip(), unquote(value.strip())
        if not equals or not _is_token(name) or not value.isascii() or not value.isprintable():
            # the text itself may be a secret and is not repeated
            fix = "write name=value, percent-encoded"
            faults.append(ConfigFault(f"{variable}[{number}]", "is not a header", fix))
        headers.append((name, value))
    return tuple(headers)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # invalid brackets, or an invalid port
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
        faults.append(ConfigFault("OTEL_TRACES_SAMPLER", f"{name!r} is unknown", f"use one of {known}"))
    variable = "OTEL_TRACES_SAMPLER_ARG"
    ratio = _parse_number(variable, environ.get(variable, ""), (1.0, 0.0, 1.0), faults)
    return Sampler(follows_parent=name != "traceidratio", ratio=ratio)


def _parse_number(
    variable: str, text: str, bounds: tuple[float, float, float], faults: list[ConfigFault]
) -> float:
    default, least, most = bounds
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        fix = f"use a number from {least:g} to {most:g}"
        faults.append(ConfigFault(variable, f"{text!r} is out of bounds", fix))
        return default
    return number
