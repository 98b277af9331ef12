"""A connection to an upstream of HTTP/1.1 with both its ends, without a socket, and what an exchange on it heard."""

from typing import Any

from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.foundation.reasons import Reason
from tests.fakes.upstream_side import FakeTransport, RecordingReceiver

__all__ = [
    "CHUNKED",
    "FLUSH",
    "HELLO",
    "OK",
    "Owner",
    "Wire",
    "ends",
    "fault",
    "heads",
    "in_all_pieces",
]


OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FLUSH = ("flush",)


class Owner:
    """The pool, as far as a connection knows it."""

    def __init__(self) -> None:
        self.forgotten: list[UpstreamConnection] = []

    def forget(self, connection: UpstreamConnection) -> None:
        self.forgotten.append(connection)


class Wire:
    """A connection with both its ends; `exchange` begins an exchange on it."""

    def __init__(self) -> None:
        self.owner = Owner()
        self.connection = UpstreamConnection(self.owner)
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)

    def exchange(self, **how) -> RecordingReceiver:
        receiver = RecordingReceiver(self.connection, **how)
        self.connection.begin(receiver)
        return receiver

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            if self.transport.aborted:
                return  # as a transport does
            self.connection.data_received(piece)

    def close(self, error: Exception | None = None, *, clean: bool = True) -> None:
        if clean and not self.transport.aborted:
            self.connection.eof_received()
        self.connection.connection_lost(error)


def heads(receiver: RecordingReceiver) -> list[int]:
    return [call[1] for call in receiver.calls if call[0] == "head"]


def ends(receiver: RecordingReceiver) -> list[tuple[Any, ...]]:
    return [call for call in receiver.calls if call[0] in ("end", "upgraded", "failed")]


def fault(receiver: RecordingReceiver) -> str:
    """Of the only end, which is a failure of the protocol."""
    ((name, reason, detail),) = ends(receiver)
    assert (name, reason) == ("failed", Reason.UPSTREAM_PROTOCOL)
    prefix = "the upstream's response is malformed: "
    assert detail.startswith(prefix)
    return str(detail).removeprefix(prefix)


def in_all_pieces(data: bytes) -> list[list[bytes]]:
    cuts = [[data[:at], data[at:]] for at in range(1, len(data))]
    return [[data], [bytes([octet]) for octet in data], *cuts]
