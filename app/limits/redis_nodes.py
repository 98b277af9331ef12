"""Which server holds a bucket: the only one, what Sentinel calls the master, or a Cluster's by its slot.

Part of the door to redis-py. Its own clients of Cluster and Sentinel are not used: the former reads the table
of all commands at the start and after every fault, 0.1 s and more in which no request would move; the latter
leaves connections open when the master changes.
"""

from binascii import crc_hqx
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from redis import exceptions as fault
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.limits.redis_url import RedisAddress, Topology

__all__ = ["MasterUnknown", "Nodes", "nodes_at"]

SOCKET_TIMEOUT_S = 0.1
CONNECT_TIMEOUT_S = 0.5  # TLS included; lease calls give up earlier all the same
MOST_CONNECTIONS = 8  # to one server: the pipelines under way and the heartbeat
SLOTS = 16384

Address = tuple[str, int]


class Nodes(Protocol):
    """The servers behind one REDIS_URL. `find` raises redis-py's errors; the rest raises nothing."""

    async def find(self) -> None:
        """Sees to it that `of` knows every server."""
        ...

    def of(self, key: bytes) -> Any:
        """The client of the server that takes writes for `key`; None: nobody has told yet who that is."""
        ...

    def doubt(self) -> None:
        """A server failed or says that it is not the one: the next `find` asks again."""
        ...

    async def close(self) -> None:
        """Lets go of every connection."""
        ...


class MasterUnknown(fault.RedisError):
    """The sentinels answer, and know of no master of this name."""


class OneServer:
    """One server."""

    def __init__(self, address: RedisAddress) -> None:
        self._client = _client(address, address.hosts[0])

    async def find(self) -> None:
        """Nothing to ask."""

    def of(self, key: bytes) -> Any:
        return self._client

    def doubt(self) -> None:
        """Its connections are made anew by themselves."""

    async def close(self) -> None:
        await self._client.aclose()


class SentinelMaster:
    """Whatever a sentinel that answers calls the master."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        # user, password and database are the master's
        plain = replace(address, username=None, password=None, database=0)
        self._sentinels = [_client(plain, host) for host in address.hosts]
        self._master: tuple[Address, Any] | None = None
        self._doubtful = True

    async def find(self) -> None:
        if not self._doubtful:
            return
        trouble: Exception = MasterUnknown(self._address.master)
        for sentinel in self._sentinels:
            try:
                reply = await sentinel.execute_command(
                    "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.master
                )
            except (fault.RedisError, OSError, TimeoutError) as error:
                trouble = error
                continue
            if reply is not None:
                await self._lead_to((reply[0].decode(), int(reply[1])))
                self._doubtful = False
                return
        raise trouble

    def of(self, key: bytes) -> Any:
        return None if self._master is None else self._master[1]

    def doubt(self) -> None:
        self._doubtful = True

    async def close(self) -> None:
        old = [] if self._master is None else [self._master[1]]
        for client in (*self._sentinels, *old):
            await client.aclose()

    async def _lead_to(self, host: Address) -> None:
        before = self._master
        if before is None or before[0] != host:
            self._master = host, _client(self._address, host)
            if before is not None:
                await before[1].aclose()


class ClusterNodes:
    """The primaries of a Cluster, found through any node that answers."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._clients: dict[Address, Any] = {}
        self._homes: list[Address | None] = []
        self._doubtful = True

    async def find(self) -> None:
        if not self._doubtful:
            return
        trouble: Exception = fault.ClusterDownError("no node knows who serves")
        for address in dict.fromkeys((*filter(None, self._homes), *self._address.hosts)):
            try:
                reply = await self._client(address).execute_command("CLUSTER", "SLOTS")
            except (fault.RedisError, OSError, TimeoutError) as error:
                trouble = error
                continue
            homes = _homes(reply, address[0])
            if any(homes):
                self._homes, self._doubtful = homes, False
                await self._let_go()
                return
        raise trouble

    def of(self, key: bytes) -> Any:
        home = self._homes[_slot(key)] if self._homes else None
        return None if home is None else self._client(home)

    def doubt(self) -> None:
        self._doubtful = True

    async def close(self) -> None:
        self._homes = []
        await self._let_go()

    def _client(self, address: Address) -> Any:
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = _client(self._address, address)
        return client

    async def _let_go(self) -> None:
        """Closes what leads to nodes that hold nothing."""
        kept = set(self._homes)
        for address in [address for address in self._clients if address not in kept]:
            await self._clients.pop(address).aclose()


def nodes_at(address: RedisAddress) -> Nodes:
    """The servers of `address`; nothing is sent yet."""
    kinds: dict[Topology, Callable[[RedisAddress], Nodes]] = {
        Topology.SINGLE: OneServer,
        Topology.SENTINEL: SentinelMaster,
        Topology.CLUSTER: ClusterNodes,
    }
    return kinds[address.topology](address)


def _slot(key: bytes) -> int:
    """Redis Cluster specification, key distribution model: CRC16 (XMODEM) of the hash tag."""
    _, brace, rest = key.partition(b"{")
    tag, end, _ = rest.partition(b"}")
    return crc_hqx(tag if brace and end and tag else key, 0) % SLOTS


def _homes(reply: Iterable[Any], asked_host: str) -> list[Address | None]:
    """The primary of each slot, from CLUSTER SLOTS; a node that does not know its name is the asked one."""
    homes: list[Address | None] = [None] * SLOTS
    for first, last, primary, *_ in reply:
        host = primary[0].decode() if primary[0] else asked_host
        homes[first : last + 1] = [(host, int(primary[1]))] * (last + 1 - first)
    return homes


def _client(address: RedisAddress, host: Address) -> Any:
    tls: dict[str, Any] = {}
    if address.tls:
        tls = {
            "connection_class": SSLConnection,
            "ssl_ca_certs": address.ca_file,
            "ssl_certfile": address.cert_file,
            "ssl_keyfile": address.key_file,
            "ssl_check_hostname": True,
        }
    pool = BlockingConnectionPool(
        timeout=SOCKET_TIMEOUT_S,
        max_connections=MOST_CONNECTIONS,
        host=host[0],
        port=host[1],
        db=address.database,
        username=address.username,
        password=address.password,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        # only a lost connection is tried again: a silent server would be waited for twice
        retry=Retry(NoBackoff(), 1, supported_errors=(fault.ConnectionError,)),
        health_check_interval=15,
        **tls,
    )
    return Redis.from_pool(pool)
