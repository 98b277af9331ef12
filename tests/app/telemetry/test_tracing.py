import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from app.foundation.errors import ConfigFaults, StartFault
from app.telemetry.tracing import FinishedSpan, Sampler, Tracer, TracingSettings, open_tracer, parse_tracing

BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
TRACE = b"0af7651916cd43dd8448eb211c80319c"
SPAN = b"b7ad6b7169203331"


class Kept(list[FinishedSpan]):
    """A pipeline that keeps what it is given."""

    add = list.append

    def close(self, timeout_s: float):
        self.clear()


def tracer(sampler: Sampler = Sampler()):  # noqa: B008 — a value
    kept = Kept()
    return Tracer(sampler, kept), kept


def faults(**environ: str):
    with pytest.raises(ConfigFaults) as caught:
        parse_tracing({**BASE, **environ})
    return [str(fault) for fault in caught.value.faults]


def test_tracing_is_off_without_an_endpoint():
    assert open_tracer({}, "1") is None
    assert parse_tracing({**BASE, "OTEL_SDK_DISABLED": "true"}) is None


def test_the_endpoint_alone_samples_everything():
    assert parse_tracing(BASE) == TracingSettings(
        "http://collector:4318/v1/traces", (), 10.0, None, Sampler(follows_parent=True, ratio=1.0)
    )


def test_the_endpoint_for_traces_wins_and_is_taken_as_it_is():
    settings = parse_tracing({**BASE, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces/in"})
    assert settings is not None
    assert settings.url == "https://traces/in"


def test_headers_timeout_and_certificate_are_read():
    settings = parse_tracing({
        **BASE,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a%20b, x_key=1",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
    })  # fmt: skip
    assert settings is not None
    assert settings.headers == (("x-tenant", "a b"), ("x_key", "1"))
    assert (settings.timeout_s, settings.ca_file) == (2.5, "/ca.pem")


@pytest.mark.parametrize(
    ("name", "argument", "sampler"),
    [
        ("always_on", "", Sampler(False, 1.0)),
        ("always_off", "", Sampler(False, 0.0)),
        ("parentbased_always_on", "", Sampler(True, 1.0)),
        ("parentbased_always_off", "", Sampler(True, 0.0)),
        ("traceidratio", "0.25", Sampler(False, 0.25)),
        ("parentbased_traceidratio", "0.25", Sampler(True, 0.25)),
        ("", "0.25", Sampler(True, 0.25)),
    ],
)
def test_every_standard_sampler_is_known(name, argument, sampler):
    settings = parse_tracing({**BASE, "OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert settings is not None
    assert settings.sampler == sampler


def test_every_fault_is_reported_with_its_cure():
    found = faults(
        OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_TIMEOUT="soon",
        OTEL_TRACES_SAMPLER="some",
        OTEL_TRACES_SAMPLER_ARG="2",
    )
    assert found == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: not an http or https URL; write it like http://collector:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' is not spoken here; "
        "use http/json and the collector's HTTP port (4318)",
        "OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' is out of bounds; use a number from 1 to 600000",
        "OTEL_TRACES_SAMPLER: 'some' is not known; use one of always_on, always_off, parentbased_always_on, "
        "parentbased_always_off, traceidratio, parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG: '2' is out of bounds; use a number from 0 to 1",
    ]


@pytest.mark.parametrize("url", ["http://c:port", "http://c:99999", "http://[::1", "http://", "ftp://c", "c"])
def test_an_endpoint_that_is_no_url_is_a_fault(url):
    assert (
        "OTEL_EXPORTER_OTLP_ENDPOINT: not an http or https URL" in faults(OTEL_EXPORTER_OTLP_ENDPOINT=url)[0]
    )


@pytest.mark.parametrize("headers", ["hush", "a b=hush", "=hush", "x=hush%0d%0ay: 1", "x=hush%C3%A9"])
def test_a_faulty_header_is_named_by_its_number_and_never_shown(headers):
    (fault,) = faults(OTEL_EXPORTER_OTLP_HEADERS=headers)
    assert fault.startswith("OTEL_EXPORTER_OTLP_HEADERS[1]: not a header")
    assert "hush" not in fault


def test_a_request_with_a_sound_traceparent_goes_on_in_its_trace():
    trace = tracer()[0].begin(b"00-%b-%b-01" % (TRACE, SPAN))
    assert (trace.trace_id, trace.parent_id, trace.is_sampled) == (TRACE, SPAN, True)
    assert trace.traceparent == b"00-%b-%b-01" % (TRACE, trace.span_id)


@pytest.mark.parametrize("traceparent", [None, b"", b"rubbish", b"00-%b-%b-01" % (b"0" * 32, SPAN)])
def test_a_request_without_one_starts_a_trace(traceparent):
    trace = tracer()[0].begin(traceparent)
    assert (len(trace.trace_id), len(trace.span_id), trace.parent_id) == (32, 16, b"")
    assert trace.is_sampled


def test_ids_are_unlike_each_other():
    one = tracer()[0]
    traces = [one.begin(None) for _ in range(200)]
    assert len({trace.trace_id for trace in traces}) == len({trace.span_id for trace in traces}) == 200


def test_a_caller_that_does_not_sample_is_honoured():
    one, kept = tracer()
    trace = one.begin(b"00-%b-%b-00" % (TRACE, SPAN))
    assert trace.traceparent.endswith(b"-00")
    one.record(FinishedSpan(trace, 1.0, 2.0, b"GET", b"/", 200, "", "", ""))
    assert kept == []


def test_a_sampled_span_is_recorded():
    one, kept = tracer()
    span = FinishedSpan(one.begin(None), 1.0, 2.0, b"GET", b"/", 200, "", "", "")
    one.record(span)
    assert kept == [span]
    one.close(1)
    assert kept == []


def test_a_sampler_that_does_not_follow_overrides_the_caller():
    one, _ = tracer(Sampler(follows_parent=False, ratio=0.0))
    assert one.begin(b"00-%b-%b-03" % (TRACE, SPAN)).flags == 2  # the random flag is not ours to clear


@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
def test_the_ratio_decides_as_the_sdk_does(trace_id, ratio):
    mine = Sampler(follows_parent=False, ratio=ratio).samples(b"%032x" % trace_id, None)
    bound = TraceIdRatioBased.get_bound_for_rate(ratio)
    assert mine == ((trace_id & (2**64 - 1)) < bound) or abs((trace_id & (2**64 - 1)) - bound) <= 1


def test_the_endpoint_opens_a_tracer():
    opened = open_tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "1")
    assert opened is not None
    opened.close(5)


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "app.telemetry.otlp", raising=False)
    for name in [name for name in sys.modules if name.startswith("opentelemetry.sdk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(StartFault, match=r'is not installed; pip install "tidegate\[otel\]", or unset it'):
        open_tracer(BASE, "1")


def test_while_tracing_is_off_nothing_heavy_is_imported():
    code = (
        "import sys, app.telemetry.access_log, app.telemetry.counts, app.telemetry.events; "
        "import app.foundation.logs, app.telemetry.reading, app.telemetry.tracing; "
        "app.telemetry.tracing.open_tracer({}, '1'); "
        "print({'opentelemetry', 'httpx', 'prometheus_client', 'pydantic', 'asyncio'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
