"""What a protocol over TLS has for its transport: asyncio's interface, encrypting what is written."""

import asyncio
import ssl
from contextlib import suppress
from typing import Any, Protocol, cast

__all__ = ["InnerProtocol", "TlsSession", "TlsTransport"]

PIECE_BYTES = 8 * 1024
"""The most that is encrypted at once: the outgoing BIO, which never gives back what it once held, then keeps
11 KiB. Of whole records it would keep 22, and transfers be no faster."""


class TlsSession(ssl.SSLObject):
    """The TLS state of one connection, as `get_extra_info("ssl_object")` gives it.

    `server_name`: what the client asked for (SNI, RFC 6066 §3), noted by the context's `sni_callback`.
    `is_unwanted`: nobody here has that name, so the connection is cut without a word.
    """

    server_name: str | None = None
    is_unwanted: bool = False


class InnerProtocol(Protocol):
    """What speaks over TLS: the calls of `asyncio.Protocol`."""

    def connection_made(self, transport: asyncio.Transport, /) -> None: ...

    def data_received(self, data: bytes, /) -> None: ...

    def eof_received(self) -> object: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self, exc: Exception | None, /) -> None: ...


class Decrypting(Protocol):
    """The other half of the connection: `inner` is the protocol that hears what is read."""

    inner: InnerProtocol | None

    def is_reading(self) -> bool: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class TlsTransport(asyncio.Transport):
    """What the inner protocol writes to: encrypted at once, so that the socket alone holds what waits."""

    __slots__ = ("_connection", "_outgoing", "_session", "_socket")

    def __init__(
        self,
        connection: Decrypting,
        socket: asyncio.Transport,
        session: ssl.SSLObject,
        outgoing: ssl.MemoryBIO,
    ) -> None:
        self._connection = connection
        self._socket = socket
        self._session = session
        self._outgoing = outgoing

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        socket = self._socket
        if not data or socket.is_closing():
            return
        if len(data) <= PIECE_BYTES:
            self._session.write(data)
            socket.write(self._outgoing.read())
            return
        encrypted = []
        whole = memoryview(data)
        for start in range(0, len(whole), PIECE_BYTES):
            self._session.write(whole[start : start + PIECE_BYTES])
            encrypted.append(self._outgoing.read())
        socket.writelines(encrypted)

    def can_write_eof(self) -> bool:
        """False: no half of a TLS connection is closed alone."""
        return False

    def get_write_buffer_size(self) -> int:
        """Encrypted bytes that the socket has not taken."""
        return self._socket.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._socket.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._socket.set_write_buffer_limits(high, low)

    # Reading

    def is_reading(self) -> bool:
        return self._connection.is_reading()

    def pause_reading(self) -> None:
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        self._connection.resume_reading()

    # The end

    def is_closing(self) -> bool:
        return self._socket.is_closing()

    def close(self) -> None:
        """Lets what was written go out, then close_notify and FIN; that of the client is not waited for."""
        socket = self._socket
        if socket.is_closing():
            return
        with suppress(ssl.SSLError):  # OpenSSL says that the client's close_notify has not come
            self._session.unwrap()
        if self._outgoing.pending:
            socket.write(self._outgoing.read())
        socket.close()

    def abort(self) -> None:
        self._socket.abort()

    # What it is

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Besides what the socket knows: `ssl_object`, `sslcontext`, `peercert`, `cipher`."""
        session = self._session
        match name:
            case "ssl_object":
                return session
            case "sslcontext":
                return session.context
            case "peercert":
                return session.getpeercert()
            case "cipher":
                return session.cipher()
        return self._socket.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast(asyncio.BaseProtocol, self._connection.inner)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._connection.inner = cast(InnerProtocol, protocol)
