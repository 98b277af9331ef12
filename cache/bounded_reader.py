"""How much of a connection is read at a time: little until somebody asks for a body.

What a thousand clients send at once waits in TCP, instead of in this process.
"""

import asyncio
from typing import Protocol

__all__ = ["BoundedReader", "HEAD_READ_BYTES"]

HEAD_READ_BYTES = 8 * 1024  # holds a usual head, or a small write whole
BODY_READ_BYTES = 64 * 1024

# one for all connections: between the loop's two calls around a read nothing else runs
_buffer = memoryview(bytearray(BODY_READ_BYTES))


class Connection(Protocol):
    """What the reader drives. `reads_body`: it is in the middle of a body that the app has asked for."""

    reads_body: bool

    def connection_made(self, transport: asyncio.Transport) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def data_received(self, data: bytes) -> None: ...


class BoundedReader(asyncio.BufferedProtocol):
    """Tells the loop how much to read into the one buffer."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection.connection_made(transport)  # type: ignore[arg-type]  # of TCP it is a Transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _buffer if self._connection.reads_body else _buffer[:HEAD_READ_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(_buffer[:nbytes]))
