"""Whether a failed try may be followed by another, when, and how many the budget allows (GEP-1731, GEP-3388).

Times are monotonic seconds.
"""

from typing import Final

from app.policy.model import Retry
from app.policy.model import RetryBudget as BudgetSettings

__all__ = [
    "CONNECT_ERROR",
    "IDEMPOTENT",
    "RESET",
    "TIMEOUT",
    "RetryBudget",
    "backoff_s",
    "may_resend",
    "may_retry",
]

CONNECT_ERROR: Final = "ConnectError"
RESET: Final = "Reset"
TIMEOUT: Final = "Timeout"
"""The words of `retry.on` that are no status."""

IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
"""RFC 9110 §9.2.2."""


def may_retry(
    retry: Retry | None,
    attempt: int,
    outcome: str | int,
    repeatable: bool,
    body_sent: bool,
    body_replayable: bool,
    response_begun: bool,
) -> bool:
    """Whether the stanza allows another try; the budget is asked separately, afterwards.

    `attempt`: tries made so far, ≥ 1. `outcome`: status of the response, or the word of the failure (any other
    word, say of a malformed response, is never retried). `repeatable`: sending it twice does no harm. `body_sent`: a
    byte of the body went to the endpoint; `body_replayable`: all such bytes are still at hand. `response_begun`: the
    client got a byte of a response.
    """
    if retry is None or response_begun or attempt > retry.attempts:
        return False
    if outcome not in (retry.on.statuses if isinstance(outcome, int) else retry.on.failures):
        return False
    if body_sent and not body_replayable:
        return False
    return repeatable or outcome == CONNECT_ERROR  # only without a connection did no byte of it leave


def may_resend(
    method: bytes, reused: bool, response_begun: bool, resent: bool, body_sent: bool, body_replayable: bool
) -> bool:
    """Whether a request whose connection was lost goes on a fresh one without any stanza (RFC 9110 §9.2.2).

    Only an idempotent one, on a reused connection, that got no byte of a response, and only once.
    """
    if not reused or response_begun or resent or (body_sent and not body_replayable):
        return False
    return method in IDEMPOTENT


def backoff_s(retry: Retry, attempt: int, random_unit: float) -> float:
    """Pause after `attempt` ≥ 1 tries: exponential, jittered down to the least. `random_unit`: 0 ≤ … < 1."""
    backoff = retry.backoff
    most_s = min(backoff.max_s, backoff.base_s * 2.0 ** min(attempt - 1, 32))
    return backoff.min_s + random_unit * (most_s - backoff.min_s)


_SLOTS: Final = 10  # the interval moves in tenths: at most a tenth of it is forgotten early


class RetryBudget:
    """Counts requests and retries of the last interval in a ring; O(1). Numbers may change with every call.

    A new interval keeps the counts, in proportion where it is shorter. `workers`: how many have a budget like this one,
    of which each has its part of the floor: together they allow what the stanza says where load is even, and where it
    is not, never more than its share of all requests and its floor in sum.
    """

    __slots__ = (
        "_interval_s",
        "_requests",
        "_requests_total",
        "_retries",
        "_retries_total",
        "_slot",
        "_workers",
    )

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._interval_s = 0.0
        self._slot = 0
        self._requests = [0] * _SLOTS
        self._retries = [0] * _SLOTS
        self._requests_total = 0
        self._retries_total = 0

    def count_request(self, settings: BudgetSettings, now_s: float) -> None:
        """Count a client's request, once, however often it is tried."""
        at = self._advance(settings.interval_s, now_s)
        self._requests[at] += 1
        self._requests_total += 1

    def take(self, settings: BudgetSettings, now_s: float) -> bool:
        """Take a retry if the budget has one: `percent` of the requests, but at least the floor."""
        at = self._advance(settings.interval_s, now_s)
        allowed = max(
            self._requests_total * settings.percent / 100,
            settings.min_retries_per_s * settings.interval_s / self._workers,
        )
        if self._retries_total + 1 > allowed:
            return False
        self._retries[at] += 1
        self._retries_total += 1
        return True

    def _advance(self, interval_s: float, now_s: float) -> int:
        """Forget what is older than the interval; the index that counts now."""
        slot = int(now_s * _SLOTS / interval_s)
        if interval_s != self._interval_s:
            self._stretch(interval_s, slot)
        for each in range(max(self._slot + 1, slot + 1 - _SLOTS), slot + 1):
            at = each % _SLOTS
            self._requests_total -= self._requests[at]
            self._retries_total -= self._retries[at]
            self._requests[at] = self._retries[at] = 0
        self._slot = max(self._slot, slot)
        return self._slot % _SLOTS

    def _stretch(self, interval_s: float, slot: int) -> None:
        share = min(1.0, interval_s / self._interval_s) if self._interval_s else 0.0
        self._requests_total = int(self._requests_total * share)
        self._retries_total = int(self._retries_total * share)
        self._requests = [0] * _SLOTS
        self._retries = [0] * _SLOTS
        self._requests[slot % _SLOTS] = self._requests_total
        self._retries[slot % _SLOTS] = self._retries_total
        self._interval_s, self._slot = interval_s, slot
