"""The door to Redis or Valkey, alone, behind Sentinel, or as a Cluster; every fault of it is StoreDown.

Importing it loads redis-py (some 0.2 s), so only a gateway with REDIS_URL does. It makes the one client of
the process. Nothing here waits longer than it says.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis import exceptions as fault

from app.foundation.errors import StoreDown
from app.limits.lease import Grant
from app.limits.lease_store import LEASE_S, LeaseCall
from app.limits.redis_nodes import MasterUnknown, nodes_at
from app.limits.redis_url import RedisAddress

__all__ = ["RedisLeaseStore"]

HEARTBEAT_S = 1.0
SILENCE_MS = 5000
"""A gateway that has not beaten for so long counts as gone."""
GATEWAYS = b"tidegate:{gateways}"

_CAUSES: tuple[tuple[type[BaseException], str], ...] = (  # most specific first
    (fault.BusyLoadingError, "it is loading its data"),
    (fault.AuthenticationError, "it refuses our password"),
    (fault.AuthorizationError, "it refuses our password"),
    (fault.NoPermissionError, "its user may not do this"),
    (fault.ReadOnlyError, "it is a read-only replica"),
    (fault.OutOfMemoryError, "it is out of memory"),
    (fault.ClusterDownError, "its Cluster is down"),
    (fault.MovedError, "its Cluster moved our slot"),
    (fault.AskError, "its Cluster is moving our slot"),
    (fault.TryAgainError, "its Cluster is moving our slot"),
    (MasterUnknown, "no sentinel knows the master"),
    (fault.TimeoutError, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (fault.ConnectionError, "not reachable"),
    (OSError, "not reachable"),
)
_FAULTS = (fault.RedisError, OSError, TimeoutError)


class _Script:
    def __init__(self, name: str) -> None:
        self.text = Path(__file__).with_name(name).read_bytes()
        self.sha = sha1(self.text, usedforsecurity=False).hexdigest()


class RedisLeaseStore:
    """A `LeaseStore` at `address`; `gateway` names this process among those that share."""

    def __init__(self, address: RedisAddress, gateway: bytes) -> None:
        self._gateway = gateway
        self._lease, self._beat = _Script("gcra.lua"), _Script("gateways.lua")
        self._nodes = nodes_at(address)

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        places: dict[Any, list[int]] = {}
        for place, call in enumerate(calls):
            places.setdefault(self._nodes.of(call.name), []).append(place)
        pipelines = [self._ask(node, [calls[at] for at in found]) for node, found in places.items()]
        grants: list[Grant | None] = [None] * len(calls)
        trouble: list[Exception] = []
        for found, replies in zip(places.values(), await asyncio.gather(*pipelines), strict=True):
            for place, reply in zip(found, replies, strict=True):
                if isinstance(reply, Exception):
                    trouble.append(reply)
                else:
                    grants[place] = Grant(*reply)
        if trouble:
            self._nodes.doubt()
        if len(trouble) == len(calls):
            raise _down(trouble[0]) from trouble[0]
        return grants

    async def heartbeat(self) -> int:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await self._nodes.find()
                node = self._nodes.of(GATEWAYS)
                if node is None:  # of a Cluster; a master was found or `find` has raised
                    raise fault.ClusterDownError("nobody serves the slot of the gateways")
                args = (1, GATEWAYS, self._gateway, SILENCE_MS)
                try:
                    alive = await node.execute_command("EVALSHA", self._beat.sha, *args)
                except fault.NoScriptError:
                    alive = await node.execute_command("EVAL", self._beat.text, *args)
        except _FAULTS as error:
            self._nodes.doubt()
            raise _down(error) from error
        return int(alive)

    async def close(self) -> None:
        with suppress(*_FAULTS):
            async with asyncio.timeout(LEASE_S):
                node = self._nodes.of(GATEWAYS)
                if node is not None:
                    await node.zrem(GATEWAYS, self._gateway)
        with suppress(*_FAULTS):
            await self._nodes.close()

    async def _ask(self, node: Any, calls: Sequence[LeaseCall]) -> list[Any]:
        """One server's pipeline: per call its reply, or why there is none."""
        if node is None:
            return [fault.ConnectionError("nobody is known to serve this key")] * len(calls)
        try:
            async with asyncio.timeout(LEASE_S):
                return await self._run_all(node, calls)
        except _FAULTS as error:
            return [error] * len(calls)

    async def _run_all(self, node: Any, calls: Sequence[LeaseCall]) -> list[Any]:
        replies = await self._pipeline(node, "EVALSHA", self._lease.sha, calls)
        unknown = [at for at, reply in enumerate(replies) if isinstance(reply, fault.NoScriptError)]
        if unknown:  # a new server, or one that was restarted; those calls had no effect
            text = self._lease.text
            again = await self._pipeline(node, "EVAL", text, [calls[at] for at in unknown])
            for at, reply in zip(unknown, again, strict=True):
                replies[at] = reply
        return replies

    async def _pipeline(
        self, node: Any, command: str, script: str | bytes, calls: Sequence[LeaseCall]
    ) -> list[Any]:
        pipe = node.pipeline(transaction=False)
        for call in calls:
            pipe.execute_command(command, script, 1, call.name, *call.numbers)
        replies: list[Any] = await pipe.execute(raise_on_error=False)
        return replies


def _down(error: BaseException) -> StoreDown:
    if isinstance(error, fault.ResponseError) and str(error).startswith("MISCONF"):
        return StoreDown("the limit store", "it cannot write its data to disk")
    for kind, cause in _CAUSES:
        if isinstance(error, kind):
            return StoreDown("the limit store", cause)
    return StoreDown("the limit store", f"it answers {str(error)[:100]!r}")
