"""What the owner of a breaker and those who follow it say to each other: values. Times are monotonic seconds.

The monotonic clock is one for all processes of a host, so an instant of one means the same to another.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from app.breaker.registry import Breaker
from app.breaker.values import BreakerState

__all__ = [
    "AT_REST",
    "Report",
    "ReportKind",
    "Standing",
    "Verdict",
    "fewest_failures",
    "judges_rates",
    "standing_of",
]

_NEVER: Final = 1 << 30
NARROW_WINDOW_S: Final = 10.0
"""The buckets of a shorter window are narrower than the second with which reports come otherwise."""


class Standing(NamedTuple):
    """What a request meets, as the owner published it last.

    `until_s`: an override, or the time of an open breaker, ends then; 0 where time changes nothing. `is_forced`: by an
    override. `is_full`: every probe permit is lent. `is_prompt`: results change something now, so successes are
    reported every 20 ms, not with the second. `look`: another number than before asks for what is not reported yet.
    """

    state: BreakerState
    generation: int
    until_s: float = 0.0
    is_forced: bool = False
    is_full: bool = False
    is_prompt: bool = False
    look: int = 0


AT_REST: Final = Standing(BreakerState.CLOSED, 1)
"""Of a breaker that nothing has happened to."""


class ReportKind(StrEnum):
    """What a follower reports of a breaker. REJECTED: by what it knew, in state `word`. LOOKED: the reply to `look`."""

    SUCCESSES = "successes"
    SLOW = "slow"
    FAILURE = "failure"
    IGNORED = "ignored"
    REJECTED = "rejected"
    LOOKED = "looked"


class Report(NamedTuple):
    """`number` of results of `generation`, the last one at `at_s`; of LOOKED the look's.

    `probe`: the number of the permit that it gives back, 0 for none. `word`, `detail`: why it failed.
    """

    name: str
    kind: ReportKind
    generation: int
    at_s: float
    number: int = 1
    probe: int = 0
    word: str = ""
    detail: str = ""


class Verdict(NamedTuple):
    """The owner's reply to a request for a permit, by its `number`: to pass in `generation`, or a `reason` not to.

    `retry_after_s`: with a reason, whole seconds.
    """

    number: int
    generation: int = 0
    is_probe: bool = False
    reason: str = ""
    retry_after_s: int = 0


def standing_of(breaker: Breaker, now_s: float, look: int) -> Standing:
    """Changes nothing; what only time has changed since the last request is not in it yet. O(buckets) at most."""
    machine = breaker.machine
    is_forced = machine.override is not None
    return Standing(
        machine.effective_state,
        machine.generation,
        machine.open_until_s(),
        is_forced,
        machine.state is BreakerState.HALF_OPEN and machine.full(now_s),
        not is_forced and machine.state is BreakerState.CLOSED and _is_prompt(breaker, now_s),
        look,
    )


def judges_rates(breaker: Breaker) -> bool:
    """Whether it may open by what a window holds."""
    return breaker.machine.minimum > 0


def fewest_failures(breaker: Breaker) -> int:
    """So many failures or slow responses open it from rest, at the least."""
    settings, minimum = breaker.settings, breaker.machine.minimum
    fewest = _NEVER if settings.consecutive_failures is None else settings.consecutive_failures
    for share in (settings.failure_rate, settings.slow_calls):
        if share is not None:
            fewest = min(fewest, max(1, -(-minimum * share.percent // 100)))
    return fewest


def _is_prompt(breaker: Breaker, now_s: float) -> bool:
    machine = breaker.machine
    if machine.consecutive_failures and machine.in_force.consecutive_failures is not None:
        return True
    if not judges_rates(breaker):
        return False
    window = machine.window
    if window.window_s < NARROW_WINDOW_S:
        return True
    if not window.failures and not window.slow:
        return False
    counts = window.counts(now_s)
    return counts.failures + counts.slow > 0
