"""What can be seen to go wrong now, one look at a time: the rules of the verdict. Pure.

Counts are of the last WINDOW_S seconds. A share that has crossed its threshold counts until it is below half of it,
so that a verdict does not flicker.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from app.admin.feed.onsets import Onset
from app.breaker.values import BreakerState
from app.breaker.view import BreakerView
from app.foundation.reasons import Reason
from app.policy.model import LimitRule
from app.telemetry.counts import BOUNDS_S
from app.telemetry.history_sample import WINDOW_S
from app.telemetry.outcome_groups import UPSTREAM_FAULTS
from app.telemetry.series_rolling import quantile_ms

if TYPE_CHECKING:
    from app.config.edits import Edit
    from app.config.rejection import Rejection

__all__ = ["BreakerFacts", "Facts", "RuleFacts", "Signal", "SignalKey", "signals"]

FEWEST = 2
"""One lost request alone is no problem."""

FEWEST_TIMED = 10
"""Of fewer requests a 99th percentile is only the slowest one."""

LIMITED_SHARE, ERROR_SHARE = 0.05, 0.01
NEAR_SLOW = 0.75
"""So much of the share of slow calls that opens a breaker is near it."""


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A limit rule in force, `limited` of `allowed + limited` decisions.

    `edit`: the last one that changed it, as far as is remembered; `is_cut`: whether that tightened it. `needs_store`:
    it rejects everything while its shared store is unavailable.
    """

    identity: str
    rule: LimitRule
    allowed: int
    limited: int
    edit: "Edit | None" = None
    is_cut: bool = False
    needs_store: bool = False

    @property
    def cut(self) -> "Edit | None":
        """The edit that tightened it, where that is the last one."""
        return self.edit if self.is_cut else None


@dataclass(frozen=True, slots=True)
class BreakerFacts:
    """`view`: None while it is closed. `cells`: durations with the upstream, as in `telemetry.counts.Histogram`.

    `timeout_s`: the shortest of the routes that use it, 0 without any. `slow`: slow ones of how many in the breaker's
    own window, and which share opens it; None where it does not judge that.
    """

    name: str
    sent: int
    failed: int
    rejected: int
    cells: Sequence[int] = ()
    timeout_s: float = 0.0
    slow: tuple[int, int, float] | None = None
    view: BreakerView | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """`outcomes`: requests by outcome word. `store_up`: None without a shared store. `is_waiting`: for its first
    configuration."""

    outcomes: Mapping[str, int]
    rules: Sequence[RuleFacts] = ()
    breakers: Sequence[BreakerFacts] = ()
    rejection: "Rejection | None" = None
    store_up: bool | None = None
    draining: bool = False
    is_waiting: bool = False

    @property
    def total(self) -> int:
        return sum(self.outcomes.values())

    def of(self, *words: str) -> int:
        return sum(self.outcomes.get(word, 0) for word in words)


SignalKey = tuple[str, str, int]
"""Kind, subject, and the sequence of the edit that tightened a limit: another edit makes another problem of it."""


@dataclass(frozen=True, slots=True)
class Signal:
    """`lost`: requests in the window. `since_wall_s`: None where only the looks tell. `numbers`: for its sentence."""

    key: SignalKey
    lost: int = 0
    since_wall_s: float | None = None
    numbers: Mapping[str, object] = field(default_factory=dict)
    cut: "Edit | None" = None


def signals(facts: Facts, before: Mapping[SignalKey, Onset], now_s: float, wall_s: float) -> Iterator[Signal]:
    """In no order. `before`: what looks before have found and is not over.

    What the window still holds of the time before a breaker closed, a limit was loosened or the limit store came back
    is no news.
    """
    is_store_missed = facts.store_up is False or _last_seen_s(("store", "", 0), before) + WINDOW_S > now_s
    if facts.rejection is not None:
        yield _rejection(facts.rejection)
    for rule in facts.rules:
        is_loosened = rule.edit is not None and not rule.is_cut and wall_s - rule.edit.at_wall_s < WINDOW_S
        if not is_loosened and not (rule.needs_store and is_store_missed):
            yield from _limit(rule, before)
    for breaker in facts.breakers:
        if breaker.view is not None and breaker.view.state is not BreakerState.CLOSED:
            yield _not_closed(breaker, breaker.view)
        elif _last_seen_s(("breaker", breaker.name, 0), before) + WINDOW_S <= now_s:
            yield from _working(breaker, before)
    yield from _faults_of_no_breaker(facts, before)
    yield from _gateway(facts)


def _rejection(rejection: "Rejection") -> Signal:
    fault = rejection.faults[0] if rejection.faults else ""
    numbers = {"fault": fault, "faults": len(rejection.faults)}
    return Signal(("config_rejected", rejection.source, 0), since_wall_s=rejection.at_wall_s, numbers=numbers)


def _limit(facts: RuleFacts, known: Container[SignalKey]) -> Iterator[Signal]:
    key = ("limit", facts.identity, facts.cut.sequence if facts.cut is not None else 0)
    share = _share(facts.limited, facts.allowed + facts.limited)
    if not _counts(facts.limited, share, LIMITED_SHARE, is_known=key in known):
        return
    rule = facts.rule
    numbers = {
        "rule": rule.name, "key": rule.key.value, "requests": rule.requests, "periodS": rule.period_s,
        "ownShare": _rounded(share),
    }  # fmt: skip
    yield Signal(key, facts.limited, numbers=numbers, cut=facts.cut)


def _last_seen_s(key: SignalKey, before: Mapping[SignalKey, Onset]) -> float:
    """When the last look was that saw it, on the monotonic clock; long ago where none did."""
    onset = before.get(key)
    return -inf if onset is None else onset.seen_s


def _working(facts: BreakerFacts, known: Container[SignalKey]) -> Iterator[Signal]:
    """One signal at most: what fails is not called slow, too."""
    key, share = ("errors", facts.name, 0), _share(facts.failed, facts.sent)
    if _counts(facts.failed, share, ERROR_SHARE, is_known=key in known):
        yield Signal(key, facts.failed, numbers={"ownShare": _rounded(share)})
        return
    yield from _slow(facts, known)


def _not_closed(facts: BreakerFacts, view: BreakerView) -> Signal:
    override, failure = view.override, view.last_failure
    numbers = {
        "state": view.state.value,
        "failedProbes": view.outage.failed_probes,
        "reason": view.outage.cause and view.outage.cause.value,
        "error": failure and failure.word,
        "forced": override and {"by": override.by, "why": override.why},
    }
    since = view.outage.not_closed_since_wall_s
    lost = facts.rejected + facts.failed
    return Signal(("breaker", facts.name, 0), lost, since or view.since_wall_s, numbers)


def _slow(facts: BreakerFacts, known: Container[SignalKey]) -> Iterator[Signal]:
    """Slow calls near what opens the breaker, else a p99 of over half the time that its routes wait."""
    key = ("slow", facts.name, 0)
    ease = 0.5 if key in known else 1.0
    if facts.slow is not None:
        slow, of, opens_at = facts.slow
        share = _share(slow, of)
        if slow >= FEWEST and share >= opens_at * NEAR_SLOW * ease:
            yield Signal(key, numbers={"ownShare": _rounded(share), "opensAt": opens_at, "p99Ms": None})
            return
    if not facts.timeout_s or sum(facts.cells) < FEWEST_TIMED:
        return
    p99_ms = quantile_ms(facts.cells, 0.99) or 0.0
    # what is longer than the histogram's last bound is not told apart: so much is slow whatever the timeout
    if p99_ms >= min(facts.timeout_s / 2, BOUNDS_S[-1]) * 1000 * ease:
        yield Signal(key, numbers={"p99Ms": round(p99_ms), "timeoutS": facts.timeout_s})


def _faults_of_no_breaker(facts: Facts, known: Container[SignalKey]) -> Iterator[Signal]:
    """Upstream errors that no breaker counts as failures, such as a 500 where `failureOn` has 503 alone."""
    key = ("errors", "", 0)
    left = facts.of(*UPSTREAM_FAULTS) - sum(breaker.failed for breaker in facts.breakers)
    share = _share(left, facts.total)
    if _counts(left, share, ERROR_SHARE, is_known=key in known):
        yield Signal(key, left, numbers={"ownShare": _rounded(share)})


def _gateway(facts: Facts) -> Iterator[Signal]:
    overloaded, store_lost = facts.of(Reason.OVERLOADED), facts.of(Reason.LIMIT_STORE_DOWN)
    broken = facts.of(Reason.INTERNAL_ERROR)
    if overloaded:
        yield Signal(("overload", "", 0), overloaded)
    if facts.store_up is False:
        yield Signal(("store", "", 0), store_lost)
    if broken:
        yield Signal(("internal", "", 0), broken)
    if facts.draining:
        yield Signal(("draining", "", 0), facts.of(Reason.DRAINING))
    elif facts.is_waiting:
        yield Signal(("not_ready", "", 0))


def _counts(lost: int, share: float, threshold: float, *, is_known: bool) -> bool:
    return lost >= FEWEST and (share > threshold / 2 if is_known else share >= threshold)


def _share(part: int, whole: int) -> float:
    return min(part / whole, 1.0) if whole > 0 else 0.0


def _rounded(share: float) -> float:
    return round(share, 3)
