"""An upstream while the gateway runs: its endpoints' names and addresses, each with its connection pool."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from app.config import model
from app.dataplane.codec.credential import Credential
from app.dataplane.upstream.connector import Connector, client_context
from app.dataplane.upstream.load_balancer import choose_endpoint
from app.dataplane.upstream.outlier import EndpointState
from app.dataplane.upstream.pool import ConnectionPool
from app.dataplane.upstream.resolver import Resolver
from app.foundation.reasons import Reason, Rejection

__all__ = ["RESOLVE_EVERY_S", "Discovered", "Upstream"]

Discovered: TypeAlias = Sequence[tuple[str, int]]
"""Where the endpoints of an upstream are, as the operator found them: IP addresses and ports."""

RESOLVE_EVERY_S: Final = 10.0


class Upstream:
    """All addresses of one upstream.

    `rejection`: what a request gets while there is no address; None where one may turn up, since names are looked up.
    """

    __slots__ = (
        "_asked",
        "_ips",
        "_loop",
        "_on_missing",
        "_resolver",
        "addresses",
        "closed",
        "connector",
        "credential",
        "model",
        "name",
        "on_failure",
        "rejection",
        "rotation",
        "states",
    )

    def __init__(
        self,
        upstream: model.Upstream,
        loop: asyncio.AbstractEventLoop,
        on_missing: Callable[[str, str], None],
        resolver: Resolver | None = None,
    ) -> None:
        """`on_missing(upstream, why)`: an endpoint's name has no address. `resolver`: shared by all."""
        self.model = upstream
        self.name = str(upstream.name)
        self.addresses: list[ConnectionPool] = []
        self.states: list[EndpointState] = []
        self.on_failure: Callable[[Upstream, ConnectionPool], None] | None = None
        """Called after each failure of an address; None where nobody else counts it."""
        self.rotation = 0
        self.closed = False
        self._loop = loop
        self._on_missing = on_missing
        self.credential: Credential | None = None
        self._resolver = Resolver(loop) if resolver is None else resolver
        self._asked: dict[model.Endpoint, asyncio.Task[None]] = {}
        self._ips = {endpoint: [endpoint.host] for endpoint in upstream.endpoints if is_ip(endpoint.host)}
        self.rejection = _rejection(upstream)
        protocol, tls = upstream.protocol, upstream.tls
        is_tls = upstream.is_discovered_tls or any(e.tls for e in upstream.endpoints)
        context = client_context(tls, protocol) if is_tls else None
        self.connector = Connector(
            loop,
            context,
            tls.server_name,
            protocol,
            lambda spoken: client_context(tls, spoken),
            tls.subject_names,
        )
        self._set([ConnectionPool(endpoint, endpoint.host, self.connector) for endpoint in self._ips])

    @property
    def has_names(self) -> bool:
        return any(not is_ip(endpoint.host) for endpoint in self.model.endpoints)

    def set_endpoints(self, found: Discovered) -> None:
        """The endpoints of a discovered upstream are these from now on; there may be none.

        The connections of those that stay go on. New requests go to none of the others, whose connections end: those
        in use with their exchange.
        """
        known = {(pool.ip, pool.port): pool for pool in self.addresses}
        wanted = list(dict.fromkeys(found))
        if wanted != list(known):
            self._set([known.get(address) or self._discovered(*address) for address in wanted])

    def _discovered(self, ip: str, port: int) -> ConnectionPool:
        endpoint = model.Endpoint(ip, port, self.model.is_discovered_tls)
        return ConnectionPool(endpoint, ip, self.connector)

    def choose(self, now: float, avoid: ConnectionPool | None) -> ConnectionPool | None:
        """The address for the next try; None while no name is resolved. O(addresses)."""
        addresses = self.addresses
        if len(addresses) == 1:
            return addresses[0]
        if not addresses:
            return None
        self.rotation += 1
        skip = addresses.index(avoid) if avoid is not None and avoid in addresses else -1
        return addresses[choose_endpoint(self.states, self.rotation, now, skip)]

    def choose_other(self, now: float, failed: Sequence[ConnectionPool]) -> ConnectionPool | None:
        """An address that is not among `failed`; None when all are. O(addresses)."""
        others = [address for address in self.addresses if address not in failed]
        if not others:
            return None
        self.rotation += 1
        return others[choose_endpoint([address.state for address in others], self.rotation, now)]

    def look_up(self, *, again: bool = True) -> "list[asyncio.Task[None]]":
        """Asks for the addresses of every name once more; those under way, which many may wait for.

        `again` False: only of names that were never asked for. Each result counts as it comes: a name whose server does
        not respond delays no other.
        """
        for endpoint in self.model.endpoints:
            asked = self._asked.get(endpoint)
            if not is_ip(endpoint.host) and (asked is None or (again and asked.done())):
                self._asked[endpoint] = self._loop.create_task(self._look_up(endpoint))
        return list(self._asked.values())

    async def resolve(self) -> None:
        """Returns when the servers of all names have responded."""
        if asked := self.look_up():
            await asyncio.wait(asked)

    async def first_address(self) -> None:
        """Returns when an address is known, or when no name can have one any more."""
        asked = set(self.look_up())
        while asked and not self.addresses:
            _, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)

    async def _look_up(self, endpoint: model.Endpoint) -> None:
        try:
            self._ips[endpoint] = await self._resolver.look_up(endpoint.host, endpoint.port)
        except (OSError, UnicodeError) as error:
            # what was known stays in use: an outage of DNS must not be one of the upstream
            why = getattr(error, "strerror", None) or error
            self._on_missing(self.name, f"{endpoint.host}: {why}")
            return
        known = {(a.endpoint, a.ip): a for a in self.addresses}
        self._set(
            [
                known.get((endpoint, ip)) or ConnectionPool(endpoint, ip, self.connector)
                for endpoint in self.model.endpoints
                for ip in self._ips.get(endpoint, ())
            ]
        )

    def _set(self, addresses: list[ConnectionPool]) -> None:
        kept = set(addresses)
        gone = [a for a in self.addresses if a not in kept]
        self.addresses = addresses
        self.states = [a.state for a in addresses]
        for pool in gone:
            pool.close()
        if self.closed:
            self.close()

    def close(self) -> None:
        """Closes the idle connections; the busy ones end with their exchange."""
        self.closed = True
        for pool in self.addresses:  # a request of the old table may still wait for an address
            pool.close()

    def close_stale(self, now: float) -> None:
        """Closes what has been idle for longer than servers usually wait."""
        for pool in self.addresses:
            pool.close_stale(now)

    def connections(self) -> Iterable[tuple[str, str, int]]:
        """(upstream, state, how many) for the metric."""
        yield self.name, "idle", sum(pool.idle for pool in self.addresses)
        yield self.name, "active", sum(pool.active for pool in self.addresses)


def _rejection(upstream: model.Upstream) -> Rejection | None:
    if upstream.missing is not None:
        return Rejection(Reason.NO_BACKEND, upstream.missing)
    if upstream.is_discovered:
        return Rejection(Reason.NO_ENDPOINTS, f"no endpoint of {upstream.name} is ready", retry_after_s=1)
    return None


def is_ip(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False
