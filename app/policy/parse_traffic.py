"""Reads the `timeout` and `retry` stanzas."""

import app.policy.bounds as bounds
from app.policy.model import Retry, RetryBudget, Timeout
from app.policy.parse_breaker import status_set
from app.schema.durations import format_duration
from app.schema.section import Section
from app.schema.wording import show

__all__ = ["RETRY_FAILURES", "read_retry", "read_timeout"]

RETRY_FAILURES = ("ConnectError", "Reset", "Timeout")


def read_timeout(spec: Section) -> Timeout | None:
    """None if the spec has none; 0 s switches a timeout off."""
    section = spec.section("timeout", ("request", "perTry", "connect", "idle"))
    if section is None:
        return None
    plain = Timeout()
    timeout = Timeout(
        request_s=section.duration_s("request", *bounds.TIMEOUT_S, plain.request_s),
        per_try_s=section.duration_s("perTry", *bounds.TIMEOUT_S, plain.per_try_s),
        connect_s=section.duration_s("connect", *bounds.CONNECT_S, plain.connect_s),
        idle_s=section.duration_s("idle", *bounds.TIMEOUT_S, plain.idle_s),
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
        attempts=section.integer("attempts", *bounds.ATTEMPTS),
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
    base_s = section.duration_s("base", *bounds.BACKOFF_BASE_S, plain.backoff_base_s)
    max_s = section.duration_s("max", *bounds.BACKOFF_MAX_S, plain.backoff_max_s)
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
    for path, item in retry.items("on", *bounds.STATUSES):
        meant = status_set(item, ("5xx",))
        if isinstance(item, str) and item in RETRY_FAILURES:
            failures.add(item)
        elif meant is None:
            words = ", ".join(RETRY_FAILURES)
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
        percent=section.integer("percent", *bounds.BUDGET_PERCENT, plain.percent),
        interval_s=section.duration_s("interval", *bounds.BUDGET_INTERVAL_S, plain.interval_s),
        min_retries_per_s=section.integer(
            "minRetriesPerSecond", *bounds.MIN_RETRIES_PER_S, plain.min_retries_per_s
        ),
    )
