"""Copies the cells of `Counts` into samples: cheap, on the loop; rendering may then run in any thread."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from app.foundation.version import COMPILED
from app.policy.model import BreakerState
from app.telemetry.counts import BreakerNumbers, Counts, Histogram, UpstreamCounts

__all__ = ["HistogramReading", "Sample", "read"]

BREAKER_STATES = tuple(str(state) for state in BreakerState)


class HistogramReading(NamedTuple):
    """`cells`: observations per bucket, not cumulated. `exemplars`: () or (trace id, s, wall_s) a bucket."""

    cells: tuple[int, ...]
    sum_s: float
    exemplars: tuple[tuple[bytes, float, float] | None, ...]


class Sample(NamedTuple):
    """`metric` is a name of `metrics.METRICS`, `labels` its label values in that table's order."""

    metric: str
    labels: tuple[str, ...]
    value: float | HistogramReading


def read(counts: Counts) -> list[Sample]:
    """Every sample there is now. Call it on the loop's thread: about 0.5 µs a series."""
    return [
        *_process(counts),
        *_routes(counts),
        *_upstreams(counts),
        *(_breakers(counts.breakers) if counts.breakers else ()),
        *(
            Sample("tidegate_breaker_setting", (upstream, setting), value)
            for upstream, setting, value in (counts.breaker_settings() if counts.breaker_settings else ())
        ),
    ]


def _process(counts: Counts) -> Iterator[Sample]:
    yield Sample("tidegate_build_info", (counts.version, "compiled" if COMPILED else "interpreted"), 1)
    yield Sample("tidegate_requests_in_flight", (), counts.in_flight)
    yield Sample("tidegate_internal_errors_total", (), counts.internal_errors)
    yield Sample("tidegate_loop_lag_seconds", (), counts.loop_lag_s)
    yield Sample("tidegate_config_sequence", (), counts.config_sequence)
    for result, number in counts.config_applies.items():
        yield Sample("tidegate_config_applies_total", (result,), number)
    for result, number in counts.leases.items():
        yield Sample("tidegate_rate_limit_leases_total", (result,), number)
    for source, is_used in counts.config_sources.items():
        yield Sample("tidegate_config_source", (source,), int(is_used))
    for reason, number in counts.sync_errors.items():
        yield Sample("tidegate_config_sync_errors_total", (reason,), number)
    if counts.config_apply_duration_s is not None:
        yield Sample("tidegate_config_apply_duration_seconds", (), counts.config_apply_duration_s)
    for labels, number in counts.shadow_rejections.items():
        yield Sample("tidegate_shadow_refusals_total", labels, number)
    for labels, number in counts.shadow_transitions.items():
        yield Sample("tidegate_shadow_transitions_total", labels, number)
    if counts.config_last_apply_wall_s is not None:
        yield Sample("tidegate_config_last_apply_timestamp_seconds", (), counts.config_last_apply_wall_s)
    if counts.certificate_expiry_wall_s is not None:
        yield Sample("tidegate_certificate_expiry_timestamp_seconds", (), counts.certificate_expiry_wall_s)
    limit_bytes = counts.memory_limit_bytes() if counts.memory_limit_bytes else None
    if limit_bytes is not None:
        yield Sample("tidegate_memory_limit_bytes", (), limit_bytes)
    if counts.store_up is not None:
        yield Sample("tidegate_rate_limit_store_up", (), int(counts.store_up()))
    if counts.log_lines_dropped is not None:
        yield Sample("tidegate_log_lines_dropped_total", (), counts.log_lines_dropped())


def _routes(counts: Counts) -> Iterator[Sample]:
    for name, route in counts.routes.items():
        for (rule, decision), number in route.decisions.items():
            yield Sample("tidegate_rate_limit_decisions_total", (name, rule, decision), number)
        for (method, code, reason), number in route.requests.items():
            yield Sample(
                "tidegate_requests_total", (name, method.decode("ascii"), str(code), str(reason)), number
            )
        if route.requests:  # 10,000 routes that nobody asked for are no 150,000 lines
            yield Sample("tidegate_request_duration_seconds", (name,), _copy(route.duration))


def _upstreams(counts: Counts) -> Iterator[Sample]:
    for name, upstream in _by_upstream(counts).items():
        yield Sample("tidegate_upstream_duration_seconds", (name,), _copy(upstream.duration))
        for outcome, number in upstream.retries.items():
            yield Sample("tidegate_upstream_retries_total", (name, outcome), number)
    for name, state, number in counts.connections() if counts.connections else ():
        yield Sample("tidegate_upstream_connections", (name, state), number)


def _by_upstream(counts: Counts) -> dict[str, UpstreamCounts]:
    """The cells of each upstream; where routes have breakers of their own, their sum."""
    found: dict[str, UpstreamCounts] = {}
    added: set[str] = set()
    for cells in counts.upstreams.values():
        known = found.get(cells.name)
        if known is None:
            found[cells.name] = cells
            continue
        if cells.name not in added:  # what the data path counts in stays as it is
            added.add(cells.name)
            known, first = UpstreamCounts(cells.name), known
            known.add(first)
            found[cells.name] = known
        known.add(cells)
    return found


def _breakers(source: Callable[[], Iterable[BreakerNumbers]]) -> Iterator[Sample]:
    for breaker in source():
        for state in BREAKER_STATES:
            yield Sample("tidegate_breaker_state", (breaker.name, state), int(state == breaker.state))
        for (before, after), number in breaker.transitions.items():
            yield Sample("tidegate_breaker_transitions_total", (breaker.name, before, after), number)
        for state, number in breaker.rejections.items():
            yield Sample("tidegate_breaker_rejections_total", (breaker.name, state), number)


def _copy(histogram: Histogram) -> HistogramReading:
    return HistogramReading(tuple(histogram.cells), histogram.sum_s, tuple(histogram.exemplars or ()))
