"""The schema of the `circuitBreaker` stanza."""

import app.policy.bounds as bounds
from app.policy.model import CircuitBreaker, FailureRate, OverrideState
from app.schema.nodes import (
    Schema,
    duration,
    instant,
    items,
    mapping,
    one_of,
    rules,
    status_or_word,
    whole,
)

__all__ = ["circuit_breaker"]

_BREAKER = CircuitBreaker()
_RATE = FailureRate(percent=1)


def circuit_breaker() -> Schema:
    """The stanza; its rules as those of `parse_breaker.py`."""
    node = mapping(
        "When to stop sending requests to an upstream that fails, and how to try it again. CLOSED counts, "
        "OPEN refuses at once with 503 breaker_open, HALF-OPEN lets a few probes pass. A failure is a "
        "connect error, a timeout, a reset, a malformed answer, or a status in failureOn. At least one of "
        "consecutiveFailures, failureRate, slowCalls and override must be set. An edit never resets state, "
        "counts or timer. A breaker set on a Route is one of its own, named upstream@route.",
        {
            "consecutiveFailures": whole(
                "Failures in a row that open the breaker. No default here; 3 where no policy sets a breaker. "
                "Lowered below the present row, it opens with the next failure, not with the edit.",
                bounds.CONSECUTIVE_FAILURES,
            ),
            "failureRate": _failure_rate(),
            "slowCalls": _slow_calls(),
            "openDuration": duration(
                "How long an open breaker refuses before it lets probes pass: 100ms to 1h, default 10s. "
                "Changed while open, the rest counts from the moment it opened.",
                bounds.OPEN_DURATION_S,
                _BREAKER.open_duration_s,
            ),
            "halfOpenRequests": whole(
                "Probes at a time in half-open, and successes needed to close; default 1. Changed in "
                "half-open, the next admission uses it; probes under way keep their permit.",
                bounds.HALF_OPEN_REQUESTS,
                _BREAKER.half_open_requests,
            ),
            "failureOn": {
                **items(
                    "Answers that count as failures: statuses from 400 to 599, or the classes 4xx and 5xx. "
                    "Default [5xx]. In force for the next answer.",
                    status_or_word(("[45]xx",), "must be a status from 400 to 599, 4xx or 5xx"),
                    bounds.STATUSES,
                ),
                "default": ["5xx"],
            },
            "override": _override(),
        },
    )
    return node | rules(
        (
            "has(self.consecutiveFailures) || has(self.failureRate) || has(self.slowCalls) || "
            "has(self.override)",
            "circuitBreaker must have one of consecutiveFailures, failureRate, slowCalls or override",
        )
    )


def _failure_rate() -> Schema:
    return mapping(
        "Opens the breaker when too large a share of the last requests failed.",
        {
            "percent": whole("Share of failed requests that opens it, in percent. Required.", bounds.PERCENT),
            "window": duration(
                "Length of the time window that is judged: 1s to 10m, default 10s. Changed live, counts are "
                "kept as far as they fit.",
                bounds.WINDOW_S,
                _RATE.window_s,
            ),
            "minimumRequests": whole(
                "Below this many requests in the window the share is not judged; default 20.",
                bounds.MINIMUM_REQUESTS,
                _RATE.minimum_requests,
            ),
        },
        ["percent"],
    )


def _slow_calls() -> Schema:
    return mapping(
        "Opens the breaker when too large a share of the last answers was slow; judged over failureRate's "
        "window and minimumRequests, or their defaults.",
        {
            "percent": whole("Share of slow answers that opens it, in percent. Required.", bounds.PERCENT),
            "threshold": duration(
                "An answer whose head takes longer is slow: 1ms to 10m. Required.", bounds.SLOW_THRESHOLD_S
            ),
        },
        ["percent", "threshold"],
    )


def _override() -> Schema:
    node = mapping(
        "Fleet-wide switch for incidents and drills. It lies on top of all settings; a circuitBreaker that "
        "holds nothing else replaces none. When it ends, the breaker goes on where it stood.",
        {
            "state": one_of(
                "Open refuses all requests, Closed lets all pass, Auto leaves the breaker to itself. "
                "Default Auto. In force at once in every gateway.",
                OverrideState,
                OverrideState.AUTO,
            ),
            "until": instant(
                "RFC 3339 date-time at which each gateway ends the override by its own clock, also without "
                "the operator. Required unless state is Auto; a past date has no effect."
            ),
        },
    )
    return node | rules(
        (
            "self.state == 'Auto' || has(self.until)",
            "until must be set where state is Open or Closed, such as 2027-01-31T12:00:00Z",
        )
    )
