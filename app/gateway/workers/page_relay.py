"""The worker's side of the gateway's own pages: a request for one goes to the parent, and its response comes back."""

import asyncio
import socket
from typing import cast

from app.dataplane.codec.field_lines import Field
from app.dataplane.downstream.local_page import PageOwner
from app.gateway.link.message import Json, LinkFault, Message, MessageReader, encode
from app.gateway.workers.page_messages import BODY, END, HEAD, MALFORMED, SHUTDOWN, UPGRADED, PageClient

__all__ = ["RelayedPages"]

_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class RelayedPages:
    """Implements `downstream.local_page.LocalPages`. `address`: of the parent's Unix socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._loop = loop
        self._address = address
        self._connecting: set[asyncio.Task[None]] = set()

    def page(self, transport: asyncio.Transport, owner: PageOwner, *, chunked: bool) -> "_RelayedPage":
        """A page of that connection; the parent hears of it with its head."""
        page = _RelayedPage(self._loop, transport, owner, chunked=chunked)
        connecting = self._loop.create_task(self._connect(page))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)
        return page

    async def _connect(self, page: "_RelayedPage") -> None:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.setblocking(False)
            sock.connect(self._address)  # at once, or its queue is full
            await self._loop.create_unix_connection(lambda: page, sock=sock)
        except OSError:
            sock.close()
            page.fail()


class _RelayedPage(asyncio.Protocol):
    """Of the connection to the parent the protocol; of the client's connection the page."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, client: asyncio.Transport, owner: PageOwner, *, chunked: bool
    ) -> None:
        self._loop = loop
        self._client = client
        self._owner = owner
        self._chunked = chunked
        self._parent: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._reader = MessageReader()
        self._upgraded = self._over = self._has_begun = False

    def fail(self) -> None:
        """The parent cannot be reached, or left before the response's end."""
        if self._over:
            return
        self._over = True
        if self._upgraded:
            self._client.close()
        elif self._has_begun:
            self._client.abort()
        else:
            self._client.write(_UNAVAILABLE)
            self._owner.on_page_end(False)

    # What the client's connection says (local_page.LocalPage)

    def begin(self, head: bytes) -> None:
        extra = self._client.get_extra_info
        is_tls = extra("sslcontext") is not None
        client = PageClient(_plain(extra("peername")), _plain(extra("sockname")), is_tls, self._chunked)
        self._send(HEAD, list(client), head)

    def on_request_body(self, data: bytes) -> None:
        self._send(BODY, blob=bytes(data))

    def on_request_end(self, trailers: list[Field]) -> None:
        self._send(END)

    def on_request_malformed(self, detail: str) -> None:
        self._send(MALFORMED, detail)

    def on_client_gone(self) -> None:
        self._over = True
        if self._parent is not None:
            self._parent.close()

    def on_client_blocked(self) -> None:
        if self._parent is not None and not self._parent.is_closing():
            self._parent.pause_reading()

    def on_client_writable(self) -> None:
        if self._parent is not None and not self._parent.is_closing():
            self._parent.resume_reading()

    def shutdown(self) -> None:
        self._send(SHUTDOWN)

    # What the connection to the parent says (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._parent = cast(asyncio.Transport, transport)
        if self._over:
            self._loop.call_soon(self._parent.close)  # within this call uvloop would keep its socket open
            return
        self._parent.write(b"".join(self._unsent))
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        try:
            messages = self._reader.feed(data)
        except LinkFault:
            self.fail()
            return
        for message in messages:
            self._take(message)

    def pause_writing(self) -> None:
        if not self._over and not self._client.is_closing():
            self._client.pause_reading()

    def resume_writing(self) -> None:
        if not self._over and not self._client.is_closing():
            self._client.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.fail()

    def _take(self, message: Message) -> None:
        if self._over:
            return
        if message.kind == BODY:
            self._has_begun = True
            self._client.write(message.blob)
        elif message.kind == UPGRADED:
            self._upgraded = True
            self._owner.on_page_upgraded(_Upgraded(self))
        elif message.kind == END:
            self._over = True
            if self._parent is not None:
                self._parent.close()
            self._owner.on_page_end(bool(message.body))

    def _send(self, kind: str, body: Json = None, blob: bytes = b"") -> None:
        if self._over:
            return
        content = encode(Message(kind, body, blob))
        if self._parent is None:
            self._unsent.append(content)
        else:
            self._parent.write(content)


class _Upgraded(asyncio.Protocol):
    """The client's connection once it is a WebSocket: its bytes go to the parent as they come."""

    def __init__(self, page: _RelayedPage) -> None:
        self._page = page

    def data_received(self, data: bytes) -> None:
        self._page.on_request_body(data)

    def pause_writing(self) -> None:
        self._page.on_client_blocked()

    def resume_writing(self) -> None:
        self._page.on_client_writable()

    def connection_lost(self, error: Exception | None) -> None:
        self._page.on_client_gone()


def _plain(address: object) -> tuple[str, int] | None:
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) and len(address) > 1 else None
