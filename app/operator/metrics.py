"""Every metric of the operator: what it counted so far, and the page that Prometheus scrapes."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from app.foundation.prometheus_page import metrics_page

__all__ = ["METRICS", "OperatorCounts", "Reading", "operator_metrics_table_markdown", "render"]

LAG_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

METRICS = (
    (
        "tidegate_operator_policy_lag_seconds",
        "histogram",
        "",
        "From an edit of a policy to the acknowledgement of the last gateway.",
    ),
    ("tidegate_operator_snapshot_sequence", "gauge", "", "Number of the snapshot that is served."),
    ("tidegate_operator_snapshot_bytes", "gauge", "", "Its size, packed; at most 524288."),
    ("tidegate_operator_policies", "gauge", "", "Policies that exist."),
    (
        "tidegate_operator_instances",
        "gauge",
        "state",
        "Gateways that take traffic: applied, pending, rejected, stale.",
    ),
    (
        "tidegate_operator_nacks_total",
        "counter",
        "reason",
        "Rejections by gateways: of one policy, of a whole snapshot.",
    ),
    (
        "tidegate_operator_reconciles_total",
        "counter",
        "result",
        "Full lists: published, unchanged, raced, failed, too_large.",
    ),
    (
        "tidegate_operator_status_writes_total",
        "counter",
        "result",
        "Status writes: written, conflict, gone, failed.",
    ),
    ("tidegate_operator_events_total", "counter", "result", "Kubernetes Events: posted, failed, dropped."),
    (
        "tidegate_operator_sync_requests_total",
        "counter",
        "path, code, reason",
        "Responses on the sync port; `reason` says why a call was rejected (replayed, token_invalid …).",
    ),
    ("tidegate_operator_objects", "gauge", "kind", "Objects that are watched for routes, of each kind."),
    (
        "tidegate_operator_compiles_total",
        "counter",
        "result",
        "Compilations of the cluster's routes: published, unchanged, failed.",
    ),
    ("tidegate_operator_compile_seconds_total", "counter", "", "Time that they took."),
    (
        "tidegate_operator_object_writes_total",
        "counter",
        "kind, result",
        "Writes of statuses, Services and EndpointSlices for Gateways: written, deleted, conflict, gone, failed.",
    ),
    (
        "tidegate_operator_overwritten_statuses_total",
        "counter",
        "kind",
        "Statuses of ours that somebody else replaced; if it goes on, an operator with the same `controllerName`.",
    ),
    (
        "tidegate_operator_watch_restarts_total",
        "counter",
        "",
        "Watches that broke and started again from a list.",
    ),
)
"""Name, type, labels, meaning."""

_HELP = {name: text for name, _, _, text in METRICS}


@dataclass(frozen=True, slots=True)
class Reading:
    """What is gauged at scrape time. `objects`: how many of each kind are watched for routes; none without them."""

    sequence: int
    snapshot_bytes: int
    policies: int
    instances: Mapping[str, int]
    objects: Mapping[str, int] = field(default_factory=dict)


class OperatorCounts:
    """`lag_cells`: one for each bound, and one above the last."""

    def __init__(self) -> None:
        self.lag_cells = [0] * (len(LAG_BOUNDS_S) + 1)
        self.lag_sum_s = 0.0
        self.nacks: Counter[str] = Counter()
        self.reconciles: Counter[str] = Counter()
        self.status_writes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.sync_responses: Counter[tuple[str, str, str]] = Counter()
        self.watch_restarts = 0
        self.compiles: Counter[str] = Counter()
        self.compile_s = 0.0
        self.object_writes: Counter[tuple[str, str]] = Counter()
        self.overwritten: Counter[str] = Counter()

    def count_lag(self, lag_s: float) -> None:
        """From an edit to the acknowledgement of the last gateway."""
        self.lag_cells[bisect_left(LAG_BOUNDS_S, lag_s)] += 1
        self.lag_sum_s += lag_s


def render(counts: OperatorCounts, reading: Reading) -> tuple[str, bytes]:
    """Content type and body of one scrape."""
    return metrics_page(_Page(counts, reading).families)


def operator_metrics_table_markdown() -> str:
    """The documentation's table."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for name, kind, labels, text in METRICS:
        shown = ", ".join(f"`{label}`" for label in labels.split(", ")) if labels else ""
        rows.append(f"| `{name}` | {kind} | {shown} | {text} |")
    return "\n".join(rows) + "\n"


class _Page:
    """One scrape."""

    def __init__(self, counts: OperatorCounts, reading: Reading) -> None:
        self._counts, self._reading = counts, reading

    def families(self) -> Iterator[Metric]:
        counts, reading = self._counts, self._reading
        yield self._lag()
        for name, value in (
            ("snapshot_sequence", reading.sequence),
            ("snapshot_bytes", reading.snapshot_bytes),
            ("policies", reading.policies),
        ):
            yield GaugeMetricFamily(f"tidegate_operator_{name}", _help(name), value)
        for name, label, gauged in (
            ("instances", "state", reading.instances),
            ("objects", "kind", reading.objects),
        ):
            gauge = GaugeMetricFamily(f"tidegate_operator_{name}", _help(name), labels=[label])
            for word, count in gauged.items():
                gauge.add_metric([word], count)
            yield gauge
        for name, label, values in (
            ("nacks_total", "reason", counts.nacks),
            ("reconciles_total", "result", counts.reconciles),
            ("status_writes_total", "result", counts.status_writes),
            ("events_total", "result", counts.events),
            ("compiles_total", "result", counts.compiles),
            ("overwritten_statuses_total", "kind", counts.overwritten),
        ):
            family = CounterMetricFamily(f"tidegate_operator_{name}", _help(name), labels=[label])
            for word, count in sorted(values.items()):
                family.add_metric([word], count)
            yield family
        yield self._labelled("sync_requests_total", ["path", "code", "reason"], counts.sync_responses)
        yield self._labelled("object_writes_total", ["kind", "result"], counts.object_writes)
        seconds = "compile_seconds_total"
        yield CounterMetricFamily(f"tidegate_operator_{seconds}", _help(seconds), counts.compile_s)
        restarts = "watch_restarts_total"
        yield CounterMetricFamily(f"tidegate_operator_{restarts}", _help(restarts), counts.watch_restarts)

    def _lag(self) -> Metric:
        counts = self._counts
        bounds = [*(str(bound) for bound in LAG_BOUNDS_S), "+Inf"]
        buckets = list(zip(bounds, accumulate(counts.lag_cells), strict=True))
        name = "policy_lag_seconds"
        return HistogramMetricFamily(
            f"tidegate_operator_{name}", _help(name), buckets=buckets, sum_value=counts.lag_sum_s
        )

    def _labelled(self, name: str, labels: list[str], values: Mapping[Any, int]) -> Metric:
        family = CounterMetricFamily(f"tidegate_operator_{name}", _help(name), labels=labels)
        for words, count in sorted(values.items()):
            family.add_metric(list(words), count)
        return family


def _help(name: str) -> str:
    return _HELP[f"tidegate_operator_{name}"]
