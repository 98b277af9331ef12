"""Ports in front of servers without TLS that take both TLS and plain connections, as an upgrade to TLS has them.

    with TlsFront(folder) as front:
        port = front.open(valkey.port)       # rediss://127.0.0.1:port?ssl_ca_certs={front.ca_file}

A connection whose first byte begins a TLS handshake is decrypted, any other one passes as it is: so Sentinel and the
replicas find each other at the same addresses that clients use with TLS. It runs in a thread of its own, since the
fakes of servers wait for each other synchronously.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import trustme

from tests.fakes.exchange import DEADLINE_S

__all__ = ["TlsFront"]

T = TypeVar("T")
HANDSHAKE = b"\x16"  # TLS record of type handshake, RFC 8446 §5.1


class TlsFront:
    """`ca_file`: who signed its certificate, for 127.0.0.1. `tls_connections`: how many were decrypted so far."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls-front", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[socket.socket] = []
        self._unserved: set[socket.socket] = set()  # connections that no transport has taken over
        self.tls_connections = 0

    def open(self, target_port: int) -> int:
        """A port on 127.0.0.1 that leads to `target_port` there."""
        return self._run(self._open(target_port))

    def secured(self, url: str) -> str:
        """The REDIS_URL `url` with TLS, and with who signed our certificate."""
        query = "&" if "?" in url else "?"
        return url.replace("redis", "rediss", 1) + f"{query}ssl_ca_certs={self.ca_file}"

    async def _open(self, target_port: int) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self._listeners.append(listener)
        self._start(self._accept(listener, target_port))
        port: int = listener.getsockname()[1]
        return port

    async def _accept(self, listener: socket.socket, target_port: int) -> None:
        while True:
            connection, _ = await self._loop.sock_accept(listener)
            self._unserved.add(connection)
            self._start(self._serve(connection, target_port))

    async def _serve(self, connection: socket.socket, target_port: int) -> None:
        with suppress(OSError):
            first = await self._peek(connection)
            self._unserved.discard(connection)
            reader = asyncio.StreamReader()
            context = self._context if first == HANDSHAKE else None
            transport, protocol = await self._loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), connection, ssl=context
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
            try:
                self.tls_connections += context is not None
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target_port)
                try:
                    await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
                finally:
                    inner_writer.close()
            except asyncio.CancelledError:
                transport.abort()  # nobody waits for a TLS shutdown any more
                raise
            finally:
                writer.close()

    async def _peek(self, connection: socket.socket) -> bytes:
        connection.setblocking(False)
        while True:
            try:
                return connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                readable: asyncio.Future[None] = self._loop.create_future()
                self._loop.add_reader(connection, _set, readable)
                try:
                    await readable
                finally:
                    self._loop.remove_reader(connection)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)

    async def _close(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in (*self._listeners, *self._unserved):
            each.close()

    def __enter__(self) -> "TlsFront":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
