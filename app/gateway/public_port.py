"""What speaks to each client of the public port: the data path, behind TLS where a certificate is set."""

import asyncio
from collections.abc import Callable

from app.dataplane.downstream.http1_connection import ClientConnection
from app.dataplane.downstream.http2_connection import Http2Connection
from app.dataplane.downstream.local_page import LocalPages
from app.dataplane.downstream.tls_connection import TlsConnection, TlsListener
from app.dataplane.proxy.context import ProxyContext
from app.gateway.tls import HTTP2_ALPN, Certificate

__all__ = ["client_protocol"]


def client_protocol(
    context: ProxyContext, pages: LocalPages, certificate: Certificate | None
) -> Callable[[], asyncio.BaseProtocol]:
    """Makes the protocol of a connection (asyncio's protocol factory)."""

    def client(agreed: str | None) -> ClientConnection | Http2Connection:
        if agreed == HTTP2_ALPN:
            return Http2Connection(context, pages)
        return ClientConnection(context, pages)

    if certificate is None:
        return lambda: client(None)  # type: ignore[return-value]  # by its methods: compiled classes inherit none
    settings = context.settings
    listener = TlsListener(
        certificate.context,
        context.open_clients,
        settings.max_connections,
        context.wheel,
        settings.header_timeout_s,
    )
    return lambda: TlsConnection(listener, client)
