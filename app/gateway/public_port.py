"""What speaks to each client of a port: the data path, behind TLS where the port has it."""

import asyncio
import ssl

from app.dataplane.downstream.http1_connection import ClientConnection
from app.dataplane.downstream.http2_connection import Http2Connection
from app.dataplane.downstream.local_page import LocalPages
from app.dataplane.downstream.tls_connection import TlsConnection, TlsListener
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.entrance import Entrance
from app.gateway.tls import HTTP2_ALPN

__all__ = ["ClientProtocol"]


class ClientProtocol:
    """Makes the protocol of each connection of a port (asyncio's protocol factory).

    `tls`: None for a port in clear. It may be replaced: connections that are accepted later begin with it.
    """

    def __init__(
        self, context: ProxyContext, pages: LocalPages, entrance: Entrance, tls: ssl.SSLContext | None
    ) -> None:
        self._context = context
        self._pages = pages
        self._entrance = entrance
        self._listener: TlsListener | None = None
        self.use(tls)

    def use(self, tls: ssl.SSLContext | None) -> None:
        """Accept with that from now on."""
        if tls is None:
            self._listener = None
            return
        context = self._context
        self._listener = TlsListener(
            tls,
            self._entrance,
            context.settings.max_connections,
            context.wheel,
            context.settings.header_timeout_s,
        )

    def __call__(self) -> asyncio.BaseProtocol:
        if self._listener is None:
            return self._client(None)  # type: ignore[return-value]  # by its methods: compiled classes inherit none
        return TlsConnection(self._listener, self._client)

    def _client(self, agreed: str | None) -> ClientConnection | Http2Connection:
        if agreed == HTTP2_ALPN:
            return Http2Connection(self._context, self._pages, self._entrance)
        return ClientConnection(self._context, self._pages, self._entrance)
