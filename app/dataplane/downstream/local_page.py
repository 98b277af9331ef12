"""What the gateway's own pages are to a client's connection, written by this process or another one."""

import asyncio
from typing import Protocol

from app.dataplane.codec.field_lines import Field

__all__ = ["LocalPage", "LocalPages", "NoPages", "PageOwner"]


class PageOwner(Protocol):
    """The connection as its page sees it."""

    def on_page_end(self, keep: bool) -> None:
        """The response is written. `keep`: the connection may go on."""
        ...

    def on_page_upgraded(self, protocol: asyncio.BaseProtocol) -> None:
        """A WebSocket: `protocol` has the connection now."""
        ...


class LocalPage(Protocol):
    """One request to a page, from its head to the end of its response."""

    def begin(self, head: bytes) -> None:
        """`head`: the request's, without its empty line."""
        ...

    def on_request_body(self, data: bytes) -> None:
        """A part of the request's body."""
        ...

    def on_request_end(self, trailers: list[Field]) -> None:
        """The request is complete; pages read no trailers."""
        ...

    def on_request_malformed(self, detail: str) -> None:
        """The page would wait for a body whose end cannot be found."""
        ...

    def on_client_gone(self) -> None: ...
    def on_client_blocked(self) -> None: ...
    def on_client_writable(self) -> None: ...
    def shutdown(self) -> None:
        """The connection ends with this response, which says so."""
        ...


class LocalPages(Protocol):
    """Makes the pages of all connections."""

    def page(self, transport: asyncio.Transport, owner: PageOwner, *, chunked: bool) -> LocalPage:
        """`chunked`: how the request's body is framed."""
        ...


class NoPages:
    """Of a port that serves none, which its connections know: nobody asks for one."""

    def page(self, transport: asyncio.Transport, owner: PageOwner, *, chunked: bool) -> LocalPage:
        raise AssertionError("only the gateway's own port has pages")
