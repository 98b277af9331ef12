"""The door to purgatory 3.0.1: our machine under its `Context` and `State`.

By itself purgatory admits everybody while half-open, counts a client's hang-up as a failure, lets late
results close the circuit and ignores changed settings; so a request has a `CallState` that asks our machine.
Two of the names below are not exported by purgatory: hence the exact pin and a contract test on their shape.

purgatory says `opened` and `half-opened` where we say `open` and `half_open`; mapped here and nowhere else.
"""

import sys
from collections.abc import Callable
from typing import Final, Protocol

from app.breaker.machine import Machine
from app.breaker.values import NO_ERA, Outcome, Permit, Refusal, State

# purgatory imports redis for two type aliases and does without when it is absent. Hiding it during this
# import saves 0.07 s and 8 MiB at start (measured). Start-up has one thread: nobody sees the gap.
_redis_is_new = "redis" not in sys.modules
try:
    if _redis_is_new:
        sys.modules["redis"] = None  # type: ignore[assignment]  # None is how the import system spells absent
    from purgatory import AsyncAbstractUnitOfWork, AsyncCircuitBreakerFactory
    from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, Context, OpenedState
    from purgatory.domain.model import State as PurgatoryState
    from purgatory.service._async.repository import AsyncAbstractRepository
finally:
    if _redis_is_new:
        del sys.modules["redis"]

__all__ = ["FAILED", "IGNORED", "SLOW", "Admitting", "CallState", "Context", "coroutine_breakers"]

_WORDS: Final = {State.CLOSED: CLOSED, State.OPEN: OPENED, State.HALF_OPEN: HALF_OPENED}


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
    """One request's leave to pass; requests of one closed era may share it. Set `now_s` before each call."""

    __slots__ = ("machine", "now_s", "permit")

    failure_count = None

    def __init__(self, machine: Machine, permit: Permit = NO_ERA) -> None:
        self.machine = machine
        self.permit = permit
        self.now_s = 0.0

    @property
    def name(self) -> str:  # type: ignore[override]  # purgatory only reads it
        return _WORDS[self.machine.met]

    @property
    def opened_at(self) -> float | None:  # type: ignore[override]  # purgatory sets it only on its own states
        """Monotonic seconds; None unless open."""
        return self.machine.opened_at_s if self.machine.state is State.OPEN else None

    def handle_new_request(self, context: Context) -> None:
        """Raises a new OpenedState for each refusal: a shared one would keep every caller's frames alive."""
        answer = self.machine.admit(self.now_s)
        if self.machine.moved:
            context.set_state(self)
        if isinstance(answer, Refusal):
            raise OpenedState(context.name)
        self.permit = answer

    def handle_exception(self, context: Context, exc: BaseException) -> None:
        self._record(context, _outcome(exc))

    def handle_end_request(self, context: Context) -> None:
        self._record(context, Outcome.SUCCESS)

    def _record(self, context: Context, outcome: Outcome) -> None:
        if self.machine.record(self.permit, outcome, self.now_s) is not None:
            context.set_state(self)


class Admitting(Protocol):
    """What coroutine users need of a breaker: `tell` passes on what `machine.moved` holds and empties it."""

    machine: Machine

    def tell(self, now_s: float) -> None: ...


class _CoroutineCall(CallState):
    """A call that purgatory drives: it asks the time itself and tells its transitions."""

    __slots__ = ("breaker", "clock")

    def __init__(self, breaker: Admitting, clock: Callable[[], float]) -> None:
        super().__init__(breaker.machine)
        self.breaker = breaker
        self.clock = clock

    def handle_new_request(self, context: Context) -> None:
        self.now_s = self.clock()
        try:
            super().handle_new_request(context)
        finally:
            self.breaker.tell(self.now_s)

    def _record(self, context: Context, outcome: Outcome) -> None:
        self.now_s = self.clock()
        super()._record(context, outcome)
        self.breaker.tell(self.now_s)


class _Contexts(AsyncAbstractRepository):
    """A new Context for each call, so that calls share neither permits nor exclude lists; stores nothing."""

    def __init__(self, breaker_named: Callable[[str], Admitting], clock: Callable[[], float]) -> None:
        self.messages = []
        self._breaker_named = breaker_named
        self._clock = clock

    async def get(self, name: str) -> Context:
        breaker = self._breaker_named(name)
        settings = breaker.machine.settings
        context = Context(name, settings.consecutive_failures or 0, settings.open_duration_s)
        context.set_state(_CoroutineCall(breaker, self._clock))
        context.messages.clear()
        return context

    async def register(self, context: Context) -> None:
        """Breakers are made by the registry."""

    async def update_state(self, name: str, state: str, opened_at: float | None) -> None:
        """The machine holds the state."""

    async def inc_failures(self, name: str, failure_count: int) -> None:
        """The machine counts."""

    async def reset_failure(self, name: str) -> None:
        """The machine counts."""


class _Unit(AsyncAbstractUnitOfWork):
    def __init__(self, contexts: _Contexts) -> None:
        self.contexts = contexts

    async def commit(self) -> None:
        """Nothing is stored."""

    async def rollback(self) -> None:
        """Nothing is stored."""


def coroutine_breakers(
    breaker_named: Callable[[str], Admitting], clock: Callable[[], float]
) -> AsyncCircuitBreakerFactory:
    """purgatory's own factory over our machines, for coroutines off the data path (4–6 µs a call).

    `async with await factory.get_breaker(name):` raises purgatory's OpenedState when refused; an `Exception`
    is a failure, any other BaseException (a cancelled task) gives the permit back and counts nothing.
    """
    return AsyncCircuitBreakerFactory(uow=_Unit(_Contexts(breaker_named, clock)))
