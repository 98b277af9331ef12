"""Leases for workers out of what the parent leases itself, so that replicas of the shared store stay gateways."""

import asyncio

from app.foundation.clock import now_s
from app.limits.lease import LENT_S, Grant, Order
from app.limits.limiter import Admitted, Limited, Verdict, Waiting
from app.limits.rule import Rule
from app.limits.shared import SharedLimiter

__all__ = ["SubLeases"]


class SubLeases:
    """`limiter` decides about each request that waits as about one of its own, also while the store is unavailable."""

    def __init__(self, limiter: SharedLimiter) -> None:
        self._limiter = limiter

    async def lease(self, rule: Rule, key: bytes, order: Order) -> Grant | None:
        """None: the store is unavailable, and the rule lets nobody pass meanwhile. Waits as long as a request does."""
        self._take_back(rule, key, order)
        taken, verdict = 0, None
        while taken < order.need:
            verdict = await self._verdict(rule, key)
            if not isinstance(verdict, Admitted):
                break
            taken += 1
        if verdict is not None and not isinstance(verdict, Admitted | Limited) and not taken:
            return None
        wait_s = verdict.retry_after_s if isinstance(verdict, Limited) else 0
        return self._grant(rule, key, taken, order.want - taken, wait_s)

    async def _verdict(self, rule: Rule, key: bytes) -> Verdict:
        verdict = self._limiter.admit([rule], [key], now_s())
        if not isinstance(verdict, Waiting):
            return verdict
        decided: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        verdict.on_verdict = lambda verdict, _: decided.set_result(verdict)
        try:
            return await decided
        except asyncio.CancelledError:
            verdict.cancel()
            raise

    def _take_back(self, rule: Rule, key: bytes, order: Order) -> None:
        now = now_s()
        leases = self._limiter.leases
        group = leases.group(rule, now)
        lease = group.leases.get(key)
        if order.back and lease is not None:
            leases.put_back(lease, order.back, order.generation, now)
        group.add_unreported(key, order.unreported)

    def _grant(self, rule: Rule, key: bytes, taken: int, more: int, wait_s: int) -> Grant:
        """`taken` were admitted one by one; `more` are lent as far as they are in hand."""
        now = now_s()
        leases, numbers = self._limiter.leases, rule.numbers
        group = leases.group(rule, now)
        lease = group.leases.get(key)
        if lease is None or not lease.is_known:  # the store is unavailable: each request asks again
            return Grant(taken, 0 if wait_s else 1, wait_s * 1000, 0, 0)
        if not wait_s and more > 0:
            taken += leases.lend(group, lease, more, now)
        if taken:
            lease.lent_until_s = now + LENT_S
        left = 0 if wait_s else lease.left + lease.beyond
        used_units = max(0, lease.used_units - lease.left * numbers.cost)
        if not left and not wait_s:
            wait_s = 1 + int(max(0.0, lease.next_s - now))
        full_ms = -(-used_units * 1000 // numbers.units_per_s)
        return Grant(taken, left, 0 if left else wait_s * 1000, lease.generation, full_ms)
