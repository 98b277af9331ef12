"""A TLS connection of the gateway and its client without sockets: OpenSSL on both sides."""

import asyncio
import ssl
from typing import Any

from app.dataplane.downstream.tls_connection import TlsConnection, TlsListener

__all__ = ["HANDSHAKE_S", "Inner", "MOST_CONNECTIONS", "Pair", "Socket", "with_want_read"]

MOST_CONNECTIONS = 3
HANDSHAKE_S = 10.0


class Socket(asyncio.Transport):
    """What the connection does to its socket. `waiting_bytes`: what the client has not taken."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 5), "socket": self})
        self.written: list[bytes] = []
        self.calls: list[str] = []
        self.waiting_bytes = 0
        self.limits: tuple[int | None, int | None] = (None, None)

    def write(self, data: Any) -> None:
        assert data
        self.written.append(data)

    def writelines(self, list_of_data: Any) -> None:
        self.written += list_of_data

    def take(self) -> bytes:
        data, self.written = b"".join(self.written), []
        return data

    def get_write_buffer_size(self) -> int:
        return self.waiting_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 1, 2

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = high, low

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


class Inner(asyncio.Protocol):
    """What the protocol above hears. `on_made`: what it does with its transport at once."""

    def __init__(self, on_made: Any = None) -> None:
        self.heard: list[Any] = []
        self.on_made = on_made

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.heard.append("made")
        if self.on_made is not None:
            self.on_made(transport)

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def eof_received(self) -> None:
        self.heard.append("eof")

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard.append(("lost", exc))


class Pair:
    """A connection, its socket and the client at the other end of it."""

    def __init__(self, listener: TlsListener, trusting: ssl.SSLContext, inner: Inner | None = None) -> None:
        self.inner = inner or Inner()
        self.socket = Socket()
        self.connection = TlsConnection(listener, lambda _agreed: self.inner)
        self.connection.connection_made(self.socket)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = trusting.wrap_bio(self._incoming, self._outgoing, server_hostname="gate.example")

    def sent(self) -> bytes:
        """What the client has to send."""
        return self._outgoing.read()

    def answer(self) -> None:
        """What the connection has to say."""
        self._incoming.write(self.socket.take())

    def pass_on(self) -> None:
        """What either side has to say, until both are silent."""
        while (data := self.sent()) or self.socket.written:
            if data and not self.socket.is_closing():
                self.connection.data_received(data)
            self.answer()

    def shake_hands(self) -> "Pair":
        for _ in range(3):
            with_want_read(self.client.do_handshake)
            self.pass_on()
        return self

    def send(self, data: bytes) -> None:
        self.client.write(data)
        self.pass_on()

    def read(self) -> bytes:
        """All that has come; b"" after close_notify too."""
        self.pass_on()
        got = b""
        while data := with_want_read(lambda: self.client.read(1 << 20)):
            got += data
        return got

    def is_closed_by_notice(self) -> bool:
        """The client has read all, and then close_notify."""
        self.pass_on()
        try:
            return self.client.read(1) == b""
        except ssl.SSLZeroReturnError:  # it has sent its own
            return True


def with_want_read(call: Any) -> Any:
    try:
        return call()
    except ssl.SSLWantReadError:
        return None
