"""The circuit breaker as a table: what a request meets and what a result does, in each state.

CLOSED counts results and opens on a row of failures or on a rate over the window. OPEN refuses for
`openDuration`. HALF_OPEN lends `halfOpenRequests` probe permits at a time; that many successes close it, one
failure opens it again. Each transition begins a new era, numbered by `generation`; a result of an earlier
era changes nothing (gobreaker). An override stands before the table: while it is in force requests meet it,
results count nothing, and at its end the machine goes on where it stood.

Rates are judged when they can have risen: at a failure, at a slow answer, and at the success that fills the
minimum. A slow answer is a success for the row and slow in the window; a slow probe opens again where
`slowCalls` is set (resilience4j). Settings are read at each call, so changing them resets and moves nothing.
"""

from collections.abc import Callable, Mapping
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from app.breaker.values import NO_ERA, Cause, Outcome, Override, Permit, Refusal, State, Transition
from app.breaker.window import Window
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker, FailureRate

__all__ = ["ADMISSIONS", "RESULTS", "Machine", "whole_s"]

_CLOSED, _OPEN, _HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN
_BREAKER_OPEN, _BREAKER_PROBING = Reason.BREAKER_OPEN, Reason.BREAKER_PROBING
_IGNORED, _SLOW, _SUCCESS = Outcome.IGNORED, Outcome.SLOW, Outcome.SUCCESS
_RATE_DEFAULTS = FailureRate(percent=100)
"""Window and minimum where `slowCalls` stands without `failureRate`, or neither is set."""

_FLOAT_NOISE_S = 1e-6
"""10.000000000002 s left are told as 10 s, not as 11."""


def whole_s(wait_s: float) -> int:
    """The wait as `Retry-After` tells it: whole seconds, rounded up, at least 1."""
    return max(1, ceil(wait_s - _FLOAT_NOISE_S))


class Machine:
    """One breaker's state.

    Transitions are appended to `moved`; the caller takes them out after each call. The caller promises to
    `record` every permit exactly once, whatever happened to the request; then no probe slot is ever lost.
    """

    __slots__ = (
        "_admission",
        "_held_until_s",
        "_minimum",
        "_pass",
        "_refused",
        "_row",
        "_settings",
        "beneath",
        "failures_in_row",
        "generation",
        "moved",
        "name",
        "opened_at_s",
        "override",
        "probe_successes",
        "probes_in_flight",
        "refused_half_open",
        "refused_open",
        "state",
        "window",
    )

    def __init__(self, name: str, settings: CircuitBreaker) -> None:
        self.name = name
        self.state = _CLOSED
        self.generation = 1
        self._admission, self._row = ADMISSIONS[_CLOSED], RESULTS[_CLOSED]
        self.moved: list[Transition] = []
        self.override: Override | None = None
        self.beneath: Override | None = None
        self.opened_at_s = self._held_until_s = 0.0
        self.failures_in_row = self.probes_in_flight = self.probe_successes = 0
        self.refused_open = self.refused_half_open = 0
        self._pass: Permit | None = Permit(1)  # what every request of a closed era gets; None: ask the table
        self._refused = Refusal(_BREAKER_OPEN, 1)
        self.window = Window((settings.failure_rate or _RATE_DEFAULTS).window_s)
        self.settings = settings

    @property
    def settings(self) -> CircuitBreaker:
        """In force from the next call on; assigning keeps state, counts and the moment it opened."""
        return self._settings

    @settings.setter
    def settings(self, settings: CircuitBreaker) -> None:
        self._settings = settings
        rate = settings.failure_rate or _RATE_DEFAULTS
        self._minimum = rate.minimum_requests if settings.failure_rate or settings.slow_calls else 0
        self.window.resize(rate.window_s)

    @property
    def met(self) -> State:
        """The state that the last request met."""
        return self.state if self.override is None else self.override.state

    def admit(self, now_s: float) -> Permit | Refusal:
        """A permit, to be handed to `record` exactly once, or a refusal; never raises; O(1)."""
        permit = self._pass
        if permit is not None:  # nearly every request; the table would say the same 0.25 µs later
            return permit
        if self.override is not None and self._overridden(now_s):
            return self._forced(self.override, now_s)
        rule = self._admission
        answer = rule.effect(self, now_s)
        if answer is not None:
            return answer
        self._move(rule.to, Cause.OPEN_DURATION_OVER, self._over_s())
        return self.admit(now_s)

    def record(self, permit: Permit, outcome: Outcome, now_s: float) -> Transition | None:
        """Give a permit back with its result; returns the newest transition in `moved`; never raises."""
        if permit is self._pass and outcome is _SUCCESS:  # nearly every result; saves the look-ups, 0.1 µs
            cause = _end_row(self, permit, now_s)
            if cause is not None:
                self._move(_OPEN, cause, now_s)
                return self.moved[-1]
            return None
        if permit.generation != self.generation:
            return None  # a late result
        if self.override is not None and self._overridden(now_s):
            outcome = _IGNORED
        elif outcome is _SLOW and self._settings.slow_calls is None:
            outcome = _SUCCESS  # `slowCalls` was taken away while the request ran
        rule = self._row[outcome]
        cause = rule.effect(self, permit, now_s)
        if cause is not None and rule.to is not None:
            self._move(rule.to, cause, now_s)
        return self.moved[-1] if self.moved else None

    def force(self, override: Override | None, now_s: float, beneath: Override | None = None) -> None:
        """Put an override in force, or end it (None); the machine behind it stands still.

        `beneath`: the override that comes into force when this one's time is over.
        """
        self._overridden(now_s)
        before, self.override, self.beneath, self._held_until_s = self.met, override, beneath, now_s
        self._refresh_pass()
        if self.met is not before:
            cause = Cause.OVERRIDE_ENDED if override is None else Cause.OVERRIDE
            self.moved.append(Transition(before, self.met, cause, now_s))

    def pass_time(self, now_s: float) -> None:
        """Make the transitions that are due, as the next request would: an override's end, half-open."""
        if not self._overridden(now_s) and self.state is _OPEN and now_s >= self._over_s():
            self._move(_HALF_OPEN, Cause.OPEN_DURATION_OVER, self._over_s())

    def live_override(self, now_s: float) -> Override | None:
        """The one that a request at `now_s` would meet; changes nothing."""
        override = self.override
        if override is None or now_s < override.until_s:
            return override
        return self._following(override, now_s)

    def due(self, now_s: float) -> tuple[Transition, ...]:
        """The transitions that a request at `now_s` would make before it is answered; changes nothing."""
        due: list[Transition] = []
        override, state = self.override, self.state
        if override is not None:
            if now_s < override.until_s:
                return ()
            following = self._following(override, now_s)
            if following is not None:
                if override.state is following.state:
                    return ()
                return (Transition(override.state, following.state, Cause.OVERRIDE, override.until_s),)
            if override.state is not state:
                due.append(Transition(override.state, state, Cause.OVERRIDE_ENDED, override.until_s))
        over_s = self._over_s() if override is None else max(self._over_s(), override.until_s)
        if state is _OPEN and now_s >= over_s:
            due.append(Transition(state, _HALF_OPEN, Cause.OPEN_DURATION_OVER, over_s))
        return tuple(due)

    def wait_s(self, now_s: float) -> float:
        """Seconds until a request may pass, as far as time decides it; 0 when closed or half-open."""
        override = self.live_override(now_s)
        if override is not None:
            return override.until_s - now_s if override.state is _OPEN else 0.0
        return max(0.0, self._over_s() - now_s) if self.state is _OPEN else 0.0

    def full(self, now_s: float) -> bool:
        """Half-open with every probe permit lent."""
        lent = self.probes_in_flight >= self._settings.half_open_requests
        return lent and self.live_override(now_s) is None

    def _over_s(self) -> float:
        """When an open breaker becomes half-open: not while an override hides it."""
        return max(self.opened_at_s + self._settings.open_duration_s, self._held_until_s)

    def _move(self, to: State, cause: Cause, at_s: float) -> None:
        """Begin a new era; closing forgets the counts, so that old failures cannot open it at once."""
        self.moved.append(Transition(self.state, to, cause, at_s))
        self.state = to
        self.generation += 1
        self._admission, self._row = ADMISSIONS[to], RESULTS[to]
        self.probes_in_flight = self.probe_successes = 0
        if to is _OPEN:
            self.opened_at_s = at_s
        elif to is _CLOSED:
            self.failures_in_row = 0
            self.window.clear()
        self._refresh_pass()

    def _refresh_pass(self) -> None:
        passes = self.state is _CLOSED and self.override is None
        self._pass = Permit(self.generation) if passes else None

    def _overridden(self, now_s: float) -> bool:
        """An override is in force; one whose time is over is taken away first."""
        override = self.override
        if override is None or now_s < override.until_s:
            return override is not None
        self.override, self._held_until_s = self._following(override, now_s), override.until_s
        self.beneath = None
        self._refresh_pass()
        if override.state is not self.met:
            cause = Cause.OVERRIDE_ENDED if self.override is None else Cause.OVERRIDE
            self.moved.append(Transition(override.state, self.met, cause, override.until_s))
        return self.override is not None

    def _following(self, override: Override, now_s: float) -> Override | None:
        """What is in force after `override`, whose time is over."""
        beneath = self.beneath
        return beneath if beneath is not None and beneath.until_s > max(now_s, override.until_s) else None

    def _forced(self, override: Override, now_s: float) -> Permit | Refusal:
        if override.state is _CLOSED:
            return NO_ERA
        self.refused_open += 1
        return self._refuse(_BREAKER_OPEN, override.until_s - now_s)

    def _refuse(self, reason: Reason, wait_s: float) -> Refusal:
        """The last refusal again if it says the same: a million of them make one object a second."""
        refused = self._refused
        if not -1 < wait_s - _FLOAT_NOISE_S - refused.retry_after_s <= 0 or refused.reason is not reason:
            refused = self._refused = Refusal(reason, whole_s(wait_s))
        return refused

    def _judge_rates(self) -> Cause | None:
        window, settings, total = self.window, self._settings, self.window.total
        if not self._minimum or total < self._minimum:
            return None
        rate, slow = settings.failure_rate, settings.slow_calls
        if rate is not None and window.failures * 100 >= rate.percent * total:
            return Cause.FAILURE_RATE
        if slow is not None and window.slow * 100 >= slow.percent * total:
            return Cause.SLOW_CALLS
        return None


class Admission(NamedTuple):
    """What a request meets; an effect that answers None asks for the transition to `to`, then again."""

    says: str
    effect: Callable[[Machine, float], Permit | Refusal | None]
    to: State


class Result(NamedTuple):
    """What a result of this era does; an effect that names a cause asks for the transition to `to`."""

    says: str
    effect: Callable[[Machine, Permit, float], Cause | None]
    to: State | None = None
    causes: tuple[Cause, ...] = ()


def _pass(machine: Machine, now_s: float) -> Permit | Refusal | None:
    return machine._pass


def _wait(machine: Machine, now_s: float) -> Permit | Refusal | None:
    wait_s = machine.opened_at_s + machine._settings.open_duration_s - now_s
    if wait_s <= 0:
        return None
    machine.refused_open += 1
    return machine._refuse(_BREAKER_OPEN, wait_s)


def _probe(machine: Machine, now_s: float) -> Permit | Refusal | None:
    if machine.full(now_s):
        machine.refused_half_open += 1
        return machine._refuse(_BREAKER_PROBING, 1)
    machine.probes_in_flight += 1
    return Permit(machine.generation, held=True)


def _count_nothing(machine: Machine, permit: Permit, now_s: float) -> Cause | None:
    return None


def _end_row(machine: Machine, permit: Permit, now_s: float) -> Cause | None:
    machine.failures_in_row = 0
    window = machine.window
    if now_s < window.end_s:
        window.total += 1  # what record_success does within a bucket, 0.05 µs sooner
    else:
        window.record_success(now_s)
    return machine._judge_rates() if window.total == machine._minimum else None


def _end_row_slowly(machine: Machine, permit: Permit, now_s: float) -> Cause | None:
    machine.failures_in_row = 0
    machine.window.record_slow(now_s)
    return machine._judge_rates()


def _extend_row(machine: Machine, permit: Permit, now_s: float) -> Cause | None:
    machine.failures_in_row += 1
    machine.window.record_failure(now_s)
    threshold = machine._settings.consecutive_failures
    if threshold is not None and machine.failures_in_row >= threshold:
        return Cause.CONSECUTIVE_FAILURES
    return machine._judge_rates()


def _give_back(machine: Machine, permit: Permit, now_s: float) -> Cause | None:
    if permit.held:
        permit.held = False
        machine.probes_in_flight -= 1
    return None


def _probe_succeeded(machine: Machine, permit: Permit, now_s: float) -> Cause | None:
    if permit.held:
        _give_back(machine, permit, now_s)
        machine.probe_successes += 1
        if machine.probe_successes >= machine._settings.half_open_requests:
            return Cause.PROBE_SUCCEEDED
    return None


def _probe_failed(machine: Machine, permit: Permit, now_s: float) -> Cause | None:
    return Cause.PROBE_FAILED if permit.held else None


_RATES = (Cause.FAILURE_RATE, Cause.SLOW_CALLS)

ADMISSIONS: Mapping[State, Admission] = MappingProxyType(
    {
        State.CLOSED: Admission("admitted", _pass, State.CLOSED),
        State.OPEN: Admission("refused `breaker_open`, until `openDuration` is over", _wait, State.HALF_OPEN),
        State.HALF_OPEN: Admission(
            "admitted as a probe while fewer than `halfOpenRequests` are under way, else refused "
            "`breaker_probing`",
            _probe,
            State.HALF_OPEN,
        ),
    }
)

RESULTS: Mapping[State, Mapping[Outcome, Result]] = MappingProxyType(
    {
        State.CLOSED: {
            Outcome.SUCCESS: Result(
                "ends the row of failures, counts; rates are judged if it fills the minimum",
                _end_row,
                State.OPEN,
                _RATES,
            ),
            Outcome.SLOW: Result(
                "ends the row of failures, counts as slow; rates are judged",
                _end_row_slowly,
                State.OPEN,
                _RATES,
            ),
            Outcome.FAILURE: Result(
                "extends the row, counts as failed; row and rates are judged",
                _extend_row,
                State.OPEN,
                (Cause.CONSECUTIVE_FAILURES, *_RATES),
            ),
            Outcome.IGNORED: Result("counts nothing", _count_nothing),
        },
        State.OPEN: {},  # nobody is admitted, so every result is a late one
        State.HALF_OPEN: {
            Outcome.SUCCESS: Result(
                "gives the probe permit back; the `halfOpenRequests`-th one closes",
                _probe_succeeded,
                State.CLOSED,
                (Cause.PROBE_SUCCEEDED,),
            ),
            Outcome.SLOW: Result(
                "opens again where `slowCalls` is set, else a success",
                _probe_failed,
                State.OPEN,
                (Cause.PROBE_FAILED,),
            ),
            Outcome.FAILURE: Result("opens again", _probe_failed, State.OPEN, (Cause.PROBE_FAILED,)),
            Outcome.IGNORED: Result("gives the probe permit back, counts nothing", _give_back),
        },
    }
)
