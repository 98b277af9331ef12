"""The `timeout` and `retry` stanzas: what their fields are called, what they may say and what they mean."""

from app.policy.model import Backoff, Retry, RetryBudget, Timeout
from app.policy.statuses import RetryTriggers
from app.schema.durations import format_duration
from app.schema.fields import Duration, Whole
from app.schema.nodes import items, rules
from app.schema.records import Ignored, Nested, Record, Rule
from app.schema.section import Section

__all__ = ["RETRY", "TIMEOUT"]

_TIMEOUT, _BACKOFF, _BUDGET = Timeout(), Backoff(), RetryBudget()
_RETRY = Retry(attempts=0)
_WITHIN = (
    "!has(self.request) || duration(self.request) == duration('0s') || !has(self.{0}) || "
    "duration(self.{0}) <= duration(self.request)"
)


def _within_request(key: str, attribute: str) -> Rule[Timeout]:
    """`key` is at most `request`, where both are set and `request` is not off."""

    def check(section: Section, timeout: Timeout) -> None:
        both = "request" in section and key in section
        if both and timeout.request_s and getattr(timeout, attribute) > timeout.request_s:
            what = f"is longer than request ({format_duration(timeout.request_s)})"
            section.fault(key, what, f"{key} must be at most request")

    return Rule(_WITHIN.format(key), f"{key} must be at most request", check)


TIMEOUT = Record(
    Timeout,
    "How long to wait; what takes longer ends with 504 upstream_timeout. A changed value is in "
    "force for the next request.",
    {
        "request_s": Duration(
            "request",
            0.0,
            3600.0,
            "From the request to the head of its response: at most 1h, 0s is off. Default: the gateway's, "
            "30s. A stream may go on longer; idle guards it.",
            _TIMEOUT.request_s,
            is_default_open=True,
        ),
        "per_try_s": Duration(
            "perTry",
            0.0,
            3600.0,
            "One attempt, to the head of its response: at most 1h and at most request, 0s is off. Default off.",
            _TIMEOUT.per_try_s,
            is_default_open=True,
        ),
        "connect_s": Duration(
            "connect",
            0.001,
            60.0,
            "TCP and TLS to the endpoint: 1ms to 1m and at most request. Default: the gateway's, 5s.",
            _TIMEOUT.connect_s,
            is_default_open=True,
        ),
        "idle_s": Duration(
            "idle",
            0.0,
            3600.0,
            "Silence on either side while more bytes are due: at most 1h, 0s is off. Default: the "
            "gateway's, 60s.",
            _TIMEOUT.idle_s,
            is_default_open=True,
        ),
    },
    _within_request("perTry", "per_try_s"),
    _within_request("connect", "connect_s"),
)


def _check_min(section: Section, backoff: Backoff) -> None:
    if backoff.min_s > backoff.base_s:
        what = f"is {format_duration(backoff.min_s)}, longer than base ({format_duration(backoff.base_s)})"
        section.fault("min", what, "min must be at most base")


def _check_base(section: Section, backoff: Backoff) -> None:
    if backoff.base_s > backoff.max_s:
        what = f"is {format_duration(backoff.base_s)}, longer than max ({format_duration(backoff.max_s)})"
        section.fault("base", what, "base must be at most max")


RETRY = Record(
    Retry,
    "Which failures are tried again. A request is sent again only if nothing of its response was sent and "
    "it is safe: an idempotent method, or no byte of it left. In force for the next request.",
    {
        "attempts": Whole(
            "attempts",
            0,
            10,
            "Further attempts after the first; 0 turns retries off. Required.",
            is_required=True,
        ),
        "backoff": Nested(
            "backoff",
            Record(
                Backoff,
                "Pause before each further attempt, at random: at least min, at most base for the first, twice as "
                "much for each one after it, up to max.",
                {
                    "base_s": Duration(
                        "base", 0.001, 60.0, "First pause at most: 1ms to 1m, default 25ms.", _BACKOFF.base_s
                    ),
                    "max_s": Duration(
                        "max", 0.001, 300.0, "Any pause at most: 1ms to 5m, default 250ms.", _BACKOFF.max_s
                    ),
                    "min_s": Duration(
                        "min",
                        0.0,
                        60.0,
                        "Any pause at least: at most 1m and at most base, default 0s.",
                        _BACKOFF.min_s,
                    ),
                },
                Rule(
                    "duration(self.base) <= duration(self.max)", "base must be at most max", _check_base, True
                ),
                Rule(
                    "duration(self.min) <= duration(self.base)", "min must be at most base", _check_min, True
                ),
            ),
            _BACKOFF,
        ),
        "on": RetryTriggers(
            "on",
            "What is tried again: ConnectError, Reset, Timeout, statuses from 400 to 599, or 5xx. "
            'Default [ConnectError, 502, 503, 504]. Write the key in quotes, "on": kubectl and Helm '
            "read YAML 1.1, where a bare on means true.",
            _RETRY.on,
        ),
        # what a bare `on` becomes on its way through YAML 1.1
        "bare_on": Ignored(
            "true",
            items(
                'Never set. A bare on arrives under this name; write "on" in quotes.',
                {"x-kubernetes-int-or-string": True},
                (0, 16),
            )
            | rules(("size(self) < 0", 'on must be written in quotes, "on": YAML 1.1 reads it as true')),
        ),
        "budget": Nested(
            "budget",
            Record(
                RetryBudget,
                "Bound on retries, so that they cannot multiply an outage.",
                {
                    "percent": Whole(
                        "percent",
                        0,
                        100,
                        "Retries as a share of requests, in percent; default 20.",
                        _BUDGET.percent,
                    ),
                    "interval_s": Duration(
                        "interval",
                        1.0,
                        3600.0,
                        "Time over which the share is counted: 1s to 1h, default 10s.",
                        _BUDGET.interval_s,
                    ),
                    "min_retries_per_s": Whole(
                        "minRetriesPerSecond",
                        0,
                        10_000,
                        "Floor, so that a quiet route may retry; default 10.",
                        _BUDGET.min_retries_per_s,
                    ),
                },
            ),
            _BUDGET,
        ),
    },
)
