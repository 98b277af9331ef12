import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.foundation.reasons import Reason
from app.telemetry.counts import BOUNDS_S, Counts
from app.telemetry.metrics import METRICS, PART_SAMPLES, encode, metrics_table_markdown
from app.telemetry.reading import Sample, Sources, read

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"

CONTRACT = """
requests_total{route,method,code,reason} request_duration_seconds{route} upstream_duration_seconds{upstream}
requests_in_flight breaker_state{upstream,state} breaker_transitions_total{upstream,from,to}
breaker_rejections_total{upstream,state} rate_limit_decisions_total{route,rule,decision} rate_limit_store_up
upstream_connections{upstream,state} upstream_retries_total{upstream,outcome} config_sequence
config_applies_total{result} build_info{version,build} loop_lag_seconds rate_limit_leases_total{result}
log_lines_dropped_total certificate_expiry_timestamp_seconds listener_certificate_expiry_timestamp_seconds{certificate}
config_last_apply_timestamp_seconds
breaker_setting{upstream,setting} memory_limit_bytes
"""


@dataclass
class Breaker:
    name: str = "orders"
    state: str = "open"
    transitions: dict[tuple[str, str], int] = field(default_factory=lambda: {("closed", "open"): 1})
    rejections: dict[str, int] = field(default_factory=lambda: {"open": 6})


BREAKER = Sources(breakers=lambda: [Breaker()])


def render(counts: Counts, accept: str = "") -> tuple[str, bytes]:
    return encode(read(counts, BREAKER), accept)


@pytest.fixture
def counts():
    counts = Counts("1.2.3")
    route = counts.route("orders")
    route.count(b"GET", 200, "")
    route.count(b"GET", 503, Reason.BREAKER_OPEN)
    route.duration.observe_traced(0.003, b"a" * 32, 1_700_000_000.0)
    route.duration.observe(20.0)
    return counts


def samples_of(text: str, parse: Callable[[str], Iterable[Any]] = parse_text) -> dict[Any, float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def test_the_promised_names_and_labels_are_there():
    mine = {metric.name.removeprefix("tidegate_"): metric.labels for metric in METRICS}
    for promised in CONTRACT.split():
        name, _, labels = promised.partition("{")
        assert mine[name] == tuple(label for label in labels.rstrip("}").split(",") if label)


def test_names_follow_the_conventions():
    for metric in METRICS:
        assert re.fullmatch(r"tidegate_[a-z_]+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.kind in ("counter", "gauge", "histogram")
        assert metric.help.endswith(".")


def test_prometheus_text_is_the_default_and_parses(counts):
    content_type, body = render(counts)
    assert content_type.startswith("text/plain; version=0.0.4")
    found = samples_of(body.decode())
    labels = (("code", "200"), ("method", "GET"), ("reason", ""), ("route", "orders"))
    assert found["tidegate_requests_total", labels] == 1


def test_many_upstreams_are_one_family():
    counts, names = Counts("1.2.3"), [f"upstream-{number}" for number in range(2 * PART_SAMPLES + 1)]
    for name in names:
        counts.upstream(name).duration.observe(0.003)
    text = encode(read(counts))[1].decode()
    assert text.count("# TYPE tidegate_upstream_duration_seconds histogram\n") == 1
    found = samples_of(text)
    assert [found["tidegate_upstream_duration_seconds_count", (("upstream", name),)] for name in names] == [
        1.0 for _ in names
    ]


def test_openmetrics_is_given_when_asked_for_and_parses(counts):
    content_type, body = render(counts, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    found = samples_of(body.decode(), parse_openmetrics)
    assert found["tidegate_breaker_state", (("state", "open"), ("upstream", "orders"))] == 1


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=banana",
        "APPLICATION/OPENMETRICS-TEXT",
        "a,application/openmetrics-text",
    ],
)
def test_an_odd_accept_header_gets_openmetrics_1_0_all_the_same(counts, accept):
    assert render(counts, accept)[0] == "application/openmetrics-text; version=1.0.0; charset=utf-8"


def test_reason_words_are_label_values(counts):
    assert b'reason="breaker_open"' in render(counts)[1]


def test_buckets_are_cumulative_and_end_with_inf(counts):
    found = samples_of(render(counts)[1].decode())
    name = "tidegate_request_duration_seconds"
    buckets = [value for (sample, _), value in found.items() if sample == f"{name}_bucket"]
    assert len(buckets) == len(BOUNDS_S) + 1
    assert buckets == sorted(buckets)
    assert found[f"{name}_bucket", (("le", "0.0025"), ("route", "orders"))] == 0
    assert found[f"{name}_bucket", (("le", "0.005"), ("route", "orders"))] == 1
    assert found[f"{name}_bucket", (("le", "+Inf"), ("route", "orders"))] == 2
    assert found[f"{name}_count", (("route", "orders"),)] == 2
    assert found[f"{name}_sum", (("route", "orders"),)] == 20.003


def test_exemplars_appear_in_openmetrics_only(counts):
    exemplar = b'# {trace_id="' + b"a" * 32 + b'"} 0.003 1700000000.0'
    assert exemplar in render(counts, OPENMETRICS)[1]
    assert b"trace_id" not in render(counts)[1]


def test_metrics_without_samples_are_left_out(counts):
    assert b"rate_limit_store_up" not in render(counts)[1]


def test_the_numbers_of_the_process_are_there(counts):
    for accept in ("", OPENMETRICS):
        body = render(counts, accept)[1]
        assert b"\nprocess_resident_memory_bytes " in body
        assert b"\nprocess_cpu_seconds_total " in body


def test_a_reading_may_be_encoded_later(counts):
    samples = read(counts, BREAKER)
    counts.route("orders").count(b"GET", 200, "")
    labels = (("code", "200"), ("method", "GET"), ("reason", ""), ("route", "orders"))
    assert samples_of(encode(samples)[1].decode())["tidegate_requests_total", labels] == 1


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 2**53))
def test_any_label_value_survives_both_formats(value, number):
    samples = [Sample("tidegate_rate_limit_leases_total", (value,), number)]
    key = ("tidegate_rate_limit_leases_total", (("result", value),))
    assert samples_of(encode(samples, OPENMETRICS)[1].decode(), parse_openmetrics)[key] == number
    if not set(value) & set("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"):  # the text parser splits lines there too
        assert samples_of(encode(samples)[1].decode())[key] == number


def test_the_readme_table_has_a_row_per_metric():
    table = metrics_table_markdown()
    assert table.count("\n") == len(METRICS) + 2
    assert "| `tidegate_breaker_state` | gauge | `upstream`, `state` | 1 for the state" in table
