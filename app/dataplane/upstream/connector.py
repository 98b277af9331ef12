"""How a connection to an endpoint is made: in clear or over TLS, and which protocol is then spoken on it.

In clear HTTP/2 is prior knowledge (RFC 9113 §3.3), over TLS ALPN decides (§3.2, RFC 7301). Nothing is sent on HTTP/2
before the upstream's SETTINGS came: so its limits are known, and a server that does not speak it has seen no request.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias, cast

from app.config.model import Endpoint, UpstreamProtocol, UpstreamTls
from app.dataplane.upstream.certificate_names import names_fault
from app.dataplane.upstream.http1_connection import ConnectionOwner, UpstreamConnection
from app.dataplane.upstream.http2_connection import Http2Connection, Http2ConnectionOwner
from app.foundation.key_pair import KeyPair
from app.foundation.reasons import Reason

__all__ = ["ConnectFailure", "Connected", "ConnectionsOwner", "Connector", "client_context"]

_H2: Final = "h2"
_HTTP1: Final = "http/1.1"
_ALPN: Final = {
    UpstreamProtocol.AUTO: [_H2, _HTTP1],
    UpstreamProtocol.HTTP1: [_HTTP1],
    UpstreamProtocol.H2: [_H2],
}
_NO_OVERLAP: Final = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"  # RFC 7301 §3.2, as OpenSSL names it


class ConnectFailure:
    """Why there is no connection; nothing of a request was sent."""

    __slots__ = ("detail", "reason")

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail


Connected: TypeAlias = UpstreamConnection | Http2Connection


class ConnectionsOwner(ConnectionOwner, Http2ConnectionOwner, Protocol):
    """The pool, of connections of either kind."""


class Connector:
    """To the endpoints of one upstream. `tls` None: none of them speaks TLS.

    `make_tls`: makes a context that offers another protocol, for what cannot choose; it reads files (40 ms).
    `subject_names`: of which the certificate must name one, where the name that is asked for does not decide.
    `shown`: what endpoints get to see that ask for a certificate; None: nothing.
    """

    __slots__ = (
        "_http1_context",
        "_http2",
        "_make_tls",
        "loop",
        "protocol",
        "server_name",
        "shown",
        "subject_names",
        "tls",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: ssl.SSLContext | None,
        server_name: str | None,
        protocol: UpstreamProtocol = UpstreamProtocol.AUTO,
        make_tls: Callable[[UpstreamProtocol], ssl.SSLContext] | None = None,
        subject_names: tuple[str, ...] = (),
    ) -> None:
        self.loop = loop
        self.tls = tls
        self.server_name = server_name
        self.subject_names = subject_names
        self.shown: KeyPair | None = None
        self.protocol = protocol
        self._make_tls = make_tls
        self._http1_context: ssl.SSLContext | None = None
        self._http2: Connector | None = None

    def may_speak_http2(self, is_tls: bool) -> bool:
        """Whether any connection may turn out to be HTTP/2."""
        protocol = self.protocol
        return protocol is UpstreamProtocol.H2 or (is_tls and protocol is UpstreamProtocol.AUTO)

    def over_http2(self) -> "Connector":
        """For what is HTTP/2 whatever `protocol` is. Reads files the first time."""
        if self.protocol is UpstreamProtocol.H2:
            return self
        if self._http2 is None:
            tls, make = self.tls, self._make_tls
            if tls is not None and make is not None:
                tls = self._make(make, UpstreamProtocol.H2)
            self._http2 = Connector(
                self.loop, tls, self.server_name, UpstreamProtocol.H2, None, self.subject_names
            )
        return self._http2

    def show(self, pair: KeyPair) -> None:
        """New connections show `pair` to endpoints that ask for a certificate. Raises OSError for one that is bad."""
        for context in (self.tls, self._http1_context):
            if context is not None:
                pair.load(context)
        if self._http2 is not None:
            self._http2.show(pair)
        self.shown = pair

    def _make(
        self, make: Callable[[UpstreamProtocol], ssl.SSLContext], protocol: UpstreamProtocol
    ) -> ssl.SSLContext:
        context = make(protocol)
        if self.shown is not None:
            self.shown.load(context)
        return context

    async def connect(
        self, owner: ConnectionsOwner, endpoint: Endpoint, ip: str, timeout_s: float, http1: bool
    ) -> Connected | ConnectFailure:
        """A new connection, ready for requests. `http1`: what is to be sent wants HTTP/1.1. `timeout_s` 0: for ever.

        TLS is verified against the endpoint's name, or `subject_names`. Raises nothing that the upstream is to blame
        for.
        """
        tls = self._context(http1) if endpoint.tls else None
        making = _Making(owner, self.loop, self.protocol, endpoint.tls)
        try:
            async with asyncio.timeout(timeout_s or None):
                transport, _ = await self.loop.create_connection(
                    lambda: cast(asyncio.Protocol, making.begin(http1)),
                    ip,
                    endpoint.port,
                    ssl=tls,
                    server_hostname=(self.server_name or endpoint.host) if tls else None,
                    ssl_handshake_timeout=timeout_s if tls and timeout_s else None,
                )
                fault = self._names_fault(transport) if tls is not None and self.subject_names else ""
                if fault:  # before anything of a request was sent
                    making.abort()
                    return ConnectFailure(Reason.UPSTREAM_CONNECT, fault)
                return await making.finish()
        except TimeoutError:
            making.abort()
            what = "no connection" if making.connection is None else "connected, but no SETTINGS of HTTP/2"
            return ConnectFailure(Reason.UPSTREAM_CONNECT, f"{what} within {timeout_s:g} s")
        except OSError as error:
            making.abort()
            return _failure(error)
        except BaseException:
            making.abort()  # it may have come just when it was given up
            raise

    def _names_fault(self, transport: asyncio.BaseTransport) -> str:
        tls: Any = transport.get_extra_info("ssl_object")
        return names_fault(tls.getpeercert(), self.subject_names)

    def _context(self, http1: bool) -> ssl.SSLContext | None:
        if not http1 or self.protocol is not UpstreamProtocol.AUTO or self._make_tls is None:
            return self.tls
        if self._http1_context is None:
            self._http1_context = self._make(self._make_tls, UpstreamProtocol.HTTP1)
        return self._http1_context


class _Making:
    """One connection until it is made; over TLS an asyncio protocol until ALPN has said which one follows."""

    __slots__ = ("_is_tls", "_loop", "_owner", "_protocol", "_transport", "agreed", "connection")

    def __init__(
        self,
        owner: ConnectionsOwner,
        loop: asyncio.AbstractEventLoop,
        protocol: UpstreamProtocol,
        is_tls: bool,
    ) -> None:
        self._owner = owner
        self._loop = loop
        self._protocol = protocol
        self._is_tls = is_tls
        self._transport: asyncio.Transport | None = None
        self.agreed: str | None = None
        self.connection: Connected | None = None

    def begin(self, http1: bool) -> object:
        """The asyncio protocol of the new transport."""
        if self._is_tls and not http1:
            return self
        speaks_http2 = self._protocol is UpstreamProtocol.H2 and not http1
        connection = self.connection = self._connection(speaks_http2)
        return connection

    def _connection(self, speaks_http2: bool) -> Connected:
        if speaks_http2:
            return Http2Connection(self._owner, self._loop, b"https" if self._is_tls else b"http")
        return UpstreamConnection(self._owner)

    async def finish(self) -> Connected | ConnectFailure:
        """The connection once requests may be sent on it."""
        connection = self.connection
        if connection is None:
            agreed = self.agreed or "no protocol"
            return ConnectFailure(
                Reason.UPSTREAM_PROTOCOL, f"it agrees on {agreed} (ALPN), and protocol: h2 is set"
            )
        if isinstance(connection, Http2Connection):
            fault = await connection.greeted
            if fault:
                connection.abort()
                return ConnectFailure(Reason.UPSTREAM_PROTOCOL, fault)
        if connection.lost:
            return ConnectFailure(Reason.UPSTREAM_CONNECT, "closed as soon as it was made")
        return connection

    def abort(self) -> None:
        if self.connection is not None:
            self.connection.abort()
        elif self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast(asyncio.Transport, transport)
        tls: Any = made.get_extra_info("ssl_object")
        self.agreed = tls.selected_alpn_protocol() if tls is not None else None
        if self._protocol is UpstreamProtocol.H2 and self.agreed != _H2:
            made.abort()
            return
        connection = self.connection = self._connection(self.agreed == _H2)
        made.set_protocol(cast(asyncio.Protocol, connection))
        connection.connection_made(made)

    def connection_lost(self, exc: Exception | None) -> None:
        """Only of one that was not wanted."""

    def data_received(self, data: bytes) -> None:
        """As above."""

    def eof_received(self) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


def _failure(error: OSError) -> ConnectFailure:
    if getattr(error, "reason", "") == _NO_OVERLAP:
        return ConnectFailure(
            Reason.UPSTREAM_PROTOCOL, "it does not take the protocol that is set for it (ALPN)"
        )
    why = getattr(error, "verify_message", "") or error.strerror or type(error).__name__
    return ConnectFailure(Reason.UPSTREAM_CONNECT, why)


def client_context(tls: UpstreamTls, protocol: UpstreamProtocol = UpstreamProtocol.HTTP1) -> ssl.SSLContext:
    """Verifies the server's certificate and name, which `Connector` does where `tls` has `subject_names`.

    Raises OSError for an unusable CA.
    """
    context = ssl.create_default_context(cafile=tls.ca_file, cadata=tls.ca)
    context.check_hostname = not tls.subject_names
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_ALPN[protocol])
    return context
