"""An exchange at its end as the ring of decisions keeps it."""

from typing import Final

from app.config.table import Table
from app.dataplane.proxy.state import ExchangeState
from app.foundation.reasons import Reason
from app.telemetry.decisions import Attempt, Entry

__all__ = ["decision_entry"]

_BREAKER_STATES: Final = {str(Reason.BREAKER_OPEN): "open", str(Reason.BREAKER_PROBING): "half_open"}
_NOBODY: Final = (None, None)


def decision_entry(state: ExchangeState, table: Table, end_wall_s: float, duration_s: float) -> Entry:
    """`table`: in force when a rejection was given; only then a policy is looked up."""
    request, route, client, trace = state.request, state.route, state.client, state.trace
    return (
        end_wall_s - duration_s,
        state.request_id,
        trace.trace_id if trace is not None else None,
        request.method,
        state.status,
        state.reason,
        state.error,
        route.name if route is not None else None,
        client.name if client is not None else None,
        client.tier if client is not None else None,
        state.limit_lines,
        _policy(state, table),
        _breaker(state),
        _attempts(state, duration_s) if state.attempts else (),
        duration_s,
    )


def _policy(state: ExchangeState, table: Table) -> tuple[str | None, int | None]:
    """Whose stanza rejected, and in which generation of the resource."""
    if state.rule is not None:
        policy = state.rule.policy
    elif state.target is not None and state.reason in _BREAKER_STATES:
        setting = table.breakers.get(state.target.breaker.name)
        if setting is None:
            return _NOBODY
        policy = setting.origin.policy
    else:
        return _NOBODY
    resources = table.resources
    read = resources.read.get(resources.uids.get(policy, ""))
    return policy, read[0].generation if read is not None else None


def _breaker(state: ExchangeState) -> tuple[str, str] | None:
    """As the request met it, whatever it became since."""
    target = state.target
    if target is None:
        return None
    met = _BREAKER_STATES.get(state.reason) or ("half_open" if state.was_probe else "closed")
    return target.breaker.name, met


def _attempts(state: ExchangeState, duration_s: float) -> tuple[Attempt, ...]:
    """Those that were given up, and the last one with what became of the exchange."""
    failed = state.failed_attempts
    if len(failed) >= state.attempts:
        return failed
    endpoint, head_s, upstream_s = state.endpoint, state.head_s, state.upstream_s
    outcome = "client_gone" if state.error == "client_gone" else state.reason or f"status_{state.status}"
    last = (
        endpoint.label if endpoint is not None else None,
        str(outcome),
        head_s * 1000.0 if head_s is not None else None,
        (upstream_s if upstream_s is not None else duration_s) * 1000.0,
    )
    return (*failed, last)
