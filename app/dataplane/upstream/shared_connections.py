"""The HTTP/2 connections to one address, and those that are being made: who comes meanwhile shares them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeAlias

from app.dataplane.upstream.connector import Connected, ConnectFailure
from app.dataplane.upstream.http2_connection import MAX_STREAMS, Http2Connection
from app.dataplane.upstream.http2_stream import Http2Stream
from app.foundation.clock import now_s

__all__ = ["SharedConnections"]

Make: TypeAlias = Callable[[float], Coroutine[None, None, Connected | ConnectFailure]]
"""How a connection is made, within so many seconds; 0: for ever."""


class _Making:
    """A connection on its way, with the number of attempts that wait for it."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: "asyncio.Task[Connected | ConnectFailure]") -> None:
        self.task = task
        self.waiting = 0


class SharedConnections:
    """`is_http1`: the endpoint has agreed on HTTP/1.1, so nothing is shared: each attempt makes its own."""

    __slots__ = ("_connections", "_loop", "_making", "_room", "is_http1")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: list[Http2Connection] = []
        self._making: list[_Making] = []
        self._room = MAX_STREAMS
        self.is_http1 = False

    @property
    def idle(self) -> int:
        """How many connections carry no request."""
        return sum([not connection.in_use for connection in self._connections])

    def take(self) -> Http2Stream | None:
        """A stream for one exchange, of the first connection that has room. O(connections)."""
        for connection in self._connections:
            if connection.has_room:
                return connection.take()
        return None

    def add(self, connection: Http2Connection) -> None:
        """It has been made."""
        connection.idle_since_s = now_s()
        self._room = connection.max_streams
        self._connections.append(connection)

    def remove(self, connection: Http2Connection) -> None:
        """It is gone."""
        if connection in self._connections:
            self._connections.remove(connection)

    async def wait(self, make: Make, timeout_s: float) -> ConnectFailure | None:
        """Until a connection has been made, by `make` where no other one on its way has room. `timeout_s` 0: for ever.

        Nobody is promised a stream of it: look again. It is given up with the last one who waits. Raises TimeoutError.
        """
        making = next((each for each in self._making if each.waiting < self._room), None)
        own_bound_s = timeout_s
        if making is None:
            making = _Making(self._loop.create_task(make(timeout_s)))
            self._making.append(making)
            own_bound_s = 0.0  # it bounds itself, and says how far it came
        making.waiting += 1
        try:
            async with asyncio.timeout(own_bound_s or None):
                made = await asyncio.shield(making.task)
        finally:
            making.waiting -= 1
            if not making.waiting or making.task.done():
                making.task.cancel()
                self._making = [each for each in self._making if each is not making]
        return made if isinstance(made, ConnectFailure) else None

    def retire_idle(self, unless_used_since_s: float) -> None:
        """Close those that carry no request, and have not since then."""
        for connection in tuple(self._connections):
            if not connection.in_use and connection.idle_since_s < unless_used_since_s:
                connection.retire()

    def retire_all(self) -> None:
        """They take no more requests, and end with those that they carry."""
        for connection in tuple(self._connections):
            connection.retire()
