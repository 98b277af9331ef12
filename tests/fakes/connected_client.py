"""A client's connection without its socket: bytes in, bytes out."""

from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.config import Config

from app.dataplane.downstream.http1_connection import ClientConnection
from app.dataplane.downstream.own_pages import OwnPages
from app.dataplane.proxy.entrance import Entrance
from tests.fakes.driven_exchange import Proxy
from tests.fakes.manual_loop import settled
from tests.fakes.transport import FakeTransport

__all__ = ["ConnectedClient", "pages_of"]

App = Callable[[Any, Any, Any], Awaitable[None]]


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("no page was to be asked for")


def pages_of(app: App = _nothing, ws: Any = None) -> OwnPages:
    """`app`: what serves them, an ASGI application. `ws`: the WebSocket protocol's class."""
    config = Config(
        app,
        http="httptools",
        ws=ws or "none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return OwnPages(config)


class ConnectedClient:
    """`transport`: the gateway's end of the connection."""

    def __init__(
        self,
        proxy: Proxy,
        pages: OwnPages | None = None,
        *,
        tls: bool = False,
        sock: Any = None,
        entrance: Entrance | None = None,
    ) -> None:
        """`entrance`: None is the gateway's own port."""
        self.proxy = proxy
        came_by = entrance or proxy.context.own_entrance
        self.connection = ClientConnection(proxy.context, pages or pages_of(), came_by)
        self.transport = FakeTransport(self.connection, tls=tls, sock=sock)
        self.connection.connection_made(self.transport)

    async def send(self, *pieces: bytes) -> bytes:
        """What the gateway has written then."""
        for piece in pieces:
            assert self.transport.reading, "a paused transport gives no bytes"
            self.connection.data_received(piece)
        await settled()
        return self.transport.take()

    async def answer(
        self, data: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: d\r\n\r\nok"
    ) -> bytes:
        """The upstream's connection made last answers; what the gateway has written to the client then."""
        self.proxy.loop.transports[-1].protocol.data_received(data)
        await settled()
        return self.transport.take()

    async def come_due(self) -> bytes:
        """The connection's deadline passes."""
        now = self.proxy.clock.now_s = self.connection.life.deadline_s
        self.connection.on_deadline(now)
        await settled()
        return self.transport.take()

    @property
    def left_s(self) -> float:
        """To the deadline."""
        return self.connection.life.deadline_s - self.proxy.clock.now_s

    @property
    def state(self) -> str:
        return self.connection.life.state.name
