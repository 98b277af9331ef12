"""Which server holds a bucket: the only one, what Sentinel calls the master, or a Cluster's by its slot.

Part of the door to redis-py. Its own client of a Cluster is not used: it reads the table of all commands at
the start and after every fault, 0.1 s and more in which no request would move.
"""

from binascii import crc_hqx
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from redis import exceptions as fault
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from app.limits.redis_url import RedisAddress, Topology

__all__ = ["Nodes", "nodes_at"]

SOCKET_TIMEOUT_S = 0.1
CONNECT_TIMEOUT_S = 0.2
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


class OneServer:
    """One server, or whatever Sentinel says is the master: the pool asks Sentinel for each connection."""

    def __init__(self, client: Any, sentinels: Sequence[Any] = ()) -> None:
        self._client = client
        self._sentinels = sentinels

    async def find(self) -> None:
        """Nothing to ask."""

    def of(self, key: bytes) -> Any:
        return self._client

    def doubt(self) -> None:
        """A new connection finds the master by itself."""

    async def close(self) -> None:
        for client in (self._client, *self._sentinels):
            await client.aclose()


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
    if address.topology is Topology.CLUSTER:
        return ClusterNodes(address)
    if address.topology is Topology.SENTINEL:
        return _behind_sentinel(address)
    return OneServer(_client(address, address.hosts[0]))


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


def _options(address: RedisAddress) -> dict[str, Any]:
    return {
        "username": address.username,
        "password": address.password,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        # only a lost connection is tried again: a silent server would be waited for twice
        "retry": Retry(NoBackoff(), 1, supported_errors=(fault.ConnectionError,)),
        "health_check_interval": 15,
    }


def _tls_options(address: RedisAddress) -> dict[str, Any]:
    return {
        "ssl_ca_certs": address.ca_file,
        "ssl_certfile": address.cert_file,
        "ssl_keyfile": address.key_file,
        "ssl_check_hostname": True,
    }


def _client(address: RedisAddress, host: Address) -> Any:
    tls = {"connection_class": SSLConnection, **_tls_options(address)} if address.tls else {}
    pool = BlockingConnectionPool(
        timeout=SOCKET_TIMEOUT_S,
        max_connections=MOST_CONNECTIONS,
        host=host[0],
        port=host[1],
        db=address.database,
        **_options(address),
        **tls,
    )
    return Redis.from_pool(pool)


def _behind_sentinel(address: RedisAddress) -> Nodes:
    options = _options(address)
    tls = {"ssl": True, **_tls_options(address)} if address.tls else {}
    of_sentinels = {name: value for name, value in options.items() if name not in ("username", "password")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        list(address.hosts), sentinel_kwargs={**of_sentinels, **tls}, **tls
    )
    master = sentinel.master_for(
        address.master, db=address.database, max_connections=MOST_CONNECTIONS, **options
    )
    return OneServer(master, sentinel.sentinels)
