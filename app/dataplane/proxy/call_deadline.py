"""When a call of gRPC must be over, and whose failure it is when it is not. Times are monotonic seconds."""

from typing import Final

from app.dataplane.codec.body import RequestBody
from app.dataplane.proxy.state import ExchangeState

__all__ = ["CALLER_EARLY_S", "call_deadline_s", "has_passed", "is_streaming_probe", "is_too_slow"]

CALLER_EARLY_S: Final = 0.05
"""A caller that gives up at its own deadline is seen to do so this much before ours at most: timers and the network."""
FAIR_TIMEOUT_S: Final = 0.1
"""A caller that gives a call less says more of itself than of the upstream, whose breaker is everybody's."""


def call_deadline_s(state: ExchangeState, deadline_s: float, request_s: float) -> float:
    """The earliest of `deadline_s`, the call's own, and when a probe that began to respond has done enough.

    `request_s`: the route's `timeout.request`.
    """
    timeout_s = state.request.grpc_timeout_s
    if timeout_s is not None:
        deadline_s = min(deadline_s, state.started_s + timeout_s)
    if is_streaming_probe(state):
        deadline_s = min(deadline_s, state.started_s + request_s)
    return deadline_s


def has_passed(state: ExchangeState, now: float) -> bool:
    """Whether the time is over that the caller gave its call."""
    timeout_s = state.request.grpc_timeout_s
    return timeout_s is not None and now >= state.started_s + timeout_s


def is_streaming_probe(state: ExchangeState) -> bool:
    """A probe whose trailers are still to come, which would judge it."""
    return state.status > 0 and state.permit is not None and state.permit.permit.is_probe


def is_too_slow(state: ExchangeState, body: RequestBody) -> bool:
    """Whether missing the call's deadline is the upstream's failure: `body` has come whole, and nothing was said to it.

    A stream cut in its midst is nobody's fault.
    """
    timeout_s = state.request.grpc_timeout_s
    return timeout_s is not None and timeout_s >= FAIR_TIMEOUT_S and body.complete and not state.status
