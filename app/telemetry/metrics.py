"""Every metric of the gateway on one page, and its exposition: the adapter to prometheus-client.

Imported only when somebody scrapes. OpenMetrics 1.0 when `Accept` names it, else the Prometheus text format
0.0.4; exemplars (trace ids) exist only in the former. `process_*` are prometheus-client's own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import samples as prometheus
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.utils import floatToGoString

from app.foundation.prometheus_page import metrics_page
from app.telemetry.counts import BOUNDS_S
from app.telemetry.reading import HistogramReading, Sample

__all__ = ["METRICS", "Metric", "encode", "metrics_table_markdown"]


@dataclass(frozen=True, slots=True)
class Metric:
    """`kind` is counter, gauge or histogram; `labels` in the order in which samples carry their values."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


METRICS = (
    Metric("tidegate_requests_total", "counter", ("route", "method", "code", "reason"),
           'Requests completed; `route` is "" where none matched, `reason` is "" for an upstream\'s response.'),
    Metric("tidegate_request_duration_seconds", "histogram", ("route",),
           "From the first byte of a request to the last byte of its response."),
    Metric("tidegate_upstream_duration_seconds", "histogram", ("upstream",),
           "From sending a request to an upstream to the last byte of its response."),
    Metric("tidegate_requests_in_flight", "gauge", (), "Requests under way now."),
    Metric("tidegate_breaker_state", "gauge", ("upstream", "state"),
           "1 for the state that requests meet now (closed, open, half_open), 0 for the others."),
    Metric("tidegate_breaker_transitions_total", "counter", ("upstream", "from", "to"),
           "Changes of a breaker's state."),
    Metric("tidegate_breaker_rejections_total", "counter", ("upstream", "state"),
           "Requests rejected by a breaker."),
    Metric("tidegate_breaker_setting", "gauge", ("upstream", "setting"),
           "A breaker's settings in force; a setting that is not judged is absent."),
    Metric("tidegate_rate_limit_decisions_total", "counter", ("route", "rule", "decision"),
           "Decisions of rate limit rules: allowed, limited, shadowed or store_down."),
    Metric("tidegate_rate_limit_store_up", "gauge", (),
           "1 while the shared limit store responds, else 0; absent without a store."),
    Metric("tidegate_rate_limit_leases_total", "counter", ("result",),
           "Leases requested from the shared limit store."),
    Metric("tidegate_shadow_refusals_total", "counter", ("policy", "target", "reason"),
           "Requests that a policy in Shadow mode would have rejected."),
    Metric("tidegate_shadow_transitions_total", "counter", ("policy", "target", "to"),
           "Changes of state of breakers in Shadow mode."),
    Metric("tidegate_upstream_connections", "gauge", ("upstream", "state"),
           "Open connections to an upstream, active or idle."),
    Metric("tidegate_upstream_retries_total", "counter", ("upstream", "outcome"),
           "Retries sent to an upstream."),
    Metric("tidegate_mirrored_requests_total", "counter", ("upstream", "outcome"),
           "Copies of requests that `mirror` sent to an upstream: completed, failed, timed_out or dropped."),
    Metric("tidegate_config_sequence", "gauge", (),
           "Number of the configuration in force, rising with each change; in a cluster the snapshot's."),
    Metric("tidegate_config_applies_total", "counter", ("result",),
           "Configurations read: applied or rejected."),
    Metric("tidegate_config_last_apply_timestamp_seconds", "gauge", (),
           "When the configuration in force was applied."),
    Metric("tidegate_config_apply_duration_seconds", "gauge", (),
           "How long it took to put the configuration in force, from its bytes to the swap."),
    Metric("tidegate_config_source", "gauge", ("source",),
           "1 where the configuration in force came from: environment, file, configmap or sync."),
    Metric("tidegate_config_sync_errors_total", "counter", ("reason",),
           "Calls to the control plane that failed."),
    Metric("tidegate_certificate_expiry_timestamp_seconds", "gauge", (),
           "When the public port's certificate ends; absent without TLS."),
    Metric("tidegate_listener_certificate_expiry_timestamp_seconds", "gauge", ("certificate",),
           "When a certificate that listeners or connections to upstreams use ends, by its name."),
    Metric("tidegate_workers", "gauge", ("state",),
           "Processes that serve the public port: starting, ready or gone; absent where it is one alone."),
    Metric("tidegate_worker_restarts_total", "counter", (),
           "Workers that ended and were started again."),
    Metric("tidegate_loop_lag_seconds", "gauge", (), "How late the event loop ran its last timed call."),
    Metric("tidegate_memory_limit_bytes", "gauge", (),
           "Memory that the process's control group may use; absent without a limit."),
    Metric("tidegate_log_lines_dropped_total", "counter", (),
           "Access log lines lost because the sink did not take them."),
    Metric("tidegate_internal_errors_total", "counter", (),
           "Faults of the gateway itself, in requests and in its tasks."),
    Metric("tidegate_build_info", "gauge", ("version", "build"),
           "Always 1; the labels say the version, and whether the build is `compiled` or `interpreted`."),
)  # fmt: skip

PART_SAMPLES = 64
"""Of a family, encoded at a time."""


def encode(
    samples: Iterable[Sample], accept_header: str = "", workers: Sequence[int] = ()
) -> tuple[str, bytes]:
    """Content type and body; may run in any thread (200 routes take about 30 ms). `workers`: their process ids."""
    return metrics_page(lambda: _families(samples), accept_header, workers)


def metrics_table_markdown() -> str:
    """The README's table of metrics."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(rows) + "\n"


def _families(samples: Iterable[Sample]) -> Iterator[Family]:
    """What prometheus-client's encoders want, in parts; metrics without samples are left out.

    Its samples take five times what they are made of: whole, those of 1,000 upstreams left a gateway 8 MiB larger.
    """
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.metric, []).append(sample)
    for metric in METRICS:
        found = by_name.get(metric.name)
        if not found:
            continue
        for first in range(0, len(found), PART_SAMPLES):
            yield _family(metric, found[first : first + PART_SAMPLES])


def _family(metric: Metric, samples: Iterable[Sample]) -> Family:
    family = Family(metric.name.removesuffix("_total"), metric.help, metric.kind)
    for sample in samples:
        labels = dict(zip(metric.labels, sample.labels, strict=True))
        if isinstance(sample.value, HistogramReading):
            family.samples.extend(_histogram(metric.name, labels, sample.value))
        else:
            family.samples.append(prometheus.Sample(metric.name, labels, sample.value))
    return family


_LE = (*map(floatToGoString, BOUNDS_S), "+Inf")


def _histogram(name: str, labels: dict[str, str], reading: HistogramReading) -> Iterator[prometheus.Sample]:
    exemplars = reading.exemplars or (None,) * len(_LE)
    for le, total, exemplar in zip(_LE, accumulate(reading.cells), exemplars, strict=True):
        shown = None
        if exemplar is not None:
            trace_id, seconds, wall_s = exemplar
            shown = prometheus.Exemplar({"trace_id": trace_id.decode("ascii")}, seconds, wall_s)
        yield prometheus.Sample(f"{name}_bucket", {**labels, "le": le}, total, None, shown)
    yield prometheus.Sample(f"{name}_count", labels, sum(reading.cells))
    yield prometheus.Sample(f"{name}_sum", labels, reading.sum_s)
