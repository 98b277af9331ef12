import subprocess
import sys

import pytest

from app.foundation.errors import ConfigFaults
from app.foundation.otel.settings import Sampler
from app.telemetry.tracing import FinishedSpan, Tracer, open_tracer

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


def test_tracing_is_off_without_an_endpoint():
    assert open_tracer({}, "1") is None


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


def test_the_endpoint_opens_a_tracer():
    opened = open_tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "1")
    assert opened is not None
    opened.close(5)


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "app.telemetry.span_pipeline", raising=False)
    for name in [name for name in sys.modules if name.startswith("opentelemetry.sdk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(ConfigFaults, match=r'is not installed; pip install "tidegate\[otel\]", or unset it'):
        open_tracer(BASE, "1")


def test_while_tracing_is_off_nothing_heavy_is_imported():
    code = (
        "import sys, app.telemetry.access_log, app.telemetry.counts, app.telemetry.events; "
        "import app.foundation.logs, app.telemetry.reading, app.telemetry.tracing; "
        "app.telemetry.tracing.open_tracer({}, '1'); "
        "heavy = {'opentelemetry', 'requests', 'google', 'httpx', 'prometheus_client', 'pydantic', 'asyncio'}; "
        "print(heavy & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
