import asyncio
import json
from typing import Any, cast

import pytest

from app.breaker.registry import Breakers
from app.breaker.values import Outcome
from app.dataplane.proxy.admission import Admit, decide
from app.dataplane.proxy.completion import complete, return_permit
from app.dataplane.proxy.context import Observers, ProxyContext
from app.dataplane.proxy.shadow import ShadowBreaker
from app.dataplane.proxy.state import ExchangeState
from app.keys.keyring import Client
from app.limits.memory import MemoryLimiter
from app.policy.model import CircuitBreaker
from app.settings import load_settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from app.telemetry.decisions import DecisionRing
from app.telemetry.tracing import Trace
from tests.fakes.plans import plans_of
from tests.fakes.requests import request_of

NOW_S = 100.0
TEXT = (
    "policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], circuitBreaker: {consecutiveFailures: 1}}}]\n"
)
SAMPLED = Trace(b"a" * 32, b"b" * 16, b"", 1)


class Collected:
    """A tracer that keeps the spans."""

    def __init__(self):
        self.spans = []

    def record(self, span):
        self.spans.append(span)


class Ended:
    """An exchange at its end; `state` as it left it."""

    def __init__(self, *, admitted=True, sent=True, log="off", request=None, **given):
        self.counts, self.breakers, self.tracer = Counts("test"), Breakers(), Collected()
        plans = plans_of(TEXT, counts=self.counts, breakers=self.breakers, auth="none")
        self.context = ProxyContext(
            load_settings({}),
            asyncio.get_running_loop(),
            plans,
            MemoryLimiter(),
            Observers(self.counts, AccessLog(log), cast("Any", self.tracer), lambda _: None),
        )
        self.counts.in_flight = 1
        request = request or request_of("/p")
        state = self.state = ExchangeState(request, b"id", NOW_S)
        state.status, state.outcome, state.bytes_in, state.bytes_out = 200, Outcome.SUCCESS, 3, 5
        if admitted:
            admission = decide(request, plans, self.context.limiter, lambda: 0.0, NOW_S, 0.0)
            assert isinstance(admission, Admit)
            state.route, state.target, state.permit = admission.route, admission.target, admission.permit
        if sent and admitted:
            state.upstream_s, state.attempts = 1.0, 2
        for name, value in given.items():
            setattr(state, name, value)

    @property
    def breaker(self):
        return self.breakers.known("cache")

    def end(self, now_s=NOW_S + 2):
        complete(self.state, self.context, now_s)


async def test_it_counts_once_whatever_is_called_again():
    ended = Ended()
    ended.end(NOW_S + 2)
    ended.end(NOW_S + 9)
    route = ended.counts.routes["default"]
    assert (ended.counts.in_flight, route.requests) == (0, {(b"GET", 200, ""): 1})
    assert (route.duration.sum_s, ended.counts.upstreams["cache"].duration.sum_s) == (2.0, 1.0)


async def test_a_request_began_when_the_wall_clock_was_read():
    ring = DecisionRing(9)
    ended = Ended(began_wall_s=1.0e9, reason="rate_limited", status=429)
    ended.context.decisions = ring
    ended.end()
    assert ring.oldest_wall_s == 1.0e9


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.SUCCESS, "closed"),
        (Outcome.SLOW, "closed"),
        (Outcome.IGNORED, "closed"),
        (Outcome.FAILURE, "open"),
    ],
)
async def test_the_breaker_is_told_the_outcome_and_its_leave_given_back(outcome, state):
    ended = Ended(outcome=outcome)
    ended.end()
    assert ended.breaker.view(NOW_S + 1, 0.0).state == state
    assert ended.state.permit is None


@pytest.mark.parametrize(
    ("given", "word"),
    [({"status": 503}, "status_503"), ({"status": 502, "reason": "upstream_reset"}, "upstream_reset")],
)
async def test_the_breaker_is_told_why(given, word):
    ended = Ended(outcome=Outcome.FAILURE, error="what it was", **given)
    ended.end()
    failure = ended.breaker.view(NOW_S + 1, 0.0).last_failure
    assert (failure.word, failure.detail) == (word, "what it was")


async def test_leave_that_was_given_back_before_the_end_is_not_given_back_again():
    ended = Ended(outcome=Outcome.SUCCESS)
    return_permit(ended.state, NOW_S + 1)
    ended.state.outcome = Outcome.FAILURE
    return_permit(ended.state, NOW_S + 1)
    ended.end()
    assert ended.breaker.view(NOW_S + 2, 0.0).state == "closed"


async def test_the_shadow_hears_of_it_with_the_breaker():
    ended = Ended(outcome=Outcome.FAILURE, status=502, reason="upstream_reset")
    beside = ShadowBreaker(
        Breakers().get("p one", CircuitBreaker(consecutive_failures=9)), "p", "Gateway", ended.counts
    )
    ended.state.shadow = beside.admit(NOW_S)
    ended.end()
    assert tuple(beside.breaker.view(NOW_S + 2, 0.0).window)[:2] == (1, 1)


async def test_a_client_that_left_before_a_response_counts_as_499():
    ended = Ended(status=0, outcome=Outcome.IGNORED, sent=False)
    ended.end(NOW_S)
    assert ended.counts.routes["default"].requests == {(b"GET", 499, ""): 1}
    assert ended.counts.upstreams["cache"].duration.sum_s == 0


@pytest.mark.parametrize("trace", [None, SAMPLED])
async def test_what_met_no_route_counts_under_the_empty_name(trace):
    ended = Ended(admitted=False, status=400, reason="request_malformed", trace=trace)
    ended.end(NOW_S)
    assert ended.counts.routes[""].requests == {(b"GET", 400, "request_malformed"): 1}


async def test_a_sampled_trace_becomes_a_span_and_an_exemplar():
    ended = Ended(trace=SAMPLED)
    ended.end(NOW_S + 2)
    (span,) = ended.tracer.spans
    assert (span.trace, span.route, span.upstream, span.status) == (SAMPLED, "default", "cache", 200)
    assert span.end_wall_s - span.start_wall_s == pytest.approx(2.0)
    (exemplar,) = filter(None, ended.counts.routes["default"].duration.exemplars or ())
    assert exemplar[:2] == (SAMPLED.trace_id, 2.0)


async def test_a_trace_that_is_not_sampled_leaves_no_span():
    ended = Ended(trace=SAMPLED._replace(flags=0))
    ended.end(NOW_S + 2)
    assert ended.tracer.spans == []
    assert ended.counts.routes["default"].duration.exemplars is None


async def test_a_trace_whose_tracer_is_gone_leaves_nothing():
    ended = Ended(trace=SAMPLED)
    ended.context.tracer = None
    ended.end(NOW_S + 2)
    assert ended.counts.routes["default"].requests == {(b"GET", 200, ""): 1}


@pytest.mark.parametrize("admitted", [True, False])
async def test_every_end_is_a_line_in_the_log(tmp_path, admitted):
    request = request_of("/p?q=secret", version="1.0", fields=["user-agent: probe"])
    ended = Ended(admitted=admitted, log=str(tmp_path / "log"), trace=SAMPLED, request=request)
    ended.state.client = Client("acme")
    if ended.state.target is not None:
        ended.state.endpoint = ended.state.target.upstream.choose(NOW_S, None)
    ended.end(NOW_S + 2)
    assert ended.context.log.close(5.0) == 0
    line = json.loads((tmp_path / "log").read_text())
    assert (line["client"], line["client_ip"], line["method"], line["host"], line["path"]) == (
        "acme",
        "192.0.2.1",
        "GET",
        "h",
        "/p",
    )
    seen = (line["route"], line["upstream"], line["attempts"], line["upstream_ms"])
    assert seen == (("default", "cache", 2, 1000.0) if admitted else (None, None, 0, None))
    assert (line["protocol"], line["duration_ms"]) == ("HTTP/1.0", 2000.0)
    assert (line["bytes_in"], line["bytes_out"], line["trace_id"]) == (3, 5, "a" * 32)


async def test_a_call_of_grpc_is_logged_traced_and_judged_with_its_own_status(tmp_path):
    ended = Ended(log=str(tmp_path / "log"), trace=SAMPLED)
    ended.state.status, ended.state.grpc_status, ended.state.outcome = 503, 14, Outcome.FAILURE
    target = ended.state.target
    assert target is not None
    ended.end(NOW_S + 2)
    assert ended.context.log.close(5.0) == 0
    line = json.loads((tmp_path / "log").read_text())
    assert (line["status"], line["grpc_status"]) == (503, 14)
    assert ended.tracer.spans[0].grpc_status == 14
    failure = target.breaker.view(NOW_S + 2, 0.0).last_failure
    assert failure is not None
    assert (failure.word, failure.detail) == ("status_503", "gRPC status UNAVAILABLE")
