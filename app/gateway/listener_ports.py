"""The ports of listeners in this process: opened, changed and closed as configurations come into force.

    wanted ──opened──▶ open ──no listener any more──▶ draining ──▶ closed
       └─── cannot be had: reported, and tried again every second

A port that closes drains as the gateway does after SIGTERM (`drain`), alone: no request on it fails.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from app.config.model import Listener, ListenerProtocol
from app.dataplane.downstream.local_page import NoPages
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.entrance import Entrance
from app.foundation.key_pair import KeyPair
from app.foundation.serving.backlog import accept_backlog
from app.foundation.serving.listener import BACKLOG
from app.gateway.certificates import Certificates
from app.gateway.drain import drain
from app.gateway.ports import OpenSocket, by_port, opened
from app.gateway.public_port import ClientProtocol
from app.gateway.tasks import Tasks

if TYPE_CHECKING:
    from app.gateway.listener_tls import TlsContexts

__all__ = ["ListenerPorts"]

LOG = logging.getLogger("tidegate")

_Shown: TypeAlias = tuple[tuple[Listener, ...], tuple[KeyPair | None, ...], str | None]


class _OpenPort:
    """`listeners`: as last followed. `shown`: what its TLS was made from, None in clear."""

    server: asyncio.Server

    __slots__ = ("entrance", "listeners", "protocol", "server", "shown")

    def __init__(self, entrance: Entrance, protocol: ClientProtocol, listeners: tuple[Listener, ...]) -> None:
        self.entrance = entrance
        self.protocol = protocol
        self.listeners = listeners
        self.shown: _Shown | None = None


class ListenerPorts:
    """Implements `PortStates`. `on_change` is called after each change of `bound` and `faults`."""

    def __init__(
        self,
        context: ProxyContext,
        certificates: Certificates,
        tasks: Tasks,
        open_socket: OpenSocket,
        on_change: Callable[[], None],
    ) -> None:
        self._context = context
        self._certificates = certificates
        self._tasks = tasks
        self._open_socket = open_socket
        self._on_change = on_change
        self._host: Final = context.settings.host
        self._contexts: TlsContexts | None = None
        self._wanted: dict[int, tuple[Listener, ...]] = {}
        self._client_cas: Mapping[str, str] = {}
        self._open: dict[int, _OpenPort] = {}
        self._changing = asyncio.Lock()
        self.faults: dict[int, str] = {}
        certificates.subscribe(self._renew)

    @property
    def bound(self) -> tuple[int, ...]:
        """The ports that accept, sorted."""
        return tuple(sorted(self._open))

    @property
    def servers(self) -> list[asyncio.Server]:
        """To be closed when the gateway's drain begins."""
        return [port.server for port in self._open.values()]

    async def follow(self, listeners: Sequence[Listener], client_cas: Mapping[str, str]) -> None:
        """Returns when the ports of `listeners`, and no others, accept. `client_cas`: PEM by the path of their file."""
        before = self.bound, dict(self.faults)
        async with self._changing:
            self._wanted, self._client_cas = by_port(listeners), client_cas
            closing = [number for number in self._open if number not in self._wanted]
            await accept_backlog(self._open[number].server for number in closing)
            for number in closing:
                self._close(number)
            self.faults = {number: why for number, why in self.faults.items() if number in self._wanted}
            for number, of_port in self._wanted.items():
                await self._put(number, of_port)
        self._note_change(before)

    def retry(self, _now_s: float) -> None:
        """To be called every second: ports that could not be had may be free now."""
        if self.faults and not self._changing.locked():
            self._tasks.spawn(self._retry())

    async def _retry(self) -> None:
        before = self.bound, dict(self.faults)
        async with self._changing:
            for number in tuple(self.faults):
                if number in self._wanted:
                    await self._put(number, self._wanted[number])
        self._note_change(before)

    def _note_change(self, before: tuple[tuple[int, ...], dict[int, str]]) -> None:
        if before != (self.bound, self.faults):
            self._on_change()

    def _renew(self) -> None:
        """Certificates changed."""
        before = self.bound, dict(self.faults)
        for number, port in self._open.items():
            self._accept_with(number, port, port.listeners)
        self._note_change(before)

    async def _put(self, number: int, listeners: tuple[Listener, ...]) -> None:
        port = self._open.get(number)
        if port is None:
            await self._try_open(number, listeners)
        elif self._accept_with(number, port, listeners):
            self.faults.pop(number, None)
        elif port.shown is None:
            self._close(number)  # in clear it must not go on, not even for who waits there

    async def _try_open(self, number: int, listeners: tuple[Listener, ...]) -> None:
        context = self._context
        entrance = context.entrance(number)
        port = _OpenPort(entrance, ClientProtocol(context, NoPages(), entrance, None), listeners)
        if not self._accept_with(number, port, listeners):
            return
        sock = opened(self._open_socket, self._host, listeners[0])
        if isinstance(sock, str):
            self._note_fault(number, sock)
            return
        port.server = await context.loop.create_server(port.protocol, sock=sock, backlog=BACKLOG)
        self._open[number] = port
        self.faults.pop(number, None)
        self._accept_with(number, port, listeners)  # certificates may have come meanwhile
        names = ", ".join(listener.name for listener in listeners)
        LOG.info("listening on %s://%s:%d for %s", listeners[0].protocol, self._host, number, names)

    def _accept_with(self, number: int, port: _OpenPort, listeners: tuple[Listener, ...]) -> bool:
        """What the listeners say of TLS, where that is another than before; False: it cannot be used."""
        port.listeners = listeners
        shown = self._shown(listeners)
        if shown != port.shown:
            try:
                tls = self._tls(shown) if shown is not None else None
            except (OSError, ValueError) as error:
                why = (error.strerror if isinstance(error, OSError) else None) or str(error)
                self._note_fault(
                    number, f"port {number}: the CA certificates for clients cannot be used: {why}"
                )
                return False
            port.protocol.use(tls)
            port.shown = shown
        return True

    def _shown(self, listeners: tuple[Listener, ...]) -> _Shown | None:
        """What TLS is made from; None: the port is one in clear."""
        if listeners[0].protocol is ListenerProtocol.HTTP:
            return None
        pair = self._certificates.pair
        pairs = tuple(pair(name) for each in listeners for name in each.certificates)
        asked, client_ca = listeners[0].client_certificates, None
        if asked is not None and asked.is_required:
            client_ca = asked.ca if asked.ca is not None else self._client_cas.get(asked.ca_file or "", "")
        return listeners, pairs, client_ca

    def _tls(self, shown: _Shown) -> ssl.SSLContext:
        from app.gateway.listener_tls import TlsContexts, port_context  # for listeners of HTTPS

        if self._contexts is None:
            self._contexts = TlsContexts(http2=self._context.settings.http2)
        listeners, _, client_ca = shown
        return port_context(listeners, self._certificates.pair, client_ca, self._contexts)

    def _note_fault(self, number: int, why: str) -> None:
        if self.faults.get(number) != why:
            LOG.error("%s; it is tried again every second", why)
        self.faults[number] = why

    def _close(self, number: int) -> None:
        port = self._open.pop(number)
        LOG.info("port %d closes: no listener has it any more", number)
        port.entrance.draining = True
        port.server.close()  # at once: the next configuration may want it again
        timeout_s = self._context.settings.drain_timeout_s
        self._tasks.spawn(drain(port.entrance, (), 0.0, timeout_s))
