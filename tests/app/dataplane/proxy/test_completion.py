import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.breaker.registry import Breakers
from app.dataplane.codec.fields import Hop
from app.dataplane.codec.heads import RequestHead
from app.dataplane.codec.request import Request
from app.dataplane.proxy.admission import decide
from app.dataplane.proxy.completion import Verdict, finish
from app.dataplane.proxy.context import Runtime
from app.dataplane.proxy.routes import Plans
from app.limits.memory import MemoryLimiter
from app.settings import load_settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from app.telemetry.tracing import Trace
from tests.fakes.plans import plans_of

NOW_S = 100.0
TEXT = (
    "policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], circuitBreaker: {consecutiveFailures: 1}}}]\n"
)
SAMPLED = Trace(b"a" * 32, b"b" * 16, b"", 1)


def end(ended, now_s):
    finish(cast("Any", ended), now_s)


class Collected:
    """A tracer that keeps the spans."""

    def __init__(self):
        self.spans = []

    def record(self, span):
        self.spans.append(span)


class Ended:
    """An exchange at its end, with what `finish` reads of it."""

    def __init__(self, tmp_path, *, admitted=True, sent=True, log="off", **given):
        self.counts, self.breakers = Counts("test"), Breakers()
        plans: Plans = plans_of(TEXT, counts=self.counts, breakers=self.breakers, auth="none")
        self.runtime = Runtime(
            load_settings({}),
            asyncio.get_running_loop(),
            plans,
            MemoryLimiter(),
            self.counts,
            AccessLog(log),
            (),
        )
        self.tracer = Collected()
        self.runtime.tracer = cast("Any", self.tracer)
        self.counts.in_flight = 1
        self.request = Request(b"GET", (b"/p", None, None), [], RequestHead(), Hop("192.0.2.1", "http", ()))
        self.admission = None
        if admitted:
            self.admission = decide(self.request, plans, self.runtime.limiter, lambda: 0.0, NOW_S, 0.0)
        target = self.admission.target if self.admission else None
        address = target.upstream.choose(NOW_S, None) if target else None
        self.trial = (
            SimpleNamespace(spent_s=lambda now: now - NOW_S - 1, address=address, attempts=2)
            if sent
            else None
        )
        self.body = SimpleNamespace(seen_bytes=3)
        self.finished, self.started_s, self.status, self.reason, self.error = False, NOW_S, 200, "", ""
        self.bytes_out, self.request_id, self.trace, self.verdict = 5, b"id", None, Verdict.SUCCESS
        for name, value in given.items():
            setattr(self, name, value)

    @property
    def breaker(self):
        return self.breakers.known("cache")


async def test_it_counts_once_whatever_is_called_again(tmp_path):
    ended = Ended(tmp_path)
    end(ended, NOW_S + 2)
    end(ended, NOW_S + 9)
    route = ended.counts.routes["default"]
    assert (ended.counts.in_flight, route.requests) == (0, {(b"GET", 200, ""): 1})
    assert (route.duration.sum_s, ended.counts.upstreams["cache"].duration.sum_s) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.SUCCESS, "closed"),
        (Verdict.SLOW, "closed"),
        (Verdict.IGNORE, "closed"),
        (Verdict.FAILURE, "open"),
    ],
)
async def test_the_breaker_is_told_the_verdict_and_its_leave_given_back(tmp_path, verdict, state):
    ended = Ended(tmp_path, verdict=verdict)
    end(ended, NOW_S + 1)
    assert ended.breaker.view(NOW_S + 1, 0.0).state == state
    assert ended.admission is not None
    assert ended.admission.call is None


async def test_a_client_that_left_before_an_answer_counts_as_499(tmp_path):
    ended = Ended(tmp_path, status=0, verdict=Verdict.IGNORE, sent=False)
    end(ended, NOW_S)
    assert ended.counts.routes["default"].requests == {(b"GET", 499, ""): 1}
    assert ended.counts.upstreams["cache"].duration.sum_s == 0


@pytest.mark.parametrize("trace", [None, SAMPLED])
async def test_what_met_no_route_counts_under_the_empty_name(tmp_path, trace):
    ended = Ended(tmp_path, admitted=False, sent=False, status=400, reason="request_malformed", trace=trace)
    end(ended, NOW_S)
    assert ended.counts.routes[""].requests == {(b"GET", 400, "request_malformed"): 1}


async def test_a_sampled_trace_becomes_a_span_and_an_exemplar(tmp_path):
    ended = Ended(tmp_path, trace=SAMPLED)
    end(ended, NOW_S + 2)
    (span,) = ended.tracer.spans
    assert (span.trace, span.route, span.upstream, span.status) == (SAMPLED, "default", "cache", 200)
    assert span.end_wall_s - span.start_wall_s == pytest.approx(2.0)
    (exemplar,) = filter(None, ended.counts.routes["default"].duration.exemplars or ())
    assert exemplar[:2] == (SAMPLED.trace_id, 2.0)


async def test_a_trace_that_is_not_sampled_leaves_no_span(tmp_path):
    ended = Ended(tmp_path, trace=SAMPLED._replace(flags=0))
    end(ended, NOW_S + 2)
    assert ended.tracer.spans == []
    assert ended.counts.routes["default"].duration.exemplars is None


@pytest.mark.parametrize("admitted", [True, False])
async def test_every_end_is_a_line_in_the_log(tmp_path, admitted):
    ended = Ended(tmp_path, admitted=admitted, sent=admitted, log=str(tmp_path / "log"), trace=SAMPLED)
    ended.request.http10 = True
    end(ended, NOW_S + 2)
    assert ended.runtime.log.close(5.0) == 0
    line = json.loads((tmp_path / "log").read_text())
    seen = (line["route"], line["upstream"], line["endpoint"], line["attempts"], line["upstream_ms"])
    assert seen == (("default", "cache", None, 2, 1000.0) if admitted else (None, None, None, 0, None))
    assert (line["protocol"], line["duration_ms"], line["bytes_in"], line["bytes_out"]) == (
        "HTTP/1.0",
        2000.0,
        3,
        5,
    )
    assert line["trace_id"] == "a" * 32
