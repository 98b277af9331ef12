"""One request as a `RecorderUpstream` saw it, and what an answer may do to its connection."""

import asyncio
import hashlib
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DEADLINE_S", "Connection", "Exchange", "PeerClosed", "RecordedRequest", "parse_fields", "within"]

DEADLINE_S = 20.0
"""A guard against hanging, and no measure: far above what a busy machine needs.

Below the 30 s that a gateway gives a request or a drain by default: these must not stand in for what is waited for.
"""


class PeerClosed(Exception):
    """The other side closed before its message was whole."""


def within(what: str, seconds: float = DEADLINE_S) -> Any:
    """`async with within("the answer")`: fails the test with a line that says what was waited for."""
    return _Deadline(what, seconds)


class _Deadline:
    def __init__(self, what: str, seconds: float) -> None:
        self._what, self._seconds = what, seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise AssertionError(f"waited {self._seconds:g} s in vain for {self._what}") from None


@dataclass(eq=False)
class RecordedRequest:
    """`fields` as they came, in order. `whole`: the body ended properly. `closed_at_s`: monotonic; set when
    the peer closed before the request was whole or before its answer was done."""

    connection: int
    head: bytes
    method: str
    target: str
    version: str
    fields: list[tuple[str, str]]
    arrived: bytearray = field(default_factory=bytearray, repr=False)
    body_size_bytes: int = 0
    body_sha256: str = ""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    whole: bool = False
    closed_at_s: float | None = None

    @property
    def body(self) -> bytes:
        """What has come of it so far, without its framing; empty under `keep_bodies=False`."""
        return bytes(self.arrived)

    @property
    def peer_closed_early(self) -> bool:
        return self.closed_at_s is not None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The only field of that name; "" if there is none."""
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else ""


class Connection(asyncio.StreamReaderProtocol):
    """One accepted connection: `received` is every byte as it came (after TLS)."""

    def __init__(self, owner: Any, number: int, reader: asyncio.StreamReader) -> None:
        super().__init__(reader, self._started)
        self.owner, self.number, self.reader = owner, number, reader
        self.received = bytearray()
        self.requests: list[RecordedRequest] = []
        self.in_work: RecordedRequest | None = None
        self.closed_at_s: float | None = None
        self.peer_closed = asyncio.Event()
        self.gone = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def _started(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.task = asyncio.get_running_loop().create_task(self.owner._serve(self))

    def data_received(self, data: bytes) -> None:
        if self.owner.keep_bodies:
            self.received += data
        super().data_received(data)

    def eof_received(self) -> bool | None:
        self._note_close()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._note_close()
        self.gone.set()
        super().connection_lost(exc)
        self.owner._notify()

    def _note_close(self) -> None:
        if self.closed_at_s is None:
            self.closed_at_s = time.monotonic()
            if self.in_work is not None:
                self.in_work.closed_at_s = self.closed_at_s
            self.peer_closed.set()
            self.owner._notify()


class Exchange:
    """A request and the way back; `reader` is only for what follows an upgrade."""

    def __init__(self, connection: Connection, request: RecordedRequest) -> None:
        self.connection, self.request = connection, request
        self.reader, self.writer = connection.reader, connection.writer
        self.body_read: asyncio.Task[None] | None = None
        self.closing = False

    async def whole_request(self) -> RecordedRequest:
        """Waits for the end of the request's body; raises PeerClosed when it never comes."""
        assert self.body_read is not None
        await asyncio.shield(self.body_read)
        if not self.request.whole:
            raise PeerClosed
        return self.request

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        """FIN after what was sent."""
        self.closing = True
        self.writer.close()

    def reset(self) -> None:
        """RST; what was not yet sent is lost."""
        self.closing = True
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def peer_closes(self) -> None:
        """Waits, without a deadline, until the peer ends its side."""
        await self.connection.peer_closed.wait()

    async def read_body(self, keep: bool) -> None:
        """Reads body and trailers into the request; returns silently when the peer closes first."""
        request, digest = self.request, hashlib.sha256()
        try:
            async for part in _body_parts(self.reader, request):
                digest.update(part)
                request.body_size_bytes += len(part)
                if keep:
                    request.arrived += part
            request.whole = True
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            request.body_sha256 = digest.hexdigest()


def parse_fields(block: bytes) -> list[tuple[str, str]]:
    """`Name: value` lines, strictly: no folding, no space before the colon (RFC 9112 §5)."""
    fields = []
    for line in block.split(b"\r\n"):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise AssertionError(f"bad field line {line!r}")
        fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return fields


async def _body_parts(reader: asyncio.StreamReader, request: RecordedRequest) -> Any:
    coding, length = request.get("Transfer-Encoding"), request.get("Content-Length")
    assert not (coding and length), "a request came with both Transfer-Encoding and Content-Length"
    if coding:
        assert coding.lower() == "chunked", f"unknown transfer coding {coding!r}"
        async for part in _chunked_parts(reader, request):
            yield part
    elif length:
        left = int(length)
        while left:
            part = await reader.read(min(left, 65536))
            if not part:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(part)
            yield part


async def _chunked_parts(reader: asyncio.StreamReader, request: RecordedRequest) -> Any:
    while True:
        line = await reader.readuntil(b"\r\n")
        left = int(line.split(b";")[0].strip(), 16)
        if left == 0:
            break
        while left:
            part = await reader.read(min(left, 65536))
            if not part:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(part)
            yield part
        end = await reader.readexactly(2)
        assert end == b"\r\n", f"a chunk ends with {end!r}"
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        request.trailers += parse_fields(line)
