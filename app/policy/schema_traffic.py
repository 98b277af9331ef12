"""The schemas of the `timeout` and `retry` stanzas."""

import app.policy.bounds as bounds
from app.policy.model import Retry, RetryBudget
from app.policy.parse_traffic import RETRY_FAILURES
from app.schema.nodes import Schema, duration, items, mapping, rules, status_or_word, whole

__all__ = ["retry", "timeout"]

_RETRY = Retry(attempts=0)
_BUDGET = RetryBudget()


def timeout() -> Schema:
    """The stanza; its rules as those of `parse_traffic.py`."""
    node = mapping(
        "How long to wait; what ends early is answered with 504 upstream_timeout. A changed value is in "
        "force for the next request.",
        {
            "request": duration(
                "From the request to the head of its answer: at most 1h, 0s is off. Default: the gateway's, "
                "30s. A stream may go on longer; idle guards it.",
                bounds.TIMEOUT_S,
            ),
            "perTry": duration(
                "One attempt, to the head of its answer: at most 1h and at most request, 0s is off. "
                "Default off.",
                bounds.TIMEOUT_S,
            ),
            "connect": duration(
                "TCP and TLS to the endpoint: 1ms to 1m and at most request. Default: the gateway's, 5s.",
                bounds.CONNECT_S,
            ),
            "idle": duration(
                "Silence on either side while bytes are owed: at most 1h, 0s is off. Default: the "
                "gateway's, 60s.",
                bounds.TIMEOUT_S,
            ),
        },
    )
    within = "!has(self.request) || duration(self.request) == duration('0s') || !has(self.{0}) || "
    within += "duration(self.{0}) <= duration(self.request)"
    return node | rules(
        *((within.format(name), f"{name} must be at most request") for name in ("perTry", "connect"))
    )


def retry() -> Schema:
    """The stanza. `on` stands beside the name it gets from YAML 1.1 when it is not quoted."""
    budget = mapping(
        "Bound on retries, so that they cannot multiply an outage.",
        {
            "percent": whole(
                "Retries as a share of requests, in percent; default 20.",
                bounds.BUDGET_PERCENT,
                _BUDGET.percent,
            ),
            "interval": duration(
                "Time over which the share is counted: 1s to 1h, default 10s.",
                bounds.BUDGET_INTERVAL_S,
                _BUDGET.interval_s,
            ),
            "minRetriesPerSecond": whole(
                "Floor, so that a quiet route may retry; default 10.",
                bounds.MIN_RETRIES_PER_S,
                _BUDGET.min_retries_per_s,
            ),
        },
    )
    return mapping(
        "Which failures are tried again. A request is sent again only if nothing of its answer was sent and "
        "it is safe: an idempotent method, or no byte of it left. In force for the next request.",
        {
            "attempts": whole("Further tries after the first; 0 is none. Required.", bounds.ATTEMPTS),
            "backoff": _backoff(),
            "on": {
                **items(
                    "What is tried again: ConnectError, Reset, Timeout, statuses from 400 to 599, or 5xx. "
                    'Default [ConnectError, 502, 503, 504]. Write the key in quotes, "on": kubectl and Helm '
                    "read YAML 1.1, where a bare on means true.",
                    status_or_word(
                        (*RETRY_FAILURES, "5xx"),
                        "must be ConnectError, Reset, Timeout, a status from 400 to 599, or 5xx",
                    ),
                    bounds.STATUSES,
                ),
                "default": [*sorted(_RETRY.on_failure), *sorted(_RETRY.on_status)],
            },
            "true": _bare_on(),
            "budget": budget,
        },
        ["attempts"],
    )


def _bare_on() -> Schema:
    """What a bare `on` becomes on its way through YAML 1.1: known only to be refused with the cure."""
    node = items(
        'Never set. A bare on arrives under this name; write "on" in quotes.',
        {"x-kubernetes-int-or-string": True},
        bounds.STATUSES,
    )
    return node | rules(("size(self) < 0", 'on must be written in quotes, "on": YAML 1.1 reads it as true'))


def _backoff() -> Schema:
    node = mapping(
        "Pause before each further try: exponential from base to max, with full jitter.",
        {
            "base": duration(
                "First pause at most: 1ms to 1m, default 25ms.", bounds.BACKOFF_BASE_S, _RETRY.backoff_base_s
            ),
            "max": duration(
                "Any pause at most: 1ms to 5m, default 250ms.", bounds.BACKOFF_MAX_S, _RETRY.backoff_max_s
            ),
        },
    )
    return node | rules(("duration(self.base) <= duration(self.max)", "base must be at most max"))
