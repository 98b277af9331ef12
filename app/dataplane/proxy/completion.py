"""The end of an exchange, once, whatever happened: breaker told, counted, logged, traced."""

from enum import Enum
from typing import TYPE_CHECKING

from app.clock import wall_s
from app.dataplane.codec.request import Request
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import NO_ROUTE
from app.telemetry.tracing import FinishedSpan

if TYPE_CHECKING:
    from app.dataplane.proxy.admission import Admission
    from app.dataplane.proxy.exchange import Exchange
    from app.dataplane.upstream.upstream import Address

__all__ = ["CLIENT_GONE", "Verdict", "finish", "line_end", "tell_breaker"]

CLIENT_GONE = 499
"""How the metric counts a request whose client left before any answer began (nginx's number)."""


class Verdict(Enum):
    """What the breaker is told at the end."""

    IGNORE = 0
    SUCCESS = 1
    SLOW = 2
    FAILURE = 3


_SUCCESS = Verdict.SUCCESS  # in Python 3.11 naming an enum's member takes 0.1 µs


def finish(exchange: "Exchange", now: float) -> None:
    """Give back what was taken and write down what was. The second call does nothing."""
    if exchange.finished:
        return
    exchange.finished = True
    runtime, request, admission = exchange.runtime, exchange.request, exchange.admission
    runtime.counts.in_flight -= 1
    duration_s = now - exchange.started_s
    plan = target = None
    if admission is not None:
        plan, target = admission.plan, admission.target
        if admission.call is not None and target is not None:
            tell_breaker(exchange, now)
    cells = plan.counts if plan is not None else runtime.counts.route(NO_ROUTE)
    cells.count(request.method, exchange.status or CLIENT_GONE, exchange.reason)
    trial = exchange.trial
    upstream_s = None
    if trial is not None and target is not None:
        upstream_s = trial.spent_s(now)
        target.counts.duration.observe(upstream_s)
    if exchange.trace is not None and exchange.trace.is_sampled:
        _trace(exchange, duration_s)
    else:
        cells.duration.observe(duration_s)
    log = runtime.log
    if log.is_on:
        log.write(
            (
                wall_s() - duration_s,
                exchange.request_id,
                exchange.status,
                exchange.reason,
                exchange.body.seen_bytes,
                exchange.bytes_out,
                duration_s * 1000.0,
                upstream_s * 1000.0 if upstream_s is not None else None,
                trial.attempts if trial is not None else 0,
                exchange.trace.trace_id if exchange.trace is not None else None,
                line_end(log, request, admission, trial.address if trial is not None else None),
            )
        )


def line_end(
    log: AccessLog, request: Request, admission: "Admission | None", address: "Address | None"
) -> bytes:
    """What the log says of the request and where it went."""
    plan = client = target = None
    if admission is not None:
        plan, client, target = admission.plan, admission.client, admission.target
    return log.subjects.line_end(
        (
            client.name if client is not None else None,
            request.client_ip,
            request.method,
            request.host or None,
            plan.name if plan is not None else None,
            target.upstream.name if target is not None else None,
            address.label if address is not None else None,
            "websocket" if request.websocket else "HTTP/1.0" if request.http10 else "HTTP/1.1",
            request.head.agent,
        ),
        request.path,
    )


def tell_breaker(exchange: "Exchange", now: float) -> None:
    """Give the breaker's leave back with the verdict. The second call does nothing."""
    admission = exchange.admission
    if admission is None or admission.target is None or admission.call is None:
        return
    breaker, call = admission.target.breaker, admission.call
    admission.call = None
    verdict = exchange.verdict
    if admission.target.shadow is not None:
        admission.shadow.end(verdict, bool(exchange.reason), now)
    if verdict is _SUCCESS:
        breaker.succeed(call, now)
    elif verdict is Verdict.FAILURE:
        breaker.fail(call, now, exchange.reason or f"status_{exchange.status}", exchange.error)
    elif verdict is Verdict.SLOW:
        breaker.slow(call, now)
    else:
        breaker.ignore(call, now)


def _trace(exchange: "Exchange", duration_s: float) -> None:
    trace, tracer, admission = exchange.trace, exchange.runtime.tracer, exchange.admission
    assert trace is not None and tracer is not None  # noqa: S101, PT018
    end_wall_s = wall_s()
    plan = admission.plan if admission is not None else None
    target = admission.target if admission is not None else None
    cells = plan.counts if plan is not None else exchange.runtime.counts.route(NO_ROUTE)
    cells.duration.observe_traced(duration_s, trace.trace_id, end_wall_s)
    tracer.record(
        FinishedSpan(
            trace,
            end_wall_s - duration_s,
            end_wall_s,
            exchange.request.method,
            exchange.request.path,
            exchange.status,
            plan.name if plan is not None else "",
            target.upstream.name if target is not None else "",
            exchange.reason,
            exchange.error,
        )
    )
