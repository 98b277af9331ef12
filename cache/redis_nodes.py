"""Which server holds what: REDIS_URL as one server, as what Sentinel calls the master, or as a Cluster.

Part of the door to redis-py. A single server and a master hold everything under one hash tag. A cluster holds
PARTITIONS of them, chosen so that their slots lie at even distances; all keys of one script share one, so
every call has one node, and more nodes take more of the load. Where the partitions are is asked again
whenever a node does not answer or says that they moved.
"""

import asyncio
import re
import ssl
from binascii import crc_hqx
from collections.abc import Iterable
from typing import Any, Protocol
from urllib.parse import SplitResult, parse_qs, parse_qsl, unquote, urlsplit

from redis import exceptions as fault
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

__all__ = ["MAX_FLYING", "ClusterNodes", "Nodes", "OneServer", "nodes_of", "tls_fault", "url_fault"]

SOCKET_TIMEOUT_S = 0.1
CONNECT_TIMEOUT_S = 0.2
MAX_FLYING = 2  # batches under way; more would only be smaller, Redis runs one script at a time
MAX_CONNECTIONS = 8  # two kinds of batches, MAX_FLYING each; the poll; the announcements
PARTITIONS = 16
SLOTS = 16384

_SCHEMES = {"redis": 6379, "redis+sentinel": 26379, "redis+cluster": 6379}  # and their default ports
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TAG = "tidegate:cache"
_HOST = re.compile(r"[^\s/?#@\[\]]+")
_DATABASE = re.compile(r"/?|/[0-9]{1,6}", re.ASCII)

Address = tuple[str, int]


class Nodes(Protocol):
    """The servers behind one REDIS_URL; `tags`: the hash tag of each partition, in braces."""

    tags: tuple[str, ...]

    async def find(self) -> None:
        """Sees to it that `of` knows every partition; raises redis-py's errors when nobody tells."""

    def of(self, partition: int) -> "Redis":
        """The server that takes writes for it; only after `find`."""

    def doubt(self) -> None:
        """A server failed or says that it is not the one: the next `find` asks again."""

    async def close(self) -> None:
        """Lets go of every connection."""


class OneServer:
    """One server, or whatever Sentinel says is the master: the pool asks Sentinel for each connection."""

    tags: tuple[str, ...] = (f"{{{_TAG}}}",)

    def __init__(self, client: "Redis", others: Iterable["Redis"] = ()) -> None:
        self._client = client
        self._others = tuple(others)

    async def find(self) -> None:
        """Nothing to ask."""

    def of(self, partition: int) -> "Redis":
        return self._client

    def doubt(self) -> None:
        """A new connection finds the master by itself."""

    async def close(self) -> None:
        for client in (self._client, *self._others):
            await client.aclose()


class ClusterNodes:
    """The primaries of a Cluster, found through any node that answers."""

    def __init__(self, seeds: Iterable[Address], options: dict[str, Any]) -> None:
        self.tags = _cluster_tags()
        self._seeds = tuple(seeds)
        self._options = options
        self._clients: dict[Address, Redis] = {}
        self._homes: list[Address] = []
        self._told_by: Address | None = None
        self._doubtful = True
        self._finding = asyncio.Lock()

    async def find(self) -> None:
        if self._doubtful:
            async with self._finding:
                if self._doubtful:
                    await self._ask()

    def of(self, partition: int) -> "Redis":
        return self._client(self._homes[partition])

    def doubt(self) -> None:
        self._doubtful = True

    async def close(self) -> None:
        self._homes = []
        self._told_by = None
        await self._let_go()

    async def _ask(self) -> None:
        trouble: Exception = fault.ClusterDownError("no node serves every slot")
        first = [] if self._told_by is None else [self._told_by]  # it answered last time
        for address in dict.fromkeys((*first, *self._homes, *self._seeds)):
            try:
                homes = _homes(self.tags, await self._slots(address), address[0])
            except (fault.RedisError, OSError, TimeoutError) as error:
                trouble = error
                continue
            if homes is not None:
                self._homes, self._told_by, self._doubtful = homes, address, False
                await self._let_go()
                return
        self._told_by = None
        raise trouble

    def _client(self, address: Address) -> "Redis":
        client = self._clients.get(address)
        if client is None:
            host, port = address
            pool = BlockingConnectionPool(
                host=host,
                port=port,
                timeout=SOCKET_TIMEOUT_S,
                max_connections=MAX_CONNECTIONS,
                **self._options,
            )
            client = self._clients[address] = Redis.from_pool(pool)
        return client

    async def _slots(self, address: Address) -> list[Any]:
        client: Any = self._client(address)  # redis-py leaves the call without types
        reply: list[Any] = await client.execute_command("CLUSTER", "SLOTS")
        return reply

    async def _let_go(self) -> None:
        """Closes what leads to nodes that hold nothing of ours."""
        kept = {*self._homes, self._told_by}
        for address in [address for address in self._clients if address not in kept]:
            await self._clients.pop(address).aclose()


def url_fault(url: str) -> str | None:
    """What is wrong with a REDIS_URL, or None; says nothing of the password in it."""
    try:
        parts = _split(url)
        addresses = _addresses(parts)
    except ValueError:
        return "has a host or a port that is none"
    kind = _kind(parts)
    if parts.scheme == "unix":
        what = None if parts.path else "names no socket"
    elif kind not in _SCHEMES:
        what = "has no scheme that we know"
    elif not all(_HOST.fullmatch(host) for host, _ in addresses):
        what = "names no host"
    elif len(addresses) > 1 and kind == "redis":
        what = "names several hosts, which only Sentinel and Cluster have"
    elif not _DATABASE.fullmatch(parts.path):
        what = "has a database that is no number"
    elif kind == "redis+cluster" and int(parts.path[1:] or 0):
        what = "has a database, and a Cluster has only 0"
    else:
        what = None
    return what or _query_fault(parts, kind)


def _query_fault(parts: SplitResult, kind: str) -> str | None:
    """redis-py would take more from there, the time that a call may last among it."""
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    is_tls = parts.scheme.startswith("rediss")
    known = (*(("master",) if kind == "redis+sentinel" else ()), *(_TLS_FILES if is_tls else ()))
    for name, value in query.items():
        if name not in known:
            return f"has the parameter {name[:40]!r}, which it does not take"
        if not value:
            return f"has the parameter {name} without a value"
    if kind == "redis+sentinel" and "master" not in query:
        return "names no master"
    if ("ssl_certfile" in query) != ("ssl_keyfile" in query):
        return "names one of ssl_certfile and ssl_keyfile, and only both are of use"
    return None


def tls_fault(url: str) -> str | None:
    """What is wrong with files that a URL without fault names: Redis would look as if it were away."""
    query = dict(parse_qsl(_split(url).query))
    if not query.keys() & set(_TLS_FILES):
        return None
    try:
        context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
        if "ssl_certfile" in query:
            context.load_cert_chain(query["ssl_certfile"], query["ssl_keyfile"])
    except OSError as error:  # ssl.SSLError is one
        return f"names a TLS file that cannot be used ({error.strerror or error})"
    return None


def nodes_of(url: str) -> Nodes:
    """The servers of a URL without fault; connects to nothing yet."""
    parts = _split(url)
    options: dict[str, Any] = {
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        # only a lost connection is tried again: a server that did not answer in time would be
        # waited for twice
        "retry": Retry(NoBackoff(), 1, supported_errors=(fault.ConnectionError,)),
        "health_check_interval": 15,
    }
    kind = _kind(parts)
    if kind not in ("redis+sentinel", "redis+cluster"):
        pool = BlockingConnectionPool.from_url(
            url, timeout=SOCKET_TIMEOUT_S, max_connections=MAX_CONNECTIONS, **options
        )
        return OneServer(Redis.from_pool(pool))
    if parts.scheme.startswith("rediss"):
        query = parse_qs(parts.query)
        options.update((name, query[name][0]) for name in _TLS_FILES if name in query)
    login: dict[str, Any] = {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }
    if kind == "redis+cluster":
        if parts.scheme.startswith("rediss"):
            # a pool takes TLS as a class of connections, which a client with `ssl` would choose by itself
            options["connection_class"] = _tls_connection()
        return ClusterNodes(_addresses(parts), {**options, **login})
    if parts.scheme.startswith("rediss"):
        options["ssl"] = True
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _addresses(parts), sentinel_kwargs=dict(options), **options
    )
    name = parse_qs(parts.query)["master"][0]
    return OneServer(sentinel.master_for(name, db=int(parts.path[1:] or 0), **login), sentinel.sentinels)


def _tls_connection() -> Any:
    from redis.asyncio.connection import SSLConnection

    return SSLConnection


def _split(url: str) -> SplitResult:
    """As urlsplit, which takes one host: Pythons since CVE-2025-0938 reject a list with an IPv6 address."""
    head, separator, rest = url.partition("://")
    netloc = re.split("[/?#]", rest, maxsplit=1)[0]
    return urlsplit(f"{head}{separator}{rest[len(netloc) :]}")._replace(netloc=netloc)


def _kind(parts: SplitResult) -> str:
    return "redis" + parts.scheme.removeprefix("rediss").removeprefix("redis") if _ours(parts) else ""


def _ours(parts: SplitResult) -> bool:
    return parts.scheme.startswith("redis")


def _addresses(parts: SplitResult) -> list[Address]:
    default = _SCHEMES.get(_kind(parts), 6379)
    split = [urlsplit("//" + host) for host in parts.netloc.rpartition("@")[2].split(",")]
    return [(part.hostname or "", part.port or default) for part in split]


def _cluster_tags() -> tuple[str, ...]:
    """One hash tag per PARTITIONS-th of the slots; always the same ones."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < PARTITIONS:
        tag = f"{_TAG}:{number}"
        found.setdefault(_slot(tag) * PARTITIONS // SLOTS, f"{{{tag}}}")
        number += 1
    return tuple(found[part] for part in range(PARTITIONS))


def _slot(tag: str) -> int:
    return crc_hqx(tag.encode(), 0) % SLOTS  # the Cluster's CRC-16 is the one of XMODEM


def _homes(tags: tuple[str, ...], ranges: list[Any], asked_host: str) -> list[Address] | None:
    """The primary of each partition from `CLUSTER SLOTS`; None when some slot of ours has none."""
    homes = []
    for tag in tags:
        slot = _slot(tag[1:-1])
        node = next((row[2] for row in ranges if row[0] <= slot <= row[1]), None)
        if node is None:
            return None
        host = node[0].decode() if isinstance(node[0], bytes) else node[0]
        # a node that does not know its own address is where we asked (CLUSTER SLOTS)
        homes.append((host or asked_host, int(node[1])))
    return homes
