"""What a breaker knows: its state, its counts, its settings and its overrides; no decision is made here."""

from math import ceil
from typing import Final

from app.breaker.override_stack import OverrideStack
from app.breaker.values import BreakerRejection, BreakerState, Cause, Override, Permit, Transition
from app.breaker.window import Window
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker, FailureRate

__all__ = ["MachineState", "whole_s"]

_RATE_DEFAULTS: Final = FailureRate(percent=100)
"""Window and minimum where `slowCalls` stands without `failureRate`, or neither is set."""

_FIRST_REJECTION: Final = BreakerRejection(Reason.BREAKER_OPEN, 1)

_FLOAT_NOISE_S: Final = 1e-6
"""10.000000000002 s left are reported as 10 s, not as 11."""


def whole_s(wait_s: float) -> int:
    """The wait as `Retry-After` states it: whole seconds, rounded up, at least 1."""
    return max(1, ceil(wait_s - _FLOAT_NOISE_S))


class MachineState:
    """Everything of one breaker that the table's effects read and count.

    `closed_permit`: what every request of a closed generation gets; None: the table must be asked. `in_force`: the
    settings, without the look-up of a property; assign to `settings`.
    `transitions`: made and not yet published.
    """

    __slots__ = (
        "_rejection",
        "closed_permit",
        "consecutive_failures",
        "generation",
        "in_force",
        "minimum",
        "name",
        "opened_at_s",
        "overrides",
        "probe_successes",
        "probes_in_flight",
        "rejected_half_open",
        "rejected_open",
        "state",
        "transitions",
        "window",
    )

    def __init__(self, name: str, settings: CircuitBreaker) -> None:
        self.name = name
        self.state = BreakerState.CLOSED
        self.generation = 1
        self.transitions: list[Transition] = []
        self.overrides = OverrideStack()
        self.opened_at_s = 0.0
        self.consecutive_failures = self.probes_in_flight = self.probe_successes = 0
        self.rejected_open = self.rejected_half_open = 0
        self.closed_permit: Permit | None = Permit(1)
        self._rejection = _FIRST_REJECTION
        self.window = Window((settings.failure_rate or _RATE_DEFAULTS).window_s)
        self.settings = settings

    @property
    def settings(self) -> CircuitBreaker:
        """In force from the next call on; assigning keeps state, counts and the moment it opened."""
        return self.in_force

    @settings.setter
    def settings(self, settings: CircuitBreaker) -> None:
        self.in_force = settings
        rate = settings.failure_rate or _RATE_DEFAULTS
        self.minimum = rate.minimum_requests if settings.failure_rate or settings.slow_calls else 0
        self.window.resize(rate.window_s)

    @property
    def override(self) -> Override | None:
        """In force for the last request."""
        return self.overrides.current

    @property
    def effective_state(self) -> BreakerState:
        """The state that the last request met."""
        return self.overrides.effective_state(self.state)

    def full(self, now_s: float) -> bool:
        """Half-open with every probe permit lent."""
        lent = self.probes_in_flight >= self.in_force.half_open_requests
        return lent and self.overrides.live(now_s) is None

    def reject(self, reason: Reason, wait_s: float) -> BreakerRejection:
        """The last rejection again if it says the same: a million of them make one object a second."""
        last = self._rejection
        if not -1 < wait_s - _FLOAT_NOISE_S - last.retry_after_s <= 0 or last.reason is not reason:
            last = self._rejection = BreakerRejection(reason, whole_s(wait_s))
        return last

    def judge_rates(self) -> Cause | None:
        """Whether the window's share of failures or slow responses opens the breaker, and which."""
        window, settings, total = self.window, self.in_force, self.window.total
        if not self.minimum or total < self.minimum:
            return None
        rate, slow = settings.failure_rate, settings.slow_calls
        if rate is not None and window.failures * 100 >= rate.percent * total:
            return Cause.FAILURE_RATE
        if slow is not None and window.slow * 100 >= slow.percent * total:
            return Cause.SLOW_CALLS
        return None
