"""Copies the cells of `Counts` into samples: cheap, on the loop; rendering may then run in any thread."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.foundation.version import COMPILED
from app.policy.model import BreakerState
from app.telemetry.counts import BreakerNumbers, Counts, Histogram, UpstreamCounts

__all__ = ["NO_SOURCES", "HistogramReading", "Sample", "Sources", "WorkerNumbers", "read"]

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


class WorkerNumbers(NamedTuple):
    """`states`: how many workers are starting, ready or gone. `restarts`: of all of them, since the start."""

    states: Mapping[str, int]
    restarts: int


def _unknown() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Numbers that others keep, asked for once per scrape on the thread of `read`. What is None is not shown.

    `breaker_settings`: (upstream, setting, value); a setting's name ends with its unit where it has one.
    `certificate_ends_wall_s`: of those of listeners, by name. `connections`: (upstream, state, how many); state is
    active or idle. `leases`: by result.
    """

    breakers: Callable[[], Iterable[BreakerNumbers]] = tuple
    breaker_settings: Callable[[], Iterable[tuple[str, str, float]]] = tuple
    connections: Callable[[], Iterable[tuple[str, str, int]]] = tuple
    certificate_ends_wall_s: Callable[[], Mapping[str, float]] = dict
    leases: Callable[[], Mapping[str, int]] = dict
    memory_limit_bytes: Callable[[], int | None] = _unknown
    store_up: Callable[[], bool | None] = _unknown
    log_lines_dropped: Callable[[], int | None] = _unknown
    workers: Callable[[], WorkerNumbers | None] = _unknown


NO_SOURCES = Sources()


def read(counts: Counts, sources: Sources = NO_SOURCES) -> list[Sample]:
    """Every sample there is now. Call it on the loop's thread: about 0.5 µs a series."""
    return [
        *_process(counts, sources),
        *_routes(counts),
        *_upstreams(counts, sources),
        *_breakers(sources.breakers()),
        *(
            Sample("tidegate_breaker_setting", (upstream, setting), value)
            for upstream, setting, value in sources.breaker_settings()
        ),
    ]


def _process(counts: Counts, sources: Sources) -> Iterator[Sample]:
    yield Sample("tidegate_build_info", (counts.version, "compiled" if COMPILED else "interpreted"), 1)
    yield Sample("tidegate_requests_in_flight", (), counts.in_flight)
    yield Sample("tidegate_internal_errors_total", (), counts.internal_errors)
    yield Sample("tidegate_loop_lag_seconds", (), counts.loop_lag_s)
    yield Sample("tidegate_config_sequence", (), counts.config_sequence)
    for result, number in counts.config_applies.items():
        yield Sample("tidegate_config_applies_total", (result,), number)
    for result, number in sources.leases().items():
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
    for name, end_s in sources.certificate_ends_wall_s().items():
        yield Sample("tidegate_listener_certificate_expiry_timestamp_seconds", (name,), end_s)
    if (limit_bytes := sources.memory_limit_bytes()) is not None:
        yield Sample("tidegate_memory_limit_bytes", (), limit_bytes)
    if (store_up := sources.store_up()) is not None:
        yield Sample("tidegate_rate_limit_store_up", (), int(store_up))
    if (workers := sources.workers()) is not None:
        for state, number in workers.states.items():
            yield Sample("tidegate_workers", (state,), number)
        yield Sample("tidegate_worker_restarts_total", (), workers.restarts)
    if (dropped := sources.log_lines_dropped()) is not None:
        yield Sample("tidegate_log_lines_dropped_total", (), dropped)


def _routes(counts: Counts) -> Iterator[Sample]:
    for name, route in counts.routes.items():
        for (rule, decision), number in route.decisions.items():
            yield Sample("tidegate_rate_limit_decisions_total", (name, rule, decision), number)
        requests = route.requests
        for (method, code, reason), number in requests.items():
            yield Sample(
                "tidegate_requests_total", (name, method.decode("ascii"), str(code), str(reason)), number
            )
        if requests:  # so 10,000 unused routes are not 150,000 lines
            yield Sample("tidegate_request_duration_seconds", (name,), _copy(route.duration))


def _upstreams(counts: Counts, sources: Sources) -> Iterator[Sample]:
    for name, upstream in _by_upstream(counts).items():
        yield Sample("tidegate_upstream_duration_seconds", (name,), _copy(upstream.duration))
        for outcome, number in upstream.retries.items():
            yield Sample("tidegate_upstream_retries_total", (name, outcome), number)
        for outcome, number in upstream.mirrored.items():
            yield Sample("tidegate_mirrored_requests_total", (name, outcome), number)
    for name, state, number in sources.connections():
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


def _breakers(breakers: Iterable[BreakerNumbers]) -> Iterator[Sample]:
    for breaker in breakers:
        for state in BREAKER_STATES:
            yield Sample("tidegate_breaker_state", (breaker.name, state), int(state == breaker.state))
        for (before, after), number in breaker.transitions.items():
            yield Sample("tidegate_breaker_transitions_total", (breaker.name, before, after), number)
        for state, number in breaker.rejections.items():
            yield Sample("tidegate_breaker_rejections_total", (breaker.name, state), number)


def _copy(histogram: Histogram) -> HistogramReading:
    return HistogramReading(tuple(histogram.cells), histogram.sum_s, tuple(histogram.exemplars or ()))
