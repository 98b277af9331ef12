"""Reads the `timeout` and `retry` stanzas."""

from app.policy.model import Retry, RetryBudget, Timeout
from app.policy.parse_breaker import status_set
from app.policy.reading import Section, show
from app.policy.units import format_duration

__all__ = ["read_retry", "read_timeout"]

_MINUTE_S = 60.0
_HOUR_S = 3600.0
_FAILURES = ("ConnectError", "Reset", "Timeout")


def read_timeout(spec: Section) -> Timeout | None:
    """None if the spec has none; 0 s switches a timeout off."""
    section = spec.section("timeout", ("request", "perTry", "connect", "idle"))
    if section is None:
        return None
    plain = Timeout()
    timeout = Timeout(
        request_s=section.duration_s("request", 0.0, _HOUR_S, plain.request_s),
        per_try_s=section.duration_s("perTry", 0.0, _HOUR_S, plain.per_try_s),
        connect_s=section.duration_s("connect", 0.001, _MINUTE_S, plain.connect_s),
        idle_s=section.duration_s("idle", 0.0, _HOUR_S, plain.idle_s),
    )
    if "request" in section and timeout.request_s:
        for key, part_s in (("perTry", timeout.per_try_s), ("connect", timeout.connect_s)):
            if key in section and part_s > timeout.request_s:
                what = f"is longer than request ({format_duration(timeout.request_s)})"
                section.fault(key, what, f"{key} must be at most request")
    return timeout


def read_retry(spec: Section) -> Retry | None:
    """None if the spec has none."""
    section = spec.section("retry", ("attempts", "backoff", "on", "budget"))
    if section is None:
        return None
    base_s, max_s = _read_backoff(section)
    on_failure, on_status = _read_on(section)
    return Retry(
        attempts=section.integer("attempts", 0, 10),
        backoff_base_s=base_s,
        backoff_max_s=max_s,
        on_failure=on_failure,
        on_status=on_status,
        budget=_read_budget(section),
    )


def _read_backoff(retry: Section) -> tuple[float, float]:
    plain = Retry(attempts=0)
    section = retry.section("backoff", ("base", "max"))
    if section is None:
        return plain.backoff_base_s, plain.backoff_max_s
    faults_before = len(retry.faults)
    base_s = section.duration_s("base", 0.001, _MINUTE_S, plain.backoff_base_s)
    max_s = section.duration_s("max", 0.001, 5 * _MINUTE_S, plain.backoff_max_s)
    if len(retry.faults) == faults_before and base_s > max_s:
        what = f"is {format_duration(base_s)}, longer than max ({format_duration(max_s)})"
        section.fault("base", what, "base must be at most max")
    return base_s, max_s


def _read_on(retry: Section) -> tuple[frozenset[str], frozenset[int]]:
    plain = Retry(attempts=0)
    if "on" not in retry:
        return plain.on_failure, plain.on_status
    failures: set[str] = set()
    statuses: set[int] = set()
    for path, item in retry.items("on", 0, 16):
        meant = status_set(item, ("5xx",))
        if isinstance(item, str) and item in _FAILURES:
            failures.add(item)
        elif meant is None:
            words = ", ".join(_FAILURES)
            retry.faults.add(
                path, f"is {show(item)}", f"it must be {words}, a status from 400 to 599, or 5xx"
            )
        statuses |= meant or set()
    return frozenset(failures), frozenset(statuses)


def _read_budget(retry: Section) -> RetryBudget:
    plain = RetryBudget()
    section = retry.section("budget", ("percent", "interval", "minRetriesPerSecond"))
    if section is None:
        return plain
    return RetryBudget(
        percent=section.integer("percent", 0, 100, plain.percent),
        interval_s=section.duration_s("interval", 1.0, _HOUR_S, plain.interval_s),
        min_retries_per_s=section.integer("minRetriesPerSecond", 0, 10_000, plain.min_retries_per_s),
    )
