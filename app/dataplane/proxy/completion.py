"""The end of an exchange, once, whatever happened: breaker informed, counted, logged, traced."""

from typing import Final

from app.breaker.values import Outcome
from app.dataplane.codec.grpc import NO_STATUS, status_name
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.decision_entry import decision_entry
from app.dataplane.proxy.state import ExchangeState
from app.foundation.clock import wall_s
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import NO_ROUTE
from app.telemetry.tracing import FinishedSpan

__all__ = ["CLIENT_GONE", "complete", "return_permit"]

CLIENT_GONE: Final = 499
"""How the metric counts a request whose client left before any response began (nginx's number)."""

# In Python 3.11 naming an enum's member takes 0.1 µs
_SUCCESS: Final = Outcome.SUCCESS
_SLOW: Final = Outcome.SLOW
_FAILURE: Final = Outcome.FAILURE


def complete(state: ExchangeState, context: ProxyContext, now: float) -> None:
    """Give back what was taken and write down what was. The second call does nothing."""
    if state.completed:
        return
    state.completed = True
    context.counts.in_flight -= 1
    duration_s = now - state.started_s
    route, target = state.route, state.target
    if state.permit is not None:
        return_permit(state, now)
    cells = route.counts if route is not None else context.counts.route(NO_ROUTE)
    cells.count(state.request.method, state.status or CLIENT_GONE, state.reason)
    if state.upstream_s is not None and target is not None:
        target.counts.duration.observe(state.upstream_s)
    if state.trace is not None and state.trace.is_sampled:
        _trace(state, context, duration_s)
    else:
        cells.duration.observe(duration_s)
    began_wall_s = state.began_wall_s or wall_s() - duration_s
    decisions = context.decisions
    if decisions is not None and (
        state.reason
        or state.outcome is _FAILURE
        or state.status < 100
        or state.status >= 500
        or decisions.takes_pass()
    ):
        decisions.record(decision_entry(state, context.plans, began_wall_s, duration_s))
    log = context.log
    if log.is_on:
        _log(state, log, began_wall_s, duration_s)


def return_permit(state: ExchangeState, now: float) -> None:
    """Give the breaker's leave back with the outcome. The second call does nothing."""
    target, permit = state.target, state.permit
    if target is None or permit is None:
        return
    state.permit = None
    if permit.is_probe:
        state.was_probe = True
    outcome, breaker = state.outcome, target.breaker
    if state.shadow is not None:
        state.shadow.end(outcome, bool(state.reason), now)
    if outcome is _SUCCESS:
        breaker.succeed(permit, now)
    elif outcome is _FAILURE:
        breaker.fail(
            permit, now, state.reason or f"status_{state.status}", state.error or _call_status(state)
        )
    elif outcome is _SLOW:
        breaker.slow(permit, now)
    else:
        breaker.ignore(permit, now)


def _call_status(state: ExchangeState) -> str:
    """What a failed call of gRPC says beside the status that it counts as."""
    return f"gRPC status {status_name(state.grpc_status)}" if state.grpc_status != NO_STATUS else ""


def _log(state: ExchangeState, log: AccessLog, began_wall_s: float, duration_s: float) -> None:
    request, route, target = state.request, state.route, state.target
    client, endpoint, upstream_s, trace = state.client, state.endpoint, state.upstream_s, state.trace
    subject = (
        client.name if client is not None else None,
        request.client_ip,
        request.method,
        request.host or None,
        route.name if route is not None else None,
        target.upstream.name if target is not None else None,
        endpoint.label if endpoint is not None else None,
        "websocket" if request.websocket else request.protocol,
        state.grpc_status if state.grpc_status != NO_STATUS else None,
        request.agent,
    )
    log.write(
        (
            began_wall_s,
            state.id_in_json,
            state.status,
            state.reason,
            state.bytes_in,
            state.bytes_out,
            duration_s * 1000.0,
            upstream_s * 1000.0 if upstream_s is not None else None,
            state.attempts,
            trace.trace_id if trace is not None else None,
            subject,
            request.path,
        )
    )


def _trace(state: ExchangeState, context: ProxyContext, duration_s: float) -> None:
    trace, tracer, route, target = state.trace, context.tracer, state.route, state.target
    if trace is None or tracer is None:
        return
    end_wall_s = wall_s()
    cells = route.counts if route is not None else context.counts.route(NO_ROUTE)
    cells.duration.observe_traced(duration_s, trace.trace_id, end_wall_s)
    tracer.record(
        FinishedSpan(
            trace,
            end_wall_s - duration_s,
            end_wall_s,
            state.request.method,
            state.request.path,
            state.status,
            route.name if route is not None else "",
            target.upstream.name if target is not None else "",
            state.reason,
            state.error,
            state.grpc_status,
        )
    )
