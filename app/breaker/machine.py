"""The circuit breaker: a state, and the table (`table`) of what a request meets and what a result does in it.

CLOSED counts results and opens on consecutive failures or on a rate over the window. OPEN rejects for
`openDuration`. HALF_OPEN lends `halfOpenRequests` probe permits at a time; that many successes close it, one
failure opens it again. Each transition begins a new generation; a result of an earlier one changes nothing
(gobreaker). An override stands before the table (`override_stack`): while it is in force requests meet it,
results count nothing, and at its end the machine goes on where it stood.

Rates are judged when they can have risen: at a failure, at a slow response, and at the success that fills the
minimum. A slow response ends a series of failures and is slow in the window; a slow probe opens again where
`slowCalls` is set (resilience4j). Settings are read at each call, so changing them resets nothing.
"""

from typing import Final

from app.breaker.state import MachineState
from app.breaker.table import ADMISSIONS, RESULTS, count_success, count_successes
from app.breaker.values import (
    NO_GENERATION,
    BreakerRejection,
    BreakerState,
    Cause,
    Outcome,
    Override,
    Permit,
    Transition,
)
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker

__all__ = ["Machine"]

_CLOSED: Final = BreakerState.CLOSED
_OPEN: Final = BreakerState.OPEN
_HALF_OPEN: Final = BreakerState.HALF_OPEN
_IGNORED: Final = Outcome.IGNORED
_SLOW: Final = Outcome.SLOW
_SUCCESS: Final = Outcome.SUCCESS


class Machine(MachineState):
    """One breaker: decides who passes, and what a result changes.

    Transitions are appended to `transitions`; the caller takes them out after each call. The caller promises to
    `record` every permit exactly once, whatever happened to the request; then no probe slot is ever lost.
    """

    __slots__ = ("_admission", "_results")

    def __init__(self, name: str, settings: CircuitBreaker) -> None:
        super().__init__(name, settings)
        self._admission, self._results = ADMISSIONS[_CLOSED], RESULTS[_CLOSED]

    def admit(self, now_s: float) -> Permit | BreakerRejection:
        """A permit, to be handed to `record` exactly once, or a rejection; never raises; O(1)."""
        permit = self.closed_permit
        if permit is not None:  # nearly every request; the table would say the same 0.25 µs later
            return permit
        if self.overrides.current is not None and self._is_overridden(now_s):
            return self._admit_overridden(now_s)
        rule = self._admission
        decision = rule.effect(self, now_s)
        if decision is not None:
            return decision
        self._enter(rule.to, Cause.OPEN_DURATION_OVER, self._open_until_s())
        return self.admit(now_s)

    def record(self, permit: Permit, outcome: Outcome, now_s: float) -> Transition | None:
        """Give a permit back with its result; returns the newest of `transitions`; never raises."""
        if (
            permit is self.closed_permit and outcome is _SUCCESS
        ):  # nearly every result; saves the look-ups, 0.1 µs
            cause = count_success(self, permit, now_s)
            if cause is not None:
                self._enter(_OPEN, cause, now_s)
                return self.transitions[-1]
            return None
        if permit.generation != self.generation:
            return None  # a late result
        if self.overrides.current is not None and self._is_overridden(now_s):
            outcome = _IGNORED
        elif outcome is _SLOW and self.in_force.slow_calls is None:
            outcome = _SUCCESS  # `slowCalls` was taken away while the request ran
        rule = self._results[outcome]
        cause = rule.effect(self, permit, now_s)
        if cause is not None and rule.to is not None:
            self._enter(rule.to, cause, now_s)
        return self.transitions[-1] if self.transitions else None

    def record_successes(self, generation: int, number: int, following: int, now_s: float) -> None:
        """As `record` of `number` ≥ 1 successes of that closed generation that are no news any more.

        `following`: failures that are recorded already and came after the last of them.
        """
        if generation != self.generation or self.state is not _CLOSED or self._is_overridden(now_s):
            return
        cause = count_successes(self, number, following, now_s)
        if cause is not None:
            self._enter(_OPEN, cause, now_s)

    def open_until_s(self) -> float:
        """When what rejects all ends: an override, or the time of an open breaker; 0 where neither is."""
        override = self.overrides.current
        if override is not None:
            return override.until_s
        return self._open_until_s() if self.state is _OPEN else 0.0

    def force(self, override: Override | None, now_s: float, below: Override | None = None) -> None:
        """Put an override in force, or end it (None); the machine behind it stands still.

        `below`: the override that comes into force when this one's time is over.
        """
        self._is_overridden(now_s)
        before = self.effective_state
        self.overrides.put(override, below, now_s)
        self._refresh_pass()
        self._note_override(before, now_s)

    def pass_time(self, now_s: float) -> None:
        """Make the transitions that are due, as the next request would: an override's end, half-open."""
        if not self._is_overridden(now_s) and self.state is _OPEN and now_s >= self._open_until_s():
            self._enter(_HALF_OPEN, Cause.OPEN_DURATION_OVER, self._open_until_s())

    def due(self, now_s: float) -> tuple[Transition, ...]:
        """The transitions that a request at `now_s` would make before it is decided; changes nothing."""
        due: list[Transition] = []
        override, state = self.overrides.current, self.state
        if override is not None:
            if now_s < override.until_s:
                return ()
            following = self.overrides.after(override, now_s)
            if following is not None:
                if override.state is following.state:
                    return ()
                return (Transition(override.state, following.state, Cause.OVERRIDE, override.until_s),)
            if override.state is not state:
                due.append(Transition(override.state, state, Cause.OVERRIDE_ENDED, override.until_s))
        until_s = self._open_until_s() if override is None else max(self._open_until_s(), override.until_s)
        if state is _OPEN and now_s >= until_s:
            due.append(Transition(state, _HALF_OPEN, Cause.OPEN_DURATION_OVER, until_s))
        return tuple(due)

    def wait_s(self, now_s: float) -> float:
        """Seconds until a request may pass, as far as time decides it; 0 when closed or half-open."""
        override = self.overrides.live(now_s)
        if override is not None:
            return override.until_s - now_s if override.state is _OPEN else 0.0
        return max(0.0, self._open_until_s() - now_s) if self.state is _OPEN else 0.0

    def _open_until_s(self) -> float:
        """When an open breaker becomes half-open: not while an override hides it."""
        return max(self.opened_at_s + self.in_force.open_duration_s, self.overrides.changed_at_s)

    def _enter(self, to: BreakerState, cause: Cause, at_s: float) -> None:
        """Begin a new generation; closing forgets the counts, so that old failures cannot open it at once."""
        self.transitions.append(Transition(self.state, to, cause, at_s))
        self.state = to
        self.generation += 1
        self._admission, self._results = ADMISSIONS[to], RESULTS[to]
        self.probes_in_flight = self.probe_successes = 0
        if to is _OPEN:
            self.opened_at_s = at_s
        elif to is _CLOSED:
            self.consecutive_failures = 0
            self.window.clear()
        self._refresh_pass()

    def _refresh_pass(self) -> None:
        passes = self.state is _CLOSED and self.overrides.current is None
        self.closed_permit = Permit(self.generation) if passes else None

    def _is_overridden(self, now_s: float) -> bool:
        """An override is in force; one whose time is over is taken away first."""
        # no early leave where none is set: mypyc would hold `current` for set behind the call that takes it away
        ended = self.overrides.expire(now_s)
        if ended is not None:
            self._refresh_pass()
            self._note_override(ended.state, ended.until_s)
        return self.overrides.current is not None

    def _note_override(self, before: BreakerState, at_s: float) -> None:
        """A transition, if requests meet another state than `before`."""
        if self.effective_state is not before:
            cause = Cause.OVERRIDE_ENDED if self.overrides.current is None else Cause.OVERRIDE
            self.transitions.append(Transition(before, self.effective_state, cause, at_s))

    def _admit_overridden(self, now_s: float) -> Permit | BreakerRejection:
        override = self.overrides.current
        if override is None or override.state is _CLOSED:
            return NO_GENERATION
        self.rejected_open += 1
        return self.reject(Reason.BREAKER_OPEN, override.until_s - now_s)
