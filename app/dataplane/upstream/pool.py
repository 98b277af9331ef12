"""The connections to one address: the only owner of which are idle, open and in flight."""

import math
from collections.abc import Iterator
from typing import Final, TypeAlias

from app.config import model
from app.dataplane.upstream.connector import Connected, ConnectFailure, Connector
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.http2_connection import Http2Connection
from app.dataplane.upstream.http2_stream import Http2Stream
from app.dataplane.upstream.outlier import EndpointState
from app.dataplane.upstream.shared_connections import SharedConnections
from app.foundation.clock import now_s
from app.foundation.reasons import Reason

__all__ = ["ConnectionPool", "UpstreamStream"]

IDLE_S: Final = 50.0  # below the 60 s and 75 s after which common servers close
MAX_IDLE: Final = 512
MIN_TIMEOUT_S: Final = 0.001  # 0 would be for ever
MAX_ROUNDS: Final = 3
"""Connections that an attempt waits for whose streams others took, or which ended as soon as they were made."""

UpstreamStream: TypeAlias = UpstreamConnection | Http2Stream
"""What carries one request and its response: an HTTP/1.1 connection, or a stream of an HTTP/2 one."""


class ConnectionPool:
    """One address of an endpoint. `closed`: nothing is kept any more.

    An attempt calls `begin` once, and then one of `release`, `discard` and `end_tunnel` once; each stream that
    `connect` or `take` gave goes back by the same calls. `_shared`: None where HTTP/2 is never spoken.
    """

    __slots__ = (
        "_connector",
        "_idle",
        "_shared",
        "closed",
        "endpoint",
        "ip",
        "label",
        "open",
        "port",
        "state",
        "tls",
    )

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
        may_share = connector.may_speak_http2(endpoint.tls)
        self._shared = SharedConnections(connector.loop) if may_share else None

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle) + (self._shared.idle if self._shared is not None else 0)

    @property
    def active(self) -> int:
        """How many connections are in use."""
        return self.open - self.idle

    def begin(self) -> None:
        """An attempt is on its way to this address."""
        self.state.in_flight += 1

    def take(self, http1: bool) -> UpstreamStream | None:
        """A connection that waits, the one used last first, or a stream of a shared one; None where there is none.

        `http1`: what is to be sent wants HTTP/1.1.
        """
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.transport.is_closing():
                return connection
        if self._shared is None or http1:
            return None
        return self._shared.take()

    async def connect(self, timeout_s: float, http1: bool) -> UpstreamStream | ConnectFailure:
        """On a new connection, or on one that others wait for, too. `timeout_s` 0: for ever."""
        shared = self._shared
        if http1 and self._connector.protocol is model.UpstreamProtocol.H2:
            detail = "a WebSocket needs HTTP/1.1, and protocol: h2 is set"
            return ConnectFailure(Reason.UPSTREAM_PROTOCOL, detail)
        if shared is not None and not http1 and not shared.is_http1:
            found = await self._share(shared, timeout_s)
            if found is not None:
                return found
        made = await self._make(timeout_s, http1)
        return made.take() if isinstance(made, Http2Connection) else made

    async def _share(
        self, shared: SharedConnections, timeout_s: float
    ) -> UpstreamStream | ConnectFailure | None:
        """None: the endpoint turned out to speak HTTP/1.1, and another one has the connection."""
        left_s, deadline_s = timeout_s, now_s() + timeout_s
        for _ in range(MAX_ROUNDS):
            try:
                failure = await shared.wait(self._make_for_all, left_s)
            except TimeoutError:
                return ConnectFailure(Reason.UPSTREAM_CONNECT, f"no connection within {timeout_s:g} s")
            found = failure or self.take(False)
            if found is not None or shared.is_http1:
                return found
            left_s = round(max(deadline_s - now_s(), MIN_TIMEOUT_S), 3) if timeout_s else 0.0
        return ConnectFailure(Reason.UPSTREAM_CONNECT, "its new connections take no requests")

    async def _make_for_all(self, timeout_s: float) -> Connected | ConnectFailure:
        made = await self._make(timeout_s, False)
        if isinstance(made, UpstreamConnection):
            made.idle_since_s = now_s()
            self._idle.append(made)
        return made

    async def _make(self, timeout_s: float, http1: bool) -> Connected | ConnectFailure:
        made = await self._connector.connect(self, self.endpoint, self.ip, timeout_s, http1)
        if isinstance(made, ConnectFailure):
            return made
        # Only now: a connection given up while it was made is closed without `connection_lost`
        self.open += 1
        made.counted = True
        shared = self._shared
        if isinstance(made, Http2Connection):
            assert shared is not None  # noqa: S101 - the connector makes none where `may_speak_http2` says so
            shared.add(made)
        if shared is not None and not http1:
            shared.is_http1 = isinstance(made, UpstreamConnection)
        return made

    def release(self, connection: UpstreamStream, now: float) -> None:
        """A clean message is complete: the connection waits for the next one."""
        self.state.in_flight -= 1
        if isinstance(connection, Http2Stream):
            connection.finish()
            self._let_go()
            return
        if self.closed or connection.transport.is_closing() or len(self._idle) >= MAX_IDLE:
            connection.abort()
            return
        connection.idle_since_s = now
        self._idle.append(connection)

    def discard(self, connection: UpstreamStream | None) -> None:
        """An attempt is over, and its connection or stream (None: there was none yet) cannot serve another."""
        self.state.in_flight -= 1
        if connection is not None:
            connection.abort()
            self._let_go()

    def _let_go(self) -> None:
        """Once it is closed, what carries no request is not kept."""
        if self.closed and self._shared is not None:
            self._shared.retire_idle(math.inf)

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

    def forget_http2(self, connection: Http2Connection) -> None:
        """The connection is gone, in whatever state it was."""
        if self._shared is not None:
            self._shared.remove(connection)
        if connection.counted:
            connection.counted = False
            self.open -= 1

    def close(self) -> None:
        """Closes the idle connections; those in use end with their exchange."""
        self.closed = True
        if self._shared is not None:
            self._shared.retire_all()
        for connection in list(self._idle):
            connection.abort()
        self._idle.clear()

    def close_stale(self, now: float) -> None:
        """Closes what has been idle for longer than servers usually wait."""
        stale = [each for each in self._idle if now - each.idle_since_s > IDLE_S]
        for connection in stale:
            self._idle.remove(connection)
            connection.abort()
        if self._shared is not None:
            self._shared.retire_idle(now - IDLE_S)

    def idle_connections(self) -> Iterator[UpstreamConnection]:
        """For tests and views."""
        return iter(tuple(self._idle))
