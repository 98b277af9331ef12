"""The words and values of a breaker: states, outcomes, causes, permits, refusals, transitions."""

from dataclasses import dataclass
from enum import StrEnum

from app.foundation.reasons import Reason

__all__ = ["NO_ERA", "Cause", "Outcome", "Override", "Permit", "Refusal", "State", "Transition"]


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


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
    """Leave to pass, good in one era. `held` is true only for a probe whose result is still owed."""

    __slots__ = ("generation", "held")

    def __init__(self, generation: int, *, held: bool = False) -> None:
        self.generation = generation
        self.held = held


NO_ERA = Permit(0)
"""Eras count from 1, so its results are always late: what a request gets while forced closed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`retry_after_s`: whole seconds, rounded up, ≥ 1."""

    reason: Reason
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Override:
    """A state forced until `until_s` (monotonic), never HALF_OPEN; the rest is for people."""

    state: State
    until_s: float
    until_wall_s: float
    by: str
    why: str = ""
    since_wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Transition:
    """Requests met `from_state` before `at_s` and meet `to_state` since."""

    from_state: State
    to_state: State
    cause: Cause
    at_s: float
