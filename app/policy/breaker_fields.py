"""The `circuitBreaker` stanza: what its fields are called, what they may say and what they mean."""

from app.policy.model import BreakerOverride, CircuitBreaker, FailureRate, OverrideState, SlowCalls
from app.policy.statuses import FailureStatuses
from app.schema.fields import Choice, Duration, Instant, Whole
from app.schema.records import Nested, Record, Rule
from app.schema.section import Section

__all__ = ["CIRCUIT_BREAKER", "OVERRIDE"]

_BREAKER = CircuitBreaker()
_RATE = FailureRate(percent=1)
_CRITERIA = ("consecutiveFailures", "failureRate", "slowCalls", "override")


def _check_criteria(section: Section, _: CircuitBreaker) -> None:
    if not any(key in section for key in _CRITERIA):
        section.faults.add(section.path, "never opens", f"it must have one of {', '.join(_CRITERIA)}")


def _check_end(section: Section, override: BreakerOverride) -> None:
    if override.state is not OverrideState.AUTO and "until" not in section:
        fix = f"state {override.state} must have an end such as 2027-01-31T12:00:00Z"
        section.fault("until", "is required", fix)


_FAILURE_RATE = Record(
    FailureRate,
    "Opens the breaker when too large a share of the last requests failed.",
    {
        "percent": Whole(
            "percent",
            1,
            100,
            "Share of failed requests that opens it, in percent. Required.",
            is_required=True,
        ),
        "window_s": Duration(
            "window",
            1.0,
            600.0,
            "Length of the time window that is judged: 1s to 10m, default 10s. Changed live, counts are "
            "kept as far as they fit.",
            _RATE.window_s,
        ),
        "minimum_requests": Whole(
            "minimumRequests",
            1,
            1_000_000,
            "Below this many requests in the window the share is not judged; default 20.",
            _RATE.minimum_requests,
        ),
    },
)

_SLOW_CALLS = Record(
    SlowCalls,
    "Opens the breaker when too large a share of the last responses was slow; judged over failureRate's "
    "window and minimumRequests, or their defaults.",
    {
        "percent": Whole(
            "percent",
            1,
            100,
            "Share of slow responses that opens it, in percent. Required.",
            is_required=True,
        ),
        "threshold_s": Duration(
            "threshold",
            0.001,
            600.0,
            "A response whose head takes longer is slow: 1ms to 10m. Required.",
            is_required=True,
        ),
    },
)

OVERRIDE = Record(
    BreakerOverride,
    "Fleet-wide switch for incidents and drills. It lies on top of all settings; a circuitBreaker that "
    "holds nothing else replaces none. When it ends, the breaker goes on where it stood.",
    {
        "state": Choice(
            "state",
            OverrideState,
            "Open rejects all requests, Closed lets all pass, Auto leaves the breaker to itself. "
            "Default Auto. In force at once in every gateway.",
            OverrideState.AUTO,
        ),
        "until_wall_s": Instant(
            "until",
            "RFC 3339 date-time at which each gateway ends the override by its own clock, also without "
            "the operator. Required unless state is Auto; a past date has no effect.",
        ),
    },
    Rule(
        "self.state == 'Auto' || has(self.until)",
        "until must be set where state is Open or Closed, such as 2027-01-31T12:00:00Z",
        _check_end,
    ),
)

CIRCUIT_BREAKER = Record(
    CircuitBreaker,
    "When to stop sending requests to an upstream that fails, and how to try it again. CLOSED counts, "
    "OPEN rejects at once with 503 breaker_open, HALF-OPEN lets a few probes pass. A failure is a "
    "connect error, a timeout, a reset, a malformed response, or a status in failureOn. At least one of "
    "consecutiveFailures, failureRate, slowCalls and override must be set. An edit never resets state, "
    "counts or timer. A breaker set on a Route is one of its own, named upstream@route.",
    {
        "consecutive_failures": Whole(
            "consecutiveFailures",
            1,
            10_000,
            "Failures in a row that open the breaker. No default here; 3 where no policy sets a breaker. "
            "Lowered below the present row, it opens with the next failure, not with the edit.",
        ),
        "failure_rate": Nested("failureRate", _FAILURE_RATE),
        "slow_calls": Nested("slowCalls", _SLOW_CALLS),
        "open_duration_s": Duration(
            "openDuration",
            0.1,
            3600.0,
            "How long an open breaker rejects before it lets probes pass: 100ms to 1h, default 10s. "
            "Changed while open, the rest counts from the moment it opened.",
            _BREAKER.open_duration_s,
        ),
        "half_open_requests": Whole(
            "halfOpenRequests",
            1,
            1_000,
            "Probes at a time in half-open, and successes needed to close; default 1. Changed in "
            "half-open, the next admission uses it; probes under way keep their permit.",
            _BREAKER.half_open_requests,
        ),
        "failure_on": FailureStatuses(
            "failureOn",
            "Responses that count as failures: statuses from 400 to 599, or the classes 4xx and 5xx. "
            "Default [5xx]. In force for the next response.",
            _BREAKER.failure_on,
        ),
        "override": Nested("override", OVERRIDE),
    },
    Rule(
        "has(self.consecutiveFailures) || has(self.failureRate) || has(self.slowCalls) || has(self.override)",
        "circuitBreaker must have one of consecutiveFailures, failureRate, slowCalls or override",
        _check_criteria,
    ),
)
