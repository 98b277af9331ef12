"""A gateway's part of limits shared through Redis, without the gateway; and leases as it asks for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.foundation.clock import now_s
from app.foundation.redis.url import parse_redis_url
from app.gateway.lease_guard import GuardedLeaseStore
from app.limits.lease_client import LeaseClient
from app.limits.lease_store import LeaseCall, LeaseStore
from app.limits.limiter import Admitted, Verdict, Waiting
from app.limits.redis import RedisLeaseStore
from app.limits.rule import Rule, compile_rules
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit

__all__ = ["Gateway", "call", "gateways", "granted", "rule", "store_at"]


def store_at(url: str, name: bytes = b"g1") -> RedisLeaseStore:
    return RedisLeaseStore(parse_redis_url(url), name)


def call(name: str, need: int = 1, burst: int = 10, back: int = 0, generation: int = 0) -> LeaseCall:
    return LeaseCall(
        b"tidegate:limit:{p/r/%b}" % name.encode(),
        (burst, 3_600_000, burst, 0, need, need, 1, back, generation, 0),
    )


async def granted(store: LeaseStore, name: str) -> int:
    (grant,) = await store.lease([call(name)])
    assert grant is not None
    return grant.granted


def rule(requests: int, failure: OnStoreFailure, name: str = "r") -> Rule:
    written = LimitRule(name, LimitKey.CLIENT, requests, 3600.0, requests)
    return compile_rules("p", RateLimit((written,), failure))[0]


class Gateway:
    """A limiter with its carrier, as a gateway process has them."""

    def __init__(self, url: str, name: bytes = b"g1") -> None:
        self.heard: list[bool] = []
        self.client = LeaseClient(
            GuardedLeaseStore(store_at(url, name)),
            asyncio.get_running_loop(),
            lambda up, _: self.heard.append(up),
        )
        self.limiter = self.client.limiter

    async def ask(self, one: Rule, key: bytes = b"acme") -> Verdict:
        told: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        outcome = self.limiter.admit([one], [key], now_s())
        if not isinstance(outcome, Waiting):
            return outcome
        outcome.on_verdict = lambda verdict, _: told.set_result(verdict)
        return await told

    async def admitted(self, one: Rule, requests: int, key: bytes = b"acme") -> int:
        verdicts = [await self.ask(one, key) for _ in range(requests)]
        return len([verdict for verdict in verdicts if isinstance(verdict, Admitted)])


@asynccontextmanager
async def gateways(url: str, count: int = 1) -> AsyncIterator[list[Gateway]]:
    """So many that know of each other, with their heartbeats."""
    all_of_them = [Gateway(url, b"g%d" % number) for number in range(count)]
    for _ in range(2):  # the second time all know of all
        for each in all_of_them:
            await each.client.heartbeat()
    beating = [asyncio.create_task(each.client.run()) for each in all_of_them]
    try:
        yield all_of_them
    finally:
        for each in all_of_them:
            await each.client.close()
        for task in beating:
            task.cancel()
        await asyncio.gather(*beating, return_exceptions=True)
