"""The connections to one address: the only owner of which are idle, open and in flight."""

import asyncio
import ssl
from collections.abc import Iterator
from typing import Final, cast

from app.config import model
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.outlier import EndpointState

__all__ = ["ConnectionPool", "Connector"]

IDLE_S: Final = 50.0  # below the 60 s and 75 s after which common servers close
MAX_IDLE: Final = 512


class Connector:
    """How connections to an upstream are made. `tls` None: in clear."""

    __slots__ = ("loop", "server_name", "tls")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, tls: ssl.SSLContext | None, server_name: str | None
    ) -> None:
        self.loop = loop
        self.tls = tls
        self.server_name = server_name


class ConnectionPool:
    """One address of an endpoint. `closed`: nothing is kept any more.

    An attempt calls `begin` once, and then one of `release`, `discard` and `end_tunnel` once; each connection that
    `connect` or `take_idle` gave goes back by the same calls.
    """

    __slots__ = ("_connector", "_idle", "closed", "endpoint", "ip", "label", "open", "port", "state", "tls")

    def __init__(self, endpoint: model.Endpoint, ip: str, connector: Connector) -> None:
        self.endpoint = endpoint
        self.ip = ip
        self.port = endpoint.port
        self.tls = endpoint.tls
        self.label = f"[{ip}]:{self.port}" if ":" in ip else f"{ip}:{self.port}"
        self.state = EndpointState(endpoint)
        self.closed = False
        self.open = 0
        self._connector = connector
        self._idle: list[UpstreamConnection] = []

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """How many connections are in use."""
        return self.open - len(self._idle)

    def begin(self) -> None:
        """An attempt is on its way to this address."""
        self.state.in_flight += 1

    def take_idle(self) -> UpstreamConnection | None:
        """A connection that waits, the one used last first; None where there is none."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def connect(self, timeout_s: float) -> UpstreamConnection:
        """A new connection; raises OSError or TimeoutError. TLS is verified against the endpoint's name."""
        connector = self._connector
        tls = connector.tls if self.tls else None
        connection = UpstreamConnection(self)
        try:
            async with asyncio.timeout(timeout_s or None):
                await connector.loop.create_connection(
                    lambda: cast(asyncio.Protocol, connection),
                    self.ip,
                    self.port,
                    ssl=tls,
                    server_hostname=(connector.server_name or self.endpoint.host) if tls else None,
                    ssl_handshake_timeout=timeout_s if tls and timeout_s else None,
                )
        except BaseException:
            connection.abort()  # it may have come just when it was given up
            raise
        if connection.lost:
            raise ConnectionResetError(0, "closed as soon as it was made")
        # Only now: a connection given up while it was made is closed without `connection_lost`
        self.open += 1
        connection.counted = True
        return connection

    def release(self, connection: UpstreamConnection, now: float) -> None:
        """A clean message is complete: the connection waits for the next one."""
        self.state.in_flight -= 1
        if self.closed or connection.transport.is_closing() or len(self._idle) >= MAX_IDLE:
            connection.abort()
            return
        connection.idle_since_s = now
        self._idle.append(connection)

    def discard(self, connection: UpstreamConnection | None) -> None:
        """An attempt is over, and its connection (None: there was none yet) cannot serve another."""
        self.state.in_flight -= 1
        if connection is not None:
            connection.abort()

    def end_tunnel(self) -> None:
        """The tunnel that a connection became is over."""
        self.state.in_flight -= 1
        self.open -= 1

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection is gone, in whatever state it was."""
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.counted:
            connection.counted = False
            self.open -= 1

    def close(self) -> None:
        """Closes the idle connections; those in use end with their exchange."""
        self.closed = True
        for connection in list(self._idle):
            connection.abort()
        self._idle.clear()

    def close_stale(self, now: float) -> None:
        """Closes what has been idle for longer than servers usually wait."""
        stale = [each for each in self._idle if now - each.idle_since_s > IDLE_S]
        for connection in stale:
            self._idle.remove(connection)
            connection.abort()

    def idle_connections(self) -> Iterator[UpstreamConnection]:
        """For tests and views."""
        return iter(tuple(self._idle))
