"""The words and values of a breaker: states, outcomes, causes, permits, rejections, overrides, transitions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.foundation.reasons import Reason
from app.policy.model import BreakerState

__all__ = [
    "NO_GENERATION",
    "BreakerRejection",
    "BreakerState",
    "Cause",
    "NotAdmitted",
    "Outcome",
    "Override",
    "Permit",
    "Transition",
]


class Outcome(StrEnum):
    """How an admitted request ended; IGNORED says nothing about the upstream (the client hung up)."""

    SUCCESS = "success"
    SLOW = "slow"
    FAILURE = "failure"
    IGNORED = "ignored"


class Cause(StrEnum):
    """Why a transition happened."""

    CONSECUTIVE_FAILURES = "consecutive_failures"
    FAILURE_RATE = "failure_rate"
    SLOW_CALLS = "slow_calls"
    PROBE_FAILED = "probe_failed"
    PROBE_SUCCEEDED = "probe_succeeded"
    OPEN_DURATION_OVER = "open_duration_over"
    OVERRIDE = "override"
    OVERRIDE_ENDED = "override_ended"


class Permit:
    """Permission to pass, valid in one generation. `is_probe`: a half-open request whose result is outstanding."""

    __slots__ = ("generation", "is_probe")

    def __init__(self, generation: int, *, is_probe: bool = False) -> None:
        self.generation = generation
        self.is_probe = is_probe


NO_GENERATION: Final = Permit(0)
"""Generations count from 1, so its results are always late: what a request gets while forced closed."""


class NotAdmitted:
    """What a request may get in a permit's stead; one class, so that those who pass are asked once."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class BreakerRejection(NotAdmitted):
    """`retry_after_s`: whole seconds, rounded up, ≥ 1."""

    reason: Reason
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Override:
    """A state forced until `until_s` (monotonic), never HALF_OPEN; the rest is for people."""

    state: BreakerState
    until_s: float
    until_wall_s: float
    by: str
    why: str = ""
    since_wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Transition:
    """Requests met `from_state` before `at_s` and meet `to_state` since."""

    from_state: BreakerState
    to_state: BreakerState
    cause: Cause
    at_s: float
