"""All breakers of the process, and the one object that the data path holds for each."""

from collections.abc import Callable, Collection
from typing import Final

from app.breaker.awaited_permit import AwaitedPermit, BreakerVerdict
from app.breaker.dates import Dates
from app.breaker.machine import Machine
from app.breaker.outage import NO_OUTAGE, after
from app.breaker.state import whole_s
from app.breaker.transitions import BreakerTransition, TransitionLog
from app.breaker.values import NO_GENERATION, BreakerState, Cause, Outcome, Override, Permit
from app.breaker.view import BreakerView, FailureView
from app.foundation import clock
from app.policy.model import BreakerOverride, CircuitBreaker, OverrideState

__all__ = ["Breaker", "Breakers"]


_SUCCESS: Final = Outcome.SUCCESS
_FAILURES: Final = (Cause.CONSECUTIVE_FAILURES, Cause.FAILURE_RATE, Cause.PROBE_FAILED)


class Breaker:
    """Made by `Breakers.get`. Each `Permit` from `admit` goes back exactly once, by one of four methods:

    `succeed` (also 4xx), `slow` (a success whose head came after `settings.slow_calls.threshold_s`), `fail`,
    `ignore` (the client hung up, or the request never left). Nothing here raises, waits or asks for `now_s`.

    `failures_total`: failures that counted against it; `late_failures`: those besides of requests that passed before
    its last change of state, which say nothing about the one it is in.
    """

    __slots__ = (
        "_cause",
        "_dates",
        "_failure",
        "_log",
        "_outage",
        "_policy_override",
        "_since_wall_s",
        "_transitions_total",
        "_wall_s",
        "failures_total",
        "late_failures",
        "machine",
        "name",
    )

    def __init__(
        self, name: str, settings: CircuitBreaker, log: TransitionLog, wall_s: Callable[[], float]
    ) -> None:
        self.name = name
        self.machine = Machine(name, settings)
        self._log = log
        self._wall_s = wall_s
        self._since_wall_s = wall_s()
        self._dates: Dates | None = None
        self._cause: Cause | None = None
        self._outage = NO_OUTAGE
        self._policy_override: Override | None = None
        self._failure: tuple[float, str, str] | None = None
        self.failures_total = 0
        self.late_failures = 0
        self._transitions_total: dict[tuple[BreakerState, BreakerState], int] = {}

    @property
    def settings(self) -> CircuitBreaker:
        """Assigning is a live edit: state, counts and the moment it opened stay."""
        return self.machine.settings

    @settings.setter
    def settings(self, settings: CircuitBreaker) -> None:
        self.machine.settings = settings

    def admit(self, now_s: float) -> BreakerVerdict | AwaitedPermit:
        """Permission to pass, or a rejection; O(1). Only a follower lets a request wait for either."""
        decision = self.machine.admit(now_s)
        if self.machine.transitions:
            self.publish(now_s)
        return decision

    def succeed(self, permit: Permit, now_s: float) -> None:
        if self.machine.record(permit, _SUCCESS, now_s) is not None:
            self.publish(now_s)

    def succeed_often(self, generation: int, number: int, following: int, now_s: float) -> None:
        """`number` ≥ 1 successes of a while, of a worker: see `Machine.record_successes`."""
        self.machine.record_successes(generation, number, following, now_s)
        if self.machine.transitions:
            self.publish(now_s)

    def slow(self, permit: Permit, now_s: float) -> None:
        self._end(permit, Outcome.SLOW, now_s)

    def fail(self, permit: Permit, now_s: float, word: str = "", detail: str = "") -> None:
        """`word`: a reason word or `status_503`, with `detail` for people: why it failed."""
        if permit.generation in (self.machine.generation, NO_GENERATION.generation):  # not a late one
            self.failures_total += 1
            self._failure = (now_s, word, detail)
        else:
            self.late_failures += 1
        self._end(permit, Outcome.FAILURE, now_s)

    def ignore(self, permit: Permit, now_s: float) -> None:
        self._end(permit, Outcome.IGNORED, now_s)

    def override(
        self, state: OverrideState, for_s: float, by: str, now_s: float, wall_s: float, why: str = ""
    ) -> None:
        """Force `state` for `for_s` seconds in the name of `by`; it ends by itself. AUTO ends it now.

        It lies on top of a policy's, which is in force again when it ends.
        """
        dates = Dates(now_s, wall_s)
        if state is OverrideState.AUTO:
            self.machine.force(self._policy_override, now_s)
        else:
            until_s, since_wall_s = now_s + for_s, dates.wall_s
            forced = BreakerState(state.lower())
            override = Override(forced, until_s, dates.at(until_s), by, why, since_wall_s)
            self.machine.force(override, now_s, self._policy_override)
        self._publish_override(now_s, dates)

    def set_policy_override(
        self, override: BreakerOverride | None, by: str, now_s: float, wall_s: float
    ) -> None:
        """The override that policy `by` sets from now on, or none; the same again changes nothing."""
        dates = Dates(now_s, wall_s)
        before, wanted = self._policy_override, _policy_override(override, by, now_s, dates.wall_s)
        if _is_same_override(before, wanted):
            return
        self._policy_override = wanted
        live = self.machine.overrides.live(now_s)
        if live is not None and live is not before:  # one that was set by hand
            self.machine.overrides.below = wanted
        else:
            self.machine.force(wanted, now_s)
            self._publish_override(now_s, dates)

    def _publish_override(self, now_s: float, dates: Dates) -> None:
        """`dates`: by which the override that is in force now has its own."""
        self.publish(now_s, dates)
        if self.machine.override is not None:
            self._dates = dates

    def pass_time(self, now_s: float) -> None:
        """Half-open, or the end of an override, also where no request comes to notice that it is time."""
        self.machine.pass_time(now_s)
        if self.machine.transitions:
            self.publish(now_s)

    def state_at(self, now_s: float) -> BreakerState:
        """The state alone, as `view` would say it: that takes a tenth of the time."""
        state = self.machine.effective_state
        for due in self.machine.due(now_s):
            state = due.to_state
        return state

    def view(self, now_s: float, wall_s: float) -> BreakerView:
        """The breaker at this moment; changes nothing."""
        machine, override = self.machine, self.machine.overrides.live(now_s)
        state, since_wall_s, cause = machine.effective_state, self._since_wall_s, self._cause
        outage, dates = self._outage, self._dates or Dates(now_s, wall_s)
        for due in machine.due(now_s):
            state, since_wall_s, cause = due.to_state, dates.at(due.at_s), due.cause
            outage = after(outage, state, due.cause, since_wall_s)
        wait_s = machine.wait_s(now_s)
        failure = self._failure
        return BreakerView(
            name=self.name,
            state=state,
            since_wall_s=since_wall_s,
            reason=cause,
            consecutive_failures=machine.consecutive_failures,
            threshold=machine.settings.consecutive_failures,
            window=machine.window.counts(now_s),
            window_s=machine.window.window_s,
            next_probe_in_s=wait_s or None,
            open_until_wall_s=dates.at(now_s + wait_s) if wait_s else None,
            retry_after_s=whole_s(wait_s) if wait_s or machine.full(now_s) else None,
            probes_in_flight=machine.probes_in_flight,
            override=override,
            settings=machine.settings,
            rejections={
                BreakerState.OPEN: machine.rejected_open,
                BreakerState.HALF_OPEN: machine.rejected_half_open,
            },
            transitions_total=dict(self._transitions_total),
            failures_total=self.failures_total,
            last_failure=failure and FailureView(wall_s - (now_s - failure[0]), *failure[1:]),
            outage=outage,
            minimum_requests=machine.minimum,
            opening=None if outage.not_closed_since_wall_s is None else machine.window.last,
        )

    def publish(self, now_s: float, dates: Dates | None = None) -> None:
        """Count the transitions that the machine made, and publish them.

        One that is made now has its date by `dates`, or by a look at the wall clock; one that time alone brought by
        that of what it follows, so it lies exactly where `view` showed that it would.
        """
        transitions = self.machine.transitions
        for transition in transitions:
            if self._dates is None or transition.at_s >= now_s:
                self._dates = dates or Dates(now_s, self._wall_s())
            at_wall_s = self._dates.at(transition.at_s)
            held_s = max(0.0, at_wall_s - self._since_wall_s)
            self._since_wall_s, self._cause = at_wall_s, transition.cause
            self._outage = after(self._outage, transition.to_state, transition.cause, at_wall_s)
            ends = (transition.from_state, transition.to_state)
            self._transitions_total[ends] = self._transitions_total.get(ends, 0) + 1
            error = self._error() if transition.cause in _FAILURES else ""
            self._log.publish(
                BreakerTransition(
                    self.name, *ends, transition.cause, at_wall_s, transition.at_s, error, held_s
                )
            )
        transitions.clear()

    def _error(self) -> str:
        _, word, detail = self._failure or (0.0, "", "")
        return f"{word}: {detail}" if detail else word

    def _end(self, permit: Permit, outcome: Outcome, now_s: float) -> None:
        if self.machine.record(permit, outcome, now_s) is not None:
            self.publish(now_s)


def _policy_override(
    override: BreakerOverride | None, by: str, now_s: float, wall_s: float
) -> Override | None:
    """On the monotonic clock; None for what is no override or is over."""
    if override is None or override.until_wall_s is None or override.state is OverrideState.AUTO:
        return None
    rest_s = override.until_wall_s - wall_s
    if rest_s <= 0:
        return None
    state = BreakerState(override.state.lower())
    return Override(state, now_s + rest_s, override.until_wall_s, by, "", wall_s)


def _is_same_override(one: Override | None, other: Override | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.state, one.until_wall_s, one.by) == (other.state, other.until_wall_s, other.by)


class Breakers:
    """`wall_s` is asked once per transition that a request makes, for the date that people read."""

    __slots__ = ("_by_name", "_wall_s", "transition_log")

    def __init__(self, wall_s: Callable[[], float] = clock.wall_s) -> None:
        self._wall_s = wall_s
        self._by_name: dict[str, Breaker] = {}
        self.transition_log = TransitionLog()

    def get(self, name: str, settings: CircuitBreaker) -> Breaker:
        """The breaker of that name with these settings: a new one, or the known one edited live."""
        breaker = self._by_name.get(name)
        if breaker is None:
            breaker = self._by_name[name] = self._make(name, settings)
        elif breaker.settings is not settings:
            breaker.settings = settings
        return breaker

    def _make(self, name: str, settings: CircuitBreaker) -> Breaker:
        return Breaker(name, settings, self.transition_log, self._wall_s)

    def known(self, name: str) -> Breaker | None:
        return self._by_name.get(name)

    def all(self) -> tuple[Breaker, ...]:
        return tuple(self._by_name.values())

    def keep_only(self, names: Collection[str]) -> None:
        """Drop breakers that no table uses; requests under way end on the dropped one."""
        for name in self._by_name.keys() - set(names):
            del self._by_name[name]
            self.transition_log.forget(name)

    def transitions(self, name: str) -> tuple[BreakerTransition, ...]:
        """At most the last 100, newest first."""
        return self.transition_log.of(name)

    def subscribe(self, listener: Callable[[BreakerTransition], None]) -> None:
        """See `TransitionLog.subscribe`."""
        self.transition_log.subscribe(listener)

    def pass_time(self, now_s: float) -> None:
        """Call it about once a second, so that transitions which only time brings are published without traffic."""
        for breaker in self.all():
            breaker.pass_time(now_s)
