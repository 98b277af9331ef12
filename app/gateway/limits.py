"""Where this process counts its limits: alone, or with REDIS_URL in a store that it shares with others."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.foundation.clock import wall_s
from app.limits.limiter import Limiter
from app.limits.memory import MemoryLimiter
from app.settings import Settings
from app.telemetry.events import StoreState

if TYPE_CHECKING:
    from app.limits.lease_client import LeaseClient
    from app.limits.lease_store import LeaseStore

__all__ = ["LimitStore"]

LOG = logging.getLogger("tidegate.limits")


class LimitStore:
    """The process's `limiter`. `state` hears of a shared store that becomes unavailable, or available again.

    Raises ConfigFaults for a REDIS_URL that cannot be used; an unavailable store is no fault.
    """

    _lease_client: "LeaseClient | None"

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop, state: StoreState) -> None:
        self.limiter: Limiter = MemoryLimiter()
        self._state = state
        self._lease_client = None
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}".encode()
        self._shown = ""
        if settings.redis_url is None:
            return
        from app.limits.lease_client import LeaseClient

        store = self.open(settings.redis_url)
        self._lease_client = LeaseClient(store, loop, self._changed)
        self.limiter = self._lease_client.limiter

    @property
    def is_up(self) -> bool | None:
        """Whether the shared store is available; None where limits are this process's own."""
        return self._lease_client.limiter.up if self._lease_client is not None else None

    @property
    def leases(self) -> Mapping[str, int]:
        """How leases ended, by result; nothing without a shared store."""
        return self._lease_client.limiter.results if self._lease_client is not None else {}

    def open(self, redis_url: str) -> "LeaseStore":
        """The store at `redis_url`, not connected yet. Raises ConfigFaults for a URL that cannot be used."""
        from app.foundation.redis.tls_files import check_tls_files
        from app.foundation.redis.url import parse_redis_url

        address = parse_redis_url(redis_url)
        check_tls_files(address)
        from app.gateway.lease_guard import GuardedLeaseStore
        from app.limits.redis import RedisLeaseStore

        self._shown = address.shown
        return GuardedLeaseStore(RedisLeaseStore(address, self._name))

    async def use(self, store: "LeaseStore") -> None:
        """Count in `store` from now on: REDIS_URL_FILE holds another address or password."""
        if self._lease_client is not None:
            LOG.info("limits are shared through %s from now on", self._shown)
            await self._lease_client.use(store)

    async def start(self) -> None:
        """Check once whether the store is available, for at most a second."""
        if self._lease_client is not None:
            await self._lease_client.heartbeat()

    async def run(self) -> None:
        """The heartbeat, until cancelled."""
        if self._lease_client is not None:
            await self._lease_client.run()

    async def stop(self) -> None:
        """Give back what is leased; no request may come after it."""
        if self._lease_client is not None:
            await self._lease_client.close()

    def _changed(self, up: bool, why: str) -> None:
        if up:
            LOG.info("limits are shared through %s: %s", self._shown, why)
        else:
            LOG.warning(
                "the limit store %s is unavailable (%s): each rule's onStoreFailure applies until it is back",
                self._shown,
                why,
            )
        self._state.report(is_up=up, detail=why, wall_s=wall_s())
