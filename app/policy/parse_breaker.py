"""Reads the `circuitBreaker` stanza."""

import re

import app.policy.bounds as bounds
from app.policy.model import BreakerOverride, CircuitBreaker, FailureRate, OverrideState, SlowCalls
from app.schema.instants import parse_instant_s
from app.schema.section import Section
from app.schema.wording import show

__all__ = ["read_circuit_breaker", "status_set"]

_KEYS = (
    "consecutiveFailures",
    "failureRate",
    "slowCalls",
    "openDuration",
    "halfOpenRequests",
    "failureOn",
    "override",
)
_CRITERIA = ("consecutiveFailures", "failureRate", "slowCalls", "override")
_STATUS = re.compile(r"[45][0-9][0-9]")


def read_circuit_breaker(spec: Section) -> CircuitBreaker | None:
    """None if the spec has none."""
    section = spec.section("circuitBreaker", _KEYS)
    if section is None:
        return None
    if not any(key in section for key in _CRITERIA):
        spec.fault("circuitBreaker", "never opens", f"it must have one of {', '.join(_CRITERIA)}")
    plain = CircuitBreaker()
    return CircuitBreaker(
        consecutive_failures=section.optional_integer("consecutiveFailures", *bounds.CONSECUTIVE_FAILURES),
        failure_rate=_read_failure_rate(section),
        slow_calls=_read_slow_calls(section),
        open_duration_s=section.duration_s("openDuration", *bounds.OPEN_DURATION_S, plain.open_duration_s),
        half_open_requests=section.integer(
            "halfOpenRequests", *bounds.HALF_OPEN_REQUESTS, plain.half_open_requests
        ),
        failure_on=_read_failure_on(section, plain.failure_on),
        override=_read_override(section),
    )


def status_set(value: object, classes: tuple[str, ...]) -> frozenset[int] | None:
    """The statuses that a list item means: 400–599 as number or text, or one of `classes`; else None."""
    if isinstance(value, str):
        if value in classes:
            first = int(value[0]) * 100
            return frozenset(range(first, first + 100))
        return frozenset({int(value)}) if _STATUS.fullmatch(value) else None
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
        return frozenset({value})
    return None


def _read_failure_rate(breaker: Section) -> FailureRate | None:
    section = breaker.section("failureRate", ("percent", "window", "minimumRequests"))
    if section is None:
        return None
    plain = FailureRate(percent=1)
    return FailureRate(
        percent=section.integer("percent", *bounds.PERCENT),
        window_s=section.duration_s("window", *bounds.WINDOW_S, plain.window_s),
        minimum_requests=section.integer("minimumRequests", *bounds.MINIMUM_REQUESTS, plain.minimum_requests),
    )


def _read_slow_calls(breaker: Section) -> SlowCalls | None:
    section = breaker.section("slowCalls", ("percent", "threshold"))
    if section is None:
        return None
    return SlowCalls(
        percent=section.integer("percent", *bounds.PERCENT),
        threshold_s=section.duration_s("threshold", *bounds.SLOW_THRESHOLD_S),
    )


def _read_failure_on(breaker: Section, default: frozenset[int]) -> frozenset[int]:
    if "failureOn" not in breaker:
        return default
    statuses: set[int] = set()
    for path, item in breaker.items("failureOn", *bounds.STATUSES):
        meant = status_set(item, ("4xx", "5xx"))
        if meant is None:
            breaker.faults.add(path, f"is {show(item)}", "it must be a status from 400 to 599, 4xx or 5xx")
        statuses |= meant or set()
    return frozenset(statuses)


def _read_override(breaker: Section) -> BreakerOverride | None:
    section = breaker.section("override", ("state", "until"))
    if section is None:
        return None
    state = section.choice("state", OverrideState, OverrideState.AUTO)
    if state is not OverrideState.AUTO and "until" not in section:
        section.fault("until", "is required", f"state {state} must have an end such as 2027-01-31T12:00:00Z")
    return BreakerOverride(state, section.text("until", parse_instant_s, None))
