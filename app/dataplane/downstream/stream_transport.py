"""A stream of a client's HTTP/2 connection as asyncio's transport, so that what speaks over sockets speaks over it.

END_STREAM ends a direction as FIN does of a TCP connection, and a reset is a reset (RFC 8441 §5.1).
"""

import asyncio
from typing import Any, cast

from app.dataplane.codec.field_lines import Field
from app.dataplane.proxy.downstream import Downstream
from app.dataplane.proxy.response_writer import ResponseWriter
from app.foundation.clock import now_s

__all__ = ["StreamTransport"]


class StreamTransport(asyncio.Transport):
    """Serves its stream in place of an exchange: it takes what the stream says to an exchange.

    `_held`: what came while nobody read; bounded by the stream's window, since no credit is given for it. `_ended`:
    the client sends no more. `_blocked`: it takes no more.
    """

    def __init__(self, downstream: Downstream, writer: ResponseWriter, below: asyncio.Transport) -> None:
        """`below`: the connection's own transport, for what it knows of the client."""
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._downstream = downstream
        self._writer = writer
        self._below = below
        self._protocol: asyncio.Protocol | None = None
        self._held: list[bytes] = []
        self._reading = True
        self._blocked = False
        self._ended = self._end_heard = self._eof_written = self._closing = self._lost = False

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not data or self._closing or self._eof_written:
            return
        self._writer.write_body(bytes(data))
        self._writer.flush()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """END_STREAM, behind what was written."""
        if not self._closing and not self._eof_written:
            self._eof_written = True
            self._writer.end_response([])

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has given no credit for."""
        return 0 if self._lost else self._writer.unsent_bytes()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The stream's own bounds hold: the connection's memory follows from them."""

    # Reading

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        if self._reading and not self._closing:
            self._reading = False
            self._downstream.pause_upload()

    def resume_reading(self) -> None:
        if self._reading or self._closing:
            return
        self._reading = True
        held, self._held = self._held, []
        for at, data in enumerate(held):
            if not self._reading or self._closing:
                self._held = held[at:]
                return
            self._pass_on(data)
        if self._reading and not self._closing:
            self._downstream.resume_upload()
            self._hear_end()

    def _pass_on(self, data: bytes) -> None:
        if self._protocol is not None:
            self._protocol.data_received(data)

    def _hear_end(self) -> None:
        """The client's END_STREAM: as asyncio has it, the protocol says whether it goes on writing."""
        if not self._ended or self._end_heard or self._protocol is None:
            return
        self._end_heard = True
        if not self._protocol.eof_received():
            self.close()

    # What the stream says

    def on_request_body(self, data: bytes) -> None:
        """DATA of the client."""
        if self._closing:
            return
        if self._reading:
            self._pass_on(data)
        else:
            self._held.append(data)

    def on_request_end(self, trailers: list[Field]) -> None:
        """The client has ended its side; nothing over a transport reads trailers."""
        self._ended = True
        if self._reading and not self._closing:
            self._hear_end()

    def on_request_malformed(self, detail: str) -> None:
        """What it sent cannot be believed."""
        self.abort()

    def on_client_gone(self) -> None:
        """The stream was reset, or its connection has ended."""
        self._closing = True
        self._lose(ConnectionResetError("the client reset the stream"))

    def on_client_blocked(self) -> None:
        """The client does not take what it is sent."""
        if self._protocol is not None and not self._blocked:
            self._blocked = True
            self._protocol.pause_writing()

    def on_client_writable(self) -> None:
        """It does again."""
        if self._protocol is not None and self._blocked:
            self._blocked = False
            self._protocol.resume_writing()

    def on_deadline(self, now: float) -> None:
        """What speaks over a transport sets its own times."""

    # The end

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Lets what was written go out, then END_STREAM; what the client still sends is not wanted."""
        if self._closing:
            return
        self.write_eof()
        self._closing = True
        self._held.clear()
        self._downstream.exchange_done(now_s())
        self._lose(None)

    def abort(self) -> None:
        if self._lost:
            return
        self._closing = True
        self._held.clear()
        self._lose(None)
        self._downstream.abort()

    def _lose(self, error: Exception | None) -> None:
        """Once, and never within a call of the protocol."""
        if self._lost:
            return
        self._lost = True
        if self._protocol is not None:
            self._loop.call_soon(self._protocol.connection_lost, error)

    # What it is

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the connection knows."""
        return self._below.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast(asyncio.BaseProtocol, self._protocol)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)
