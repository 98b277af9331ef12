"""The adapter to purgatory 3.0.1: its circuit breaker around a coroutine, with a breaker of ours behind it.

By itself purgatory admits everybody while half-open, counts a cancelled caller as a failure, lets late results close
the circuit and ignores changed settings; so every call gets a state that asks our breaker. Two of its base classes are
not exported: hence the exact pin and a contract test on their shape.

Importing purgatory loads redis-py (for two type aliases), 8 MiB and 0.1 s: for code that uses Redis anyway. The data
path, where nothing is awaited, asks `Breaker` itself.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from purgatory import AsyncAbstractUnitOfWork, AsyncCircuitBreakerFactory
from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, Context, OpenedState
from purgatory.domain.model import State as PurgatoryState
from purgatory.service._async.repository import AsyncAbstractRepository

from app.breaker.registry import Breaker
from app.breaker.values import NO_GENERATION, BreakerRejection, BreakerState, Permit
from app.foundation import clock

__all__ = ["CoroutineBreaker"]

_WORDS: Final = {BreakerState.CLOSED: CLOSED, BreakerState.OPEN: OPENED, BreakerState.HALF_OPEN: HALF_OPENED}
"""purgatory's words for our states."""

T = TypeVar("T")


class CoroutineBreaker:
    """`breaker` around coroutines; `now_s` reads the monotonic clock. Not for a follower, which lets requests wait."""

    def __init__(self, breaker: Breaker, now_s: Callable[[], float] = clock.now_s) -> None:
        self.breaker = breaker
        self._factory = AsyncCircuitBreakerFactory(uow=_UnitOfWork(_Contexts(breaker, now_s)))

    async def call(self, function: Callable[[], Awaitable[T]]) -> T | BreakerRejection:
        """What `function` returns; a rejection in its stead where the breaker lets nobody pass.

        What it raises passes through, and an Exception counts as a failure. A call that is cancelled, or ended by any
        other BaseException, says nothing of the callee.
        """
        circuit = await self._factory.get_breaker(self.breaker.name)
        try:
            async with circuit:
                return await function()
        except _Rejected as rejected:
            return rejected.rejection


class _Rejected(OpenedState):
    """A new one for each call: a shared exception would keep the frames of all its callers alive."""

    def __init__(self, name: str, rejection: BreakerRejection) -> None:
        super().__init__(name)
        self.rejection = rejection


class _CallState(PurgatoryState):
    """What one call meets, and what became of it."""

    def __init__(self, breaker: Breaker, now_s: Callable[[], float]) -> None:
        self._breaker = breaker
        self._now_s = now_s
        self._began_s = 0.0
        self._permit: Permit = NO_GENERATION

    @property
    def name(self) -> str:  # type: ignore[override]  # purgatory only reads it
        return _WORDS[self._breaker.state_at(self._now_s())]

    @property
    def opened_at(self) -> float | None:  # type: ignore[override]  # purgatory sets it on its own states only
        """Monotonic seconds; None unless open."""
        machine = self._breaker.machine
        return machine.opened_at_s if machine.state is BreakerState.OPEN else None

    def handle_new_request(self, context: Context) -> None:
        self._began_s = self._now_s()
        verdict = self._breaker.admit(self._began_s)
        if isinstance(verdict, BreakerRejection):
            raise _Rejected(context.name, verdict)
        assert isinstance(verdict, Permit), "a follower has no place here"  # noqa: S101
        self._permit = verdict

    def handle_exception(self, context: Context, exc: BaseException) -> None:
        now_s = self._now_s()
        if isinstance(exc, Exception):
            self._breaker.fail(self._permit, now_s, type(exc).__name__, str(exc))
        else:
            self._breaker.ignore(self._permit, now_s)

    def handle_end_request(self, context: Context) -> None:
        now_s, slow = self._now_s(), self._breaker.settings.slow_calls
        if slow is not None and now_s - self._began_s > slow.threshold_s:
            self._breaker.slow(self._permit, now_s)
        else:
            self._breaker.succeed(self._permit, now_s)


class _Contexts(AsyncAbstractRepository):
    """A new context for each call, so that no two share a permit. Our breaker counts; nothing is stored here."""

    def __init__(self, breaker: Breaker, now_s: Callable[[], float]) -> None:
        self.messages = []
        self._breaker = breaker
        self._now_s = now_s

    async def get(self, name: str) -> Context:
        settings = self._breaker.settings
        context = Context(name, settings.consecutive_failures or 0, settings.open_duration_s)
        context.set_state(_CallState(self._breaker, self._now_s))
        context.messages.clear()  # that is no transition
        return context

    async def register(self, context: Context) -> None: ...

    async def update_state(self, name: str, state: str, opened_at: float | None) -> None: ...

    async def inc_failures(self, name: str, failure_count: int) -> None: ...

    async def reset_failure(self, name: str) -> None: ...


class _UnitOfWork(AsyncAbstractUnitOfWork):
    def __init__(self, contexts: _Contexts) -> None:
        self.contexts = contexts

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...
