"""The parent's side of the gateway's own pages: a Unix socket to which workers bring the requests for them."""

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from app.dataplane.downstream.local_page import LocalPage, LocalPages
from app.foundation.serving.listener import BACKLOG
from app.gateway.link.message import Json, LinkFault, Message, MessageReader, encode
from app.gateway.workers.page_messages import BODY, END, HEAD, MALFORMED, SHUTDOWN, UPGRADED, PageClient

__all__ = ["PageServer"]

_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7), SO_PEERCRED)


class PageServer:
    """`is_worker`: whether a process of that number is a worker of ours; nobody else is served.

    `address`: in Linux's abstract namespace, so it needs no folder and leaves nothing behind.
    """

    def __init__(self, pages: LocalPages, is_worker: Callable[[int], bool]) -> None:
        self._pages = pages
        self._is_worker = is_worker
        self._server: asyncio.Server | None = None
        self.address = f"\0tidegate-{os.getpid()}-{secrets.token_hex(16)}"

    async def open(self) -> None:
        """Serve from now on."""
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(self.address)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: _ServedPage(self._pages, self._is_worker), sock=sock, backlog=BACKLOG
        )

    def close(self) -> None:
        """No more requests; those under way end."""
        if self._server is not None:
            self._server.close()


class _ServedPage(asyncio.Protocol):
    """Of the worker's connection the protocol; of the page its connection."""

    def __init__(self, pages: LocalPages, is_worker: Callable[[int], bool]) -> None:
        self._pages = pages
        self._is_worker = is_worker
        self._reader = MessageReader()
        self._page: LocalPage | None = None
        self._upgraded: asyncio.Protocol | None = None
        self._worker: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._worker = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        pid, _, _ = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        if not self._is_worker(pid):
            self._worker.abort()

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._reader.feed(data)
        except LinkFault:
            self._worker.abort()
            return
        for message in messages:
            self._take(message)

    def pause_writing(self) -> None:
        if self._upgraded is not None:
            self._upgraded.pause_writing()
        elif self._page is not None:
            self._page.on_client_blocked()

    def resume_writing(self) -> None:
        if self._upgraded is not None:
            self._upgraded.resume_writing()
        elif self._page is not None:
            self._page.on_client_writable()

    def connection_lost(self, error: Exception | None) -> None:
        if self._upgraded is not None:
            self._upgraded.connection_lost(error)
        elif self._page is not None:
            self._page.on_client_gone()

    # What the page says (local_page.PageOwner)

    def on_page_end(self, keep: bool) -> None:
        self._page = None
        self.send(END, keep)
        self._worker.close()

    def on_page_upgraded(self, protocol: asyncio.BaseProtocol) -> None:
        self._upgraded = cast(asyncio.Protocol, protocol)
        self.send(UPGRADED)

    def send(self, kind: str, body: Json = None, blob: bytes = b"") -> None:
        if not self._worker.is_closing():
            self._worker.write(encode(Message(kind, body, blob)))

    def _take(self, message: Message) -> None:
        page, kind = self._page, message.kind
        if kind == HEAD and page is None and self._upgraded is None:
            client = PageClient.of(message.body)
            transport = _ClientTransport(self, self._worker, client)
            self._page = self._pages.page(transport, self, chunked=client.chunked)
            self._page.begin(message.blob)
        elif self._upgraded is not None:
            if kind == BODY:
                self._upgraded.data_received(message.blob)
        elif page is None:
            return  # its response is complete: what the request still says is of no interest
        elif kind == BODY:
            page.on_request_body(message.blob)
        elif kind == END:
            page.on_request_end([])
        elif kind == MALFORMED:
            page.on_request_malformed(str(message.body))
        elif kind == SHUTDOWN:
            page.shutdown()


class _ClientTransport(asyncio.Transport):
    """The client's connection as the page sees it: at the other end of the worker's."""

    def __init__(self, served: _ServedPage, worker: asyncio.Transport, client: PageClient) -> None:
        super().__init__()
        self._served = served
        self._worker = worker
        self._extra_info: dict[str, Any] = {
            "peername": client.peer,
            "sockname": client.own,
            "sslcontext": client.is_tls or None,
        }

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        found = self._extra_info.get(name)
        return default if found is None else found

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._served.send(BODY, blob=bytes(data))

    def is_closing(self) -> bool:
        return self._worker.is_closing()

    def close(self) -> None:
        self._worker.close()

    def abort(self) -> None:
        self._worker.abort()

    def get_write_buffer_size(self) -> int:
        return self._worker.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._worker.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        return False

    def is_reading(self) -> bool:
        return self._worker.is_reading()

    def pause_reading(self) -> None:
        self._worker.pause_reading()

    def resume_reading(self) -> None:
        self._worker.resume_reading()
