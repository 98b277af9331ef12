"""A circuit breaker around the shared store of limits.

A store that is away is noticed by its heartbeat. One that beats and yet loses the calls (overloaded, or its user lacks
the rights) would be found well again and again, and each time the first requests would wait for it in vain.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from app.breaker.coroutines import CoroutineBreaker
from app.breaker.registry import Breakers
from app.breaker.values import BreakerRejection, BreakerState
from app.foundation import clock
from app.foundation.errors import StoreDown
from app.limits.lease import Grant
from app.limits.lease_client import MAX_PIPELINES
from app.limits.lease_store import LeaseCall, LeaseStore
from app.policy.model import CircuitBreaker, FailureRate

__all__ = ["OPEN_S", "GuardedLeaseStore"]

_STORE: Final = "the limit store"
OPEN_S: Final = 1.0
"""With a heartbeat more, limits are shared again within the 2 s that docs/shared-limits.md promises."""
_SETTINGS: Final = CircuitBreaker(
    # more than a single moment can take along: then `MAX_PIPELINES` are under way at most
    failure_rate=FailureRate(percent=50, window_s=10.0, minimum_requests=2 * MAX_PIPELINES),
    open_duration_s=OPEN_S,
    half_open_requests=MAX_PIPELINES,
)


class GuardedLeaseStore:
    """`store` behind a breaker, which opens where half of the lease calls of the last ten seconds were lost.

    While it is open no lease call is sent, and the heartbeat, which goes on, reports the store as unavailable.
    """

    def __init__(self, store: LeaseStore, now_s: Callable[[], float] = clock.now_s) -> None:
        self._store = store
        self._now_s = now_s
        self._guard = CoroutineBreaker(Breakers().get(_STORE, _SETTINGS), now_s)
        self._cause = "a fault of our own"

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        try:
            grants = await self._guard.call(partial(self._store.lease, calls))
        except StoreDown as down:
            self._cause = down.cause
            raise
        if isinstance(grants, BreakerRejection):
            raise self._left_alone()
        return grants

    async def heartbeat(self) -> int:
        replicas = await self._store.heartbeat()
        if self._guard.breaker.state_at(self._now_s()) is BreakerState.OPEN:
            raise self._left_alone()
        return replicas

    async def close(self) -> None:
        await self._store.close()

    def _left_alone(self) -> StoreDown:
        return StoreDown(_STORE, f"it loses half of its calls: {self._cause}")
