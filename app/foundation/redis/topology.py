"""The servers behind an address: one, the primary that Sentinel names, or a Cluster's primaries by their slots.

When a server fails or says that it is not the right one, `doubt` makes the next `find` ask again where the keys are.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from redis import exceptions as error_types

from app.foundation.redis.causes import REDIS_ERRORS, MasterUnknown
from app.foundation.redis.connections import make_client
from app.foundation.redis.slots import Address, primaries_of, slot_of
from app.foundation.redis.url import RedisAddress, Topology

__all__ = ["Nodes", "nodes_at"]


class Nodes(Protocol):
    """The servers behind one REDIS_URL. `find` raises redis-py's errors; the rest raises nothing."""

    async def find(self) -> None:
        """Asks where the keys are, unless that is known and not in doubt."""
        ...

    def of(self, key: bytes) -> Any:
        """redis-py's client of the server that takes writes for `key`; None: nobody is known to serve it."""
        ...

    def doubt(self) -> None:
        """A server failed or says that it is not the right one: the next `find` asks again."""
        ...

    async def close(self) -> None:
        """Closes every connection."""
        ...


class OneServer:
    """One server."""

    def __init__(self, address: RedisAddress) -> None:
        self._client = make_client(address, address.hosts[0] if address.hosts else None)

    async def find(self) -> None:
        """Nothing to ask."""

    def of(self, key: bytes) -> Any:
        return self._client

    def doubt(self) -> None:
        """The pool replaces lost connections by itself."""

    async def close(self) -> None:
        await self._client.aclose()


class _Retired:
    """Clients of servers that are asked no more. They are closed again later: a call that was under way when its
    client was closed may have connected once more."""

    def __init__(self) -> None:
        self._clients: deque[Any] = deque(maxlen=16)  # by then the calls of the first have ended long ago

    async def add(self, client: Any) -> None:
        self._clients.append(client)
        await client.aclose()

    async def close_again(self) -> None:
        for client in tuple(self._clients):
            await client.aclose()


class SentinelPrimary:
    """The server that the first responding sentinel names as the primary."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._sentinels = [make_client(address, host, as_sentinel=True) for host in address.hosts]
        self._primary: tuple[Address, Any] | None = None
        self._retired = _Retired()
        self._is_in_doubt = True
        self._finding = asyncio.Lock()

    async def find(self) -> None:
        if self._is_in_doubt:
            async with self._finding:
                if self._is_in_doubt:
                    await self._ask()

    def of(self, key: bytes) -> Any:
        return None if self._primary is None else self._primary[1]

    def doubt(self) -> None:
        self._is_in_doubt = True

    async def close(self) -> None:
        primary = [] if self._primary is None else [self._primary[1]]
        for client in (*self._sentinels, *primary):
            await client.aclose()
        await self._retired.close_again()

    async def _ask(self) -> None:
        await self._retired.close_again()
        failure: Exception = MasterUnknown(self._address.master)
        for sentinel in self._sentinels:
            try:
                reply = await sentinel.execute_command(
                    "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.master
                )
            except REDIS_ERRORS as error:
                failure = error
                continue
            if reply is not None:
                await self._lead_to((reply[0].decode(), int(reply[1])))
                self._is_in_doubt = False
                return
        raise failure

    async def _lead_to(self, host: Address) -> None:
        before = self._primary
        if before is None or before[0] != host:
            self._primary = host, make_client(self._address, host)
            if before is not None:
                await self._retired.add(before[1])


class ClusterNodes:
    """The primaries of a Cluster, found through any node that responds."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._clients: dict[Address, Any] = {}
        self._primaries: list[Address | None] = []
        self._source: Address | None = None
        self._retired = _Retired()
        self._is_in_doubt = True
        self._finding = asyncio.Lock()

    async def find(self) -> None:
        if self._is_in_doubt:
            async with self._finding:
                if self._is_in_doubt:
                    await self._ask()

    def of(self, key: bytes) -> Any:
        address = self._primaries[slot_of(key)] if self._primaries else None
        return None if address is None else self._client(address)

    def doubt(self) -> None:
        self._is_in_doubt = True

    async def close(self) -> None:
        self._primaries, self._source = [], None
        await self._close_unused()
        await self._retired.close_again()

    async def _ask(self) -> None:
        """The first complete table of slots that a node sends, else the one with the fewest gaps."""
        await self._retired.close_again()
        failure: Exception = error_types.ClusterDownError("no node knows who serves")
        best: tuple[int, list[Address | None], Address] | None = None
        # the node that responded last time first: a node that hangs costs its timeout each time it is asked
        known = (self._source, *self._primaries, *self._address.hosts)
        for address in dict.fromkeys(each for each in known if each is not None):
            try:
                reply = await self._client(address).execute_command("CLUSTER", "SLOTS")
            except REDIS_ERRORS as error:
                failure = error
                continue
            primaries = primaries_of(reply, address[0])
            gaps = primaries.count(None)
            if gaps < len(primaries) and (best is None or gaps < best[0]):
                best = gaps, primaries, address
            if not gaps:
                break
        if best is None:
            self._source = None
            raise failure
        _, self._primaries, self._source = best
        self._is_in_doubt = False
        await self._close_unused()

    def _client(self, address: Address) -> Any:
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = make_client(self._address, address)
        return client

    async def _close_unused(self) -> None:
        """Closes the connections to nodes that hold nothing."""
        used = {*self._primaries, self._source}
        for address in [address for address in self._clients if address not in used]:
            await self._retired.add(self._clients.pop(address))


def nodes_at(address: RedisAddress) -> Nodes:
    """The servers of `address`; nothing is sent yet."""
    kinds: dict[Topology, Callable[[RedisAddress], Nodes]] = {
        Topology.SINGLE: OneServer,
        Topology.SENTINEL: SentinelPrimary,
        Topology.CLUSTER: ClusterNodes,
    }
    return kinds[address.topology](address)
