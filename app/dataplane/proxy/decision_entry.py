"""An exchange at its end as the ring of decisions keeps it.

What is not kept with it cannot leak: of the request only its method, its id and its trace's id stay. So the route that
would have been next is looked up here, while the request's path is there, and for those that are kept only.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from app.dataplane.codec.field_lines import pairs_of
from app.dataplane.codec.request import Request
from app.dataplane.proxy.entrance import OWN_PORT
from app.dataplane.proxy.listener_route import listener_of
from app.dataplane.proxy.routes import Plans, PolicyOrigin, RoutePlan, Target
from app.dataplane.proxy.state import ExchangeState
from app.foundation.otel.trace_context import trace_id_of
from app.foundation.reasons import Reason
from app.routing.index import NO_ROUTE, VARIES
from app.telemetry.decisions import Attempt, Entry

__all__ = ["decision_entry"]

_BREAKER_STATES: Final = {str(Reason.BREAKER_OPEN): "open", str(Reason.BREAKER_PROBING): "half_open"}
_TIMEOUTS: Final = frozenset({str(Reason.UPSTREAM_TIMEOUT), str(Reason.REQUEST_TIMEOUT)})
MOST_STATUSES: Final = 1_000


@lru_cache(MOST_STATUSES)
def _status_outcome(status: int) -> str:
    return f"status_{status}"


def decision_entry(state: ExchangeState, plans: Plans, began_wall_s: float, duration_s: float) -> Entry:
    """`plans`: in force at the end of the exchange. Floods come by here: what they have not costs no call.

    Thousands of entries are kept: what they have in common, from the method on, is one object, a third of their memory.
    """
    request, route, client, trace = state.request, state.route, state.client, state.trace
    return (
        began_wall_s,
        state.request_id,
        trace.trace_id if trace is not None else _callers_trace_id(request),
        request.method,
        state.status,
        state.reason,
        state.error,
        route.name if route is not None else None,
        _runner_up(request, route, plans) if route is not None and len(plans.plans) > 1 else None,
        client.name if client is not None else None,
        client.tier if client is not None else None,
        state.limit_lines,
        _policy(state, plans) if state.reason else None,
        _breaker(state, state.target) if state.target is not None else None,
        _attempts(state, duration_s) if state.attempts else (),
        duration_s,
        state.grpc_status,
    )


def _callers_trace_id(request: Request) -> bytes | None:
    """Without tracing of our own, the caller's, which went on to the upstream."""
    return trace_id_of(request.traceparent) if request.traceparent else None


def _runner_up(request: Request, route: RoutePlan, plans: Plans) -> str | None:
    """Which route takes such a request where `route` does not."""
    index, position = plans.index, route.position
    positions: Sequence[int] | None = None
    if request.peer.port != OWN_PORT:
        listener = listener_of(request, plans)
        if listener is None:
            return None  # since a reload
        index, positions = listener.index, listener.positions
    elif position < len(plans.plans) and plans.plans[position] is route:  # no reload since
        next_one = index.runner_up(position)
        if next_one == NO_ROUTE:
            return None
        if next_one != VARIES and plans.plans[next_one].name != route.name:
            return plans.plans[next_one].name
    pairs = pairs_of(request.fields) if index.reads_fields else ()
    for other in index.all_matches(request.host, request.method, request.path, request.query, pairs):
        name = plans.plans[other if positions is None else positions[other]].name
        if name != route.name:
            return name
    return None


def _policy(state: ExchangeState, plans: Plans) -> PolicyOrigin:
    """Whose stanza ended the request, and in which generation of the resource."""
    route = state.route
    if route is not None and state.rule is not None:
        return route.limit_origin
    if route is not None and state.reason in _TIMEOUTS:
        return route.timeout_origin
    if state.target is not None and state.reason in _BREAKER_STATES:
        setting = plans.table.breakers.get(state.target.breaker.name)
        return plans.origin(setting.origin.policy) if setting is not None else None
    return None


def _breaker(state: ExchangeState, target: Target) -> tuple[str, str] | None:
    """As the request met it, whatever it became since."""
    met = _BREAKER_STATES.get(state.reason) or ("half_open" if state.was_probe else "closed")
    if met == "closed":
        return target.met_closed
    return target.breaker.name, met


def _attempts(state: ExchangeState, duration_s: float) -> tuple[Attempt, ...]:
    """Those that were given up, and the last one with what became of the exchange."""
    failed = state.failed_attempts
    if len(failed) >= state.attempts:
        return failed
    endpoint, head_s, upstream_s = state.endpoint, state.head_s, state.upstream_s
    outcome = "client_gone" if state.error == "client_gone" else state.reason or _status_outcome(state.status)
    last = (
        endpoint.label if endpoint is not None else None,
        str(outcome),
        head_s * 1000.0 if head_s is not None else None,
        (upstream_s if upstream_s is not None else duration_s) * 1000.0,
    )
    return (*failed, last)
