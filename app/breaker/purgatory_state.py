"""The adapter to purgatory 3.0.1: our machine under its `Context` and `State`.

By itself purgatory admits everybody while half-open, counts a client's disconnect as a failure, lets late
results close the circuit and ignores changed settings; so a request has a `CallState` that asks our machine.
The names below are not exported by purgatory: hence the exact pin and a contract test on their shape.

purgatory says `opened` and `half-opened` where we say `open` and `half_open`; mapped here and nowhere else.
"""

import sys
from typing import Final

from app.breaker.machine import Machine
from app.breaker.values import NO_GENERATION, BreakerRejection, BreakerState, Outcome, Permit

# Whatever part of purgatory is imported, its `__init__` loads its Redis store, which imports redis for two type aliases
# and does without where redis is absent. A gateway without REDIS_URL never needs it, and holds 8 MiB more after its
# start where it is loaded, in each of its processes (measured: 51.6 for 43.7). Start-up has one thread.
_redis_is_new = "redis" not in sys.modules
try:
    if _redis_is_new:
        sys.modules["redis"] = None  # type: ignore[assignment]  # None is how the import system spells absent
    from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, Context, OpenedState
    from purgatory.domain.model import State as PurgatoryState
finally:
    if _redis_is_new:
        del sys.modules["redis"]

__all__ = ["FAILED", "IGNORED", "SLOW", "CallState", "Context"]

_WORDS: Final = {BreakerState.CLOSED: CLOSED, BreakerState.OPEN: OPENED, BreakerState.HALF_OPEN: HALF_OPENED}


class _Marker(BaseException):
    """An outcome in the shape purgatory hands on; made once, never raised."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


FAILED, SLOW, IGNORED = _Marker(Outcome.FAILURE), _Marker(Outcome.SLOW), _Marker(Outcome.IGNORED)


def _outcome(exc: BaseException) -> Outcome:
    if isinstance(exc, _Marker):
        return exc.outcome
    # CancelledError, GeneratorExit, KeyboardInterrupt say nothing about the upstream.
    return Outcome.FAILURE if isinstance(exc, Exception) else Outcome.IGNORED


class CallState(PurgatoryState):
    """One request's permission to pass; requests of one closed generation may share it.

    Set `now_s` before each call.
    """

    __slots__ = ("machine", "now_s", "permit")

    failure_count = None

    def __init__(self, machine: Machine, permit: Permit = NO_GENERATION) -> None:
        self.machine = machine
        self.permit = permit
        self.now_s = 0.0

    @property
    def name(self) -> str:  # type: ignore[override]  # purgatory only reads it
        return _WORDS[self.machine.effective_state]

    @property
    def opened_at(self) -> float | None:  # type: ignore[override]  # purgatory sets it only on its own states
        """Monotonic seconds; None unless open."""
        return self.machine.opened_at_s if self.machine.state is BreakerState.OPEN else None

    def handle_new_request(self, context: Context) -> None:
        """Raises a new OpenedState for each rejection: a shared one would keep every caller's frames alive."""
        decision = self.machine.admit(self.now_s)
        if self.machine.transitions:
            context.set_state(self)
        if isinstance(decision, BreakerRejection):
            raise OpenedState(context.name)
        self.permit = decision

    def handle_exception(self, context: Context, exc: BaseException) -> None:
        self._record(context, _outcome(exc))

    def handle_end_request(self, context: Context) -> None:
        self._record(context, Outcome.SUCCESS)

    def _record(self, context: Context, outcome: Outcome) -> None:
        if self.machine.record(self.permit, outcome, self.now_s) is not None:
            context.set_state(self)
