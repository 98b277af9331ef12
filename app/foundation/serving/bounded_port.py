"""What uvicorn is given so that a port is bounded from the first byte of a connection, TLS included."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from app.foundation.serving.bounded_http import BoundedHttp
from app.foundation.serving.bounds import Bounds

__all__ = ["bounded_protocol"]


def bounded_protocol(
    bounds: Bounds, tls: Callable[[], ssl.SSLContext] | None = None
) -> Callable[..., asyncio.Protocol]:
    """What uvicorn takes for its `http` setting. `tls`: the context of a new connection, None: in clear.

    With `tls` the server itself must be given no context: it would count and time connections from the end of
    their handshake only.
    """

    def make(
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        http = BoundedHttp(bounds, config, server_state, app_state, _loop)
        return http if tls is None else _Handshake(http, bounds, tls())

    return make


class _Handshake(asyncio.Protocol):
    """A connection until its TLS handshake is over; then `http` has it."""

    def __init__(self, http: BoundedHttp, bounds: Bounds, context: ssl.SSLContext) -> None:
        self._http, self._bounds, self._context = http, bounds, context
        self._connections: set[Any] = http.connections
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        self._is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self._connections) >= self._bounds.connections:
            transport.abort()
            return
        self._connections.add(self)
        self._transport = transport
        self._task = self._http.loop.create_task(self._shake_hands(transport))

    def data_received(self, data: bytes) -> None:
        """It came right behind the handshake, in the same read."""
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True

    def shutdown(self) -> None:
        """Called by uvicorn when the server ends."""
        if self._task is not None and self._transport is not None:
            self._task.cancel()
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        timeout_s = self._bounds.header_timeout_s
        secure = None
        try:
            secure = await self._http.loop.start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=timeout_s,
                ssl_shutdown_timeout=timeout_s,
            )
        except OSError:
            pass  # no TLS, too slow, or gone
        finally:
            self._connections.discard(self)
        if secure is None or self._is_lost:
            transport.abort()
            return
        secure.set_protocol(self._http)
        self._http.connection_made(secure)
        for data in self._early:
            self._http.data_received(data)
