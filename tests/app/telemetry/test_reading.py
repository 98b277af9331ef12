from dataclasses import dataclass, field

from app.telemetry.counts import Counts
from app.telemetry.metrics import METRICS
from app.telemetry.reading import HistogramReading, Sample, Sources, WorkerNumbers, read


@dataclass
class Breaker:
    name: str
    state: str
    transitions: dict[tuple[str, str], int] = field(default_factory=dict)
    rejections: dict[str, int] = field(default_factory=dict)


def full_counts() -> Counts:
    """Counts that have, with `FULL_SOURCES`, at least one sample for every metric."""
    counts = Counts("1.2.3")
    counts.route("orders").count(b"GET", 200, "")
    counts.route("orders").duration.observe_traced(0.003, b"a" * 32, 1_700_000_000.0)
    counts.route("orders").count_decision("per-client", "allowed")
    counts.upstream("orders").duration.observe(0.002)
    counts.upstream("orders").count_retry("won")
    counts.upstream("orders").count_mirrored("completed")
    counts.count_config_apply(wall_s=5.0, sequence=3)
    counts.config_apply_duration_s = 0.01
    counts.config_sources = {"environment": True, "sync": False}
    counts.count_sync_error("connect")
    counts.count_shadow_rejection("trial", "Gateway", "rate_limited")
    counts.count_shadow_transition("trial", "Gateway", "open")
    counts.certificate_expiry_wall_s = 9.0
    return counts


FULL_SOURCES = Sources(
    breakers=lambda: [Breaker("orders", "half_open", {("closed", "open"): 1}, {"open": 6})],
    breaker_settings=lambda: [("orders", "open_duration_seconds", 10.0)],
    connections=lambda: [("orders", "idle", 2), ("orders", "active", 1)],
    certificate_ends_wall_s=lambda: {"secret/shop/web": 8.0},
    leases=lambda: {"granted": 2},
    memory_limit_bytes=lambda: 1 << 28,
    store_up=lambda: True,
    log_lines_dropped=lambda: 4,
    workers=lambda: WorkerNumbers({"starting": 0, "ready": 2, "gone": 1}, 3),
)


def test_every_metric_can_be_read_and_every_reading_is_a_metric():
    assert {sample.metric for sample in read(full_counts(), FULL_SOURCES)} == {
        metric.name for metric in METRICS
    }


def test_every_sample_has_one_value_per_label():
    labels = {metric.name: metric.labels for metric in METRICS}
    assert all(
        len(sample.labels) == len(labels[sample.metric]) for sample in read(full_counts(), FULL_SOURCES)
    )


def test_what_has_no_source_is_not_shown():
    shown = {sample.metric for sample in read(Counts("1"))}
    assert shown == {
        "tidegate_build_info",
        "tidegate_config_applies_total",
        "tidegate_config_sequence",
        "tidegate_internal_errors_total",
        "tidegate_loop_lag_seconds",
        "tidegate_requests_in_flight",
    }


def test_a_route_that_nobody_asked_for_has_no_series():
    counts = Counts("1")
    counts.route("quiet")
    assert not [sample for sample in read(counts) if "quiet" in sample.labels]


def test_exactly_the_current_breaker_state_is_one():
    samples = [
        sample for sample in read(full_counts(), FULL_SOURCES) if sample.metric == "tidegate_breaker_state"
    ]
    assert [(sample.labels[1], sample.value) for sample in samples] == [
        ("closed", 0),
        ("open", 0),
        ("half_open", 1),
    ]


def test_a_store_that_is_away_reads_zero():
    sources = Sources(store_up=lambda: False)
    assert Sample("tidegate_rate_limit_store_up", (), 0) in read(Counts("1"), sources)


def test_a_reading_does_not_change_with_the_cells():
    counts = full_counts()
    before = [s.value for s in read(counts) if isinstance(s.value, HistogramReading)]
    kept = list(before)
    counts.route("orders").duration.observe(0.5)
    assert before == kept
    assert before != [s.value for s in read(counts) if isinstance(s.value, HistogramReading)]


def test_an_upstreams_series_is_the_sum_over_its_breakers():
    counts = Counts("1")
    for breaker in ("cache@a", "cache@b", "cache@c"):
        counts.upstream("cache", breaker).duration.observe(0.002)
        counts.upstream("cache", breaker).count_retry("won")
        counts.upstream("cache", breaker).count_mirrored("completed")
    for _ in range(2):  # reading changes nothing
        found = {sample.metric: sample.value for sample in read(counts) if sample.labels[:1] == ("cache",)}
    reading = found["tidegate_upstream_duration_seconds"]
    assert isinstance(reading, HistogramReading)
    assert sum(reading.cells) == 3
    assert found["tidegate_upstream_retries_total"] == 3
    assert found["tidegate_mirrored_requests_total"] == 3
