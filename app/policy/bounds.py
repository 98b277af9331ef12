"""Every bound of a policy, once: the parser refuses by it, the custom resource's schema is made of it.

Durations are seconds. The lowest value comes first; both ends are allowed.
"""

__all__ = [
    "ATTEMPTS",
    "BACKOFF_BASE_S",
    "BACKOFF_MAX_S",
    "BUDGET_INTERVAL_S",
    "BUDGET_PERCENT",
    "BURST",
    "CONNECT_S",
    "CONSECUTIVE_FAILURES",
    "HALF_OPEN_REQUESTS",
    "MINIMUM_REQUESTS",
    "MIN_RETRIES_PER_S",
    "OPEN_DURATION_S",
    "PERCENT",
    "PERIOD_S",
    "REQUESTS",
    "RULES",
    "SLOW_THRESHOLD_S",
    "STATUSES",
    "TARGETS",
    "TIERS",
    "TIMEOUT_S",
    "WINDOW_S",
]

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0

TARGETS = (1, 16)

CONSECUTIVE_FAILURES = (1, 10_000)
PERCENT = (1, 100)
WINDOW_S = (1.0, 10 * _MINUTE_S)
MINIMUM_REQUESTS = (1, 1_000_000)
SLOW_THRESHOLD_S = (0.001, 10 * _MINUTE_S)
OPEN_DURATION_S = (0.1, _HOUR_S)
HALF_OPEN_REQUESTS = (1, 1_000)
STATUSES = (0, 16)
"""Items of `failureOn` and of `retry.on`."""

RULES = (1, 16)
TIERS = (0, 8)
REQUESTS = (0, 1_000_000_000)  # so a limit may be there only to count, and still fit an int32
BURST = (1, 1_000_000_000)
PERIOD_S = (1.0, _DAY_S)

TIMEOUT_S = (0.0, _HOUR_S)
CONNECT_S = (0.001, _MINUTE_S)

ATTEMPTS = (0, 10)
BACKOFF_BASE_S = (0.001, _MINUTE_S)
BACKOFF_MAX_S = (0.001, 5 * _MINUTE_S)
BUDGET_PERCENT = (0, 100)
BUDGET_INTERVAL_S = (1.0, _HOUR_S)
MIN_RETRIES_PER_S = (0, 10_000)
