"""When a call of gRPC must be over, and whose failure it is when it is not. Times are monotonic seconds."""

from typing import Final

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.grpc import DEADLINE_EXCEEDED
from app.dataplane.proxy.state import ExchangeState

__all__ = [
    "CALLER_EARLY_S",
    "call_deadline_s",
    "ended_at_deadline",
    "has_passed",
    "is_streaming_probe",
    "is_too_slow",
]

CALLER_EARLY_S: Final = 0.05
"""A caller or an upstream that ends a call at its deadline is seen to do so this much before our own clock at most."""
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
    return state.status > 0 and state.permit is not None and state.permit.is_probe


def ended_at_deadline(state: ExchangeState, now: float) -> bool:
    """Whether the upstream itself ended the call for its deadline, whose clock may be ahead of ours."""
    return state.grpc_status == DEADLINE_EXCEEDED and has_passed(state, now + CALLER_EARLY_S)


def is_too_slow(state: ExchangeState, body: RequestBody) -> bool:
    """Whether missing the call's deadline is the upstream's failure: `body` has come whole, and nothing was said to it.

    A stream cut in its midst is nobody's fault. The rule is the same whoever ends the call at its deadline: our timer,
    the caller or the upstream, which race. So what is said only then, as a head just before its trailers, is too late.
    """
    timeout_s = state.request.grpc_timeout_s
    if timeout_s is None or timeout_s < FAIR_TIMEOUT_S or not body.complete:
        return False
    return state.head_s is None or state.head_s + CALLER_EARLY_S >= timeout_s
