"""Timeouts and retries of a rule in the document's spelling (HTTPRouteTimeouts, HTTPRouteRetry). Pure."""

from app.operator.routes.objects.routes import Retry, Timeouts
from app.schema.durations import format_duration, parse_duration_s
from app.schema.faults import BadValue

__all__ = ["MAX_ATTEMPTS", "retry_document", "timeout_document"]

MAX_ATTEMPTS = 10
"""Further attempts that one request may cost; more would multiply an outage."""

_BACKOFF_GROWTH = 10.0
_MAX_BACKOFF_S = 300.0
_FAILURES = ("ConnectError", "Reset", "Timeout")
"""HTTPRouteRetry: connection errors are retried whatever `codes` says."""

# HTTPRoute knows no budget (that is a policy's matter): wide enough that it shows only in an outage
_BUDGET = {"percent": 100, "minRetriesPerSecond": 100}


def timeout_document(timeouts: Timeouts) -> dict[str, object]:
    """`backendRequest` bounds each attempt; what is absent is the gateway's own."""
    given = {"request": timeouts.request, "perTry": timeouts.per_try}
    return {key: text for key, text in given.items() if text is not None}


def retry_document(retry: Retry) -> dict[str, object]:
    """At most `MAX_ATTEMPTS`; pauses grow from what `backoff` says."""
    if retry.attempts == 0:
        return {"attempts": 0}
    document: dict[str, object] = {
        "attempts": min(retry.attempts, MAX_ATTEMPTS),
        "on": [*_FAILURES, *dict.fromkeys(retry.codes)],
        "budget": _BUDGET,
    }
    if retry.backoff is not None:
        document |= _backoff(retry.backoff)
    return document


def _backoff(least: str) -> dict[str, object]:
    """`least`: of every pause (HTTPRouteRetry.backoff); the first one is just that."""
    try:
        least_s = parse_duration_s(least)
    except BadValue:
        return {"backoff": {"base": least}}  # the document's parser says what is wrong with it
    if least_s == 0.0:
        return {}
    most_s = max(least_s, min(_MAX_BACKOFF_S, least_s * _BACKOFF_GROWTH))
    return {"backoff": {"min": least, "base": least, "max": format_duration(most_s)}}
