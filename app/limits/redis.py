"""Leases from Redis or Valkey: the two scripts of this folder, run on the servers of REDIS_URL.

Importing it loads redis-py (some 0.2 s), so only a gateway with REDIS_URL does. Nothing here waits longer than it says.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from app.foundation.redis.scripts import ScriptCall, load_script
from app.foundation.redis.servers import RedisServers
from app.foundation.redis.url import RedisAddress
from app.limits.lease import Grant
from app.limits.lease_store import HEARTBEAT_TIMEOUT_S, LEASE_S, LeaseCall

__all__ = ["GATEWAYS", "RedisLeaseStore"]

SILENCE_MS = 5000
"""A gateway without a heartbeat for so long counts as gone."""
GATEWAYS = b"tidegate:{gateways}"


class RedisLeaseStore:
    """A `LeaseStore` at `address`; `gateway` names this process among those that share."""

    def __init__(self, address: RedisAddress, gateway: bytes) -> None:
        folder = Path(__file__).parent
        self._lease_script = load_script(folder / "gcra.lua")
        heartbeat = load_script(folder / "gateways.lua")
        self._heartbeat = ScriptCall(heartbeat, (GATEWAYS,), (gateway, SILENCE_MS))
        self._gateway = gateway
        self._servers = RedisServers(address, "the limit store")

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        script = self._lease_script
        replies = await self._servers.run(
            [ScriptCall(script, (call.name,), call.numbers) for call in calls], LEASE_S
        )
        grants = [None if isinstance(reply, StoreDown) else Grant(*reply) for reply in replies]
        if calls and not any(grants):
            raise replies[0]
        return grants

    async def heartbeat(self) -> int:
        began_s = now_s()
        await self._servers.find(HEARTBEAT_TIMEOUT_S)
        (alive,) = await self._servers.run([self._heartbeat], HEARTBEAT_TIMEOUT_S - (now_s() - began_s))
        if isinstance(alive, StoreDown):
            raise alive
        return int(alive)

    async def close(self) -> None:
        with suppress(StoreDown):
            await self._servers.command("ZREM", GATEWAYS, self._gateway, key=GATEWAYS, timeout_s=LEASE_S)
        await self._servers.close()
