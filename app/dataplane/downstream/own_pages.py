"""The public port's own pages: a stock uvicorn protocol object is handed one request, and runs it through ASGI.

It writes to a transport that stands in for the connection's. When its response is complete it is dropped, and the
connection goes on reading requests itself.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.dataplane.codec.body import chunk, last_chunk
from app.dataplane.codec.field_lines import Field
from app.dataplane.downstream.local_page import PageOwner

__all__ = ["OwnPages", "Page"]


class _PageTransport(asyncio.Transport):
    """The connection's transport, less its end: that is decided by the connection."""

    def __init__(self, transport: asyncio.Transport, page: "Page") -> None:
        super().__init__()
        self._transport = transport
        self._page: Page | None = page
        self.closed = False

    def leave(self) -> None:
        """The page is over: nothing it still does touches the connection."""
        self._page = None
        self.closed = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self.closed or self._transport.is_closing()

    def close(self) -> None:
        if self._page is None:
            return
        self.closed = True
        if self._page.upgraded:
            self._transport.close()

    def abort(self) -> None:
        if self._page is not None:
            self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._page is not None:
            self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        self._transport.write_eof()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        if self._page is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._page is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        if self._page is not None:
            self._page.upgrade(protocol)


class Page:
    """One request to a page, from its head to the end of its response."""

    def __init__(
        self, config: Config, transport: asyncio.Transport, owner: PageOwner, *, chunked: bool
    ) -> None:
        """`chunked`: how the request's body is framed."""
        self._owner = owner
        self._chunked = chunked
        self._state = ServerState()
        self._transport = _PageTransport(transport, self)
        self._protocol = HttpToolsProtocol(config, self._state, {})
        self._protocol.connection_made(self._transport)
        self.upgraded = False
        self._over = False

    def begin(self, head: bytes) -> None:
        """`head`: the request's, without its empty line."""
        self._protocol.data_received(head + b"\r\n\r\n")
        tasks = list(self._state.tasks)
        for task in tasks:
            task.add_done_callback(self._ended)
        if not tasks and self._transport.closed and not self.upgraded:
            self._end(keep=False)

    def on_request_body(self, data: bytes) -> None:
        """A part of the request's body."""
        if not self._over:
            self._protocol.data_received(chunk(data) if self._chunked else data)

    def on_request_end(self, trailers: list[Field]) -> None:
        """The request is complete; pages read no trailers."""
        if self._chunked and not self._over:
            self._protocol.data_received(last_chunk([]))

    def on_request_malformed(self, detail: str) -> None:
        """The page would wait for a body whose end cannot be found."""
        self._transport.abort()

    def on_client_gone(self) -> None:
        if not self._over:
            self._over = True
            self._transport.leave()
            self._protocol.connection_lost(None)

    def on_client_blocked(self) -> None:
        self._protocol.pause_writing()

    def on_client_writable(self) -> None:
        self._protocol.resume_writing()

    def shutdown(self) -> None:
        """The connection ends with this response, which says so."""
        if not self._over:
            self._protocol.shutdown()

    def upgrade(self, protocol: asyncio.BaseProtocol) -> None:
        """The request was a WebSocket's."""
        self.upgraded = True
        self._over = True
        self._owner.on_page_upgraded(protocol)
        if self._transport.closed:  # a handshake with a fault got its response before this call
            self._transport.close()

    def _ended(self, _task: "asyncio.Task[None]") -> None:
        if not self._over:
            self._end(keep=self._protocol.cycle.response_complete and not self._transport.closed)

    def _end(self, *, keep: bool) -> None:
        self._over = True
        self._transport.leave()
        self._protocol.connection_lost(None)  # also ends its own keep-alive timer
        self._owner.on_page_end(keep)


class OwnPages:
    """`config`: of a uvicorn server whose `app` serves the pages."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def page(self, transport: asyncio.Transport, owner: PageOwner, *, chunked: bool) -> Page:
        return Page(self._config, transport, owner, chunked=chunked)
