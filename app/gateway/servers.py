"""uvicorn's servers: one for the public port, whose requests the data path takes, one for the admin port."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from app.admin.pages import Page
from app.dataplane.downstream.own_pages import OwnPages
from app.dataplane.proxy.context import ProxyContext
from app.foundation.serving.bounded_port import bounded_protocol
from app.foundation.serving.bounds import Bounds
from app.foundation.serving.listener import BACKLOG
from app.foundation.serving.server import Config, OpenServer, open_server, server_config
from app.gateway.sharing.settled_app import settled
from app.gateway.tasks import Tasks
from app.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from app.admin.view import AdminView

__all__ = ["Pages", "Servers", "serve_locally"]

SERVERS_END_S = 3.0


class Pages:
    """What both ports serve themselves. `socket` makes a viewer's connection, as uvicorn's `ws` does.

    It is called with `is_admin`: by which port the viewer came.
    """

    def __init__(
        self,
        view: "AdminView",
        page: Page,
        socket: Callable[..., asyncio.Protocol],
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`settle`: for `settled_app`, where there are workers; None where there are none."""
        self.view = view
        self.page = page
        self.socket = socket
        self.settle = settle


class Servers:
    """Both servers. Each begins on a socket that is listening already."""

    def __init__(self, settings: Settings, pages: Pages, tasks: Tasks) -> None:
        self._settings = settings
        self._pages = pages
        self._tasks = tasks
        self._open: list[OpenServer] = []
        self._public: OpenServer | None = None

    async def serve_public(self, sock: socket.socket, client: Callable[[], asyncio.BaseProtocol]) -> None:
        """Serve traffic. `client` makes the protocol of each connection."""
        self._public = await self._serve(sock, self._public_config(client))

    async def serve_admin(self, sock: socket.socket) -> None:
        """Serve the admin API, within bounds of its own."""
        await self._serve(sock, self._admin_config())

    @property
    def public_listeners(self) -> list[asyncio.Server]:
        """To be closed when the drain begins."""
        return self._public.listeners if self._public is not None else []

    async def stop(self) -> None:
        """End both; connections that are still open are closed."""
        for server in self._open:
            server.end()
        if self._open:
            await asyncio.wait([server.task for server in self._open], timeout=SERVERS_END_S)

    def own_pages(self) -> OwnPages:
        """What the public port serves itself."""
        app = settled(_PublicApp(self._pages, self._settings.expose), self._pages.settle)
        config = self._config(app, is_admin=False)
        config.load()
        return OwnPages(config)

    def _public_config(self, client: Callable[[], asyncio.BaseProtocol]) -> Config:
        app = settled(_PublicApp(self._pages, self._settings.expose), self._pages.settle)
        config = self._config(app, is_admin=False)
        config.http = lambda **_: client()  # type: ignore[assignment]
        config.load()
        return config

    def _admin_config(self) -> Config:
        from app.admin.lazy_app import LazyApp

        settings = self._settings
        bounds = Bounds(
            settings.max_head_bytes,
            settings.header_timeout_s,
            settings.keep_alive_timeout_s,
            settings.max_connections,
        )
        app = settled(LazyApp(self._pages.view, page=self._pages.page), self._pages.settle)
        config = self._config(app, is_admin=True)
        config.http = bounded_protocol(bounds)  # type: ignore[assignment]
        config.load()
        return config

    def _config(self, app: "ASGIApp", *, is_admin: bool) -> Config:
        return server_config(
            app,
            keep_alive_s=int(self._settings.keep_alive_timeout_s) or 1,
            grace_s=1,
            ws=partial(self._pages.socket, is_admin=is_admin),  # called as a class, imports it then
            backlog=BACKLOG,
        )

    async def _serve(self, sock: socket.socket, config: Config) -> OpenServer:
        server = await open_server(sock, config)
        self._tasks.watch(server.task)
        self._open.append(server)
        return server


def serve_locally(
    context: ProxyContext, spread: Callable[[frozenset[bytes]], None] | None
) -> Callable[[frozenset[str]], None]:
    """Keep what the public port serves itself: the page's paths as they are now, and metrics.

    `spread`: lets workers keep the same; None: there are none.
    """
    expose = context.settings.expose

    def on_look(paths: frozenset[str]) -> None:
        pages = {path.encode() for path in paths} if "monitor" in expose else set()
        context.local_paths = frozenset(pages | ({b"/metrics"} if "metrics" in expose else set()))
        if spread is not None:
            spread(context.local_paths)

    return on_look


class _PublicApp:
    """The public port's own pages, built with their first request."""

    def __init__(self, pages: Pages, expose: frozenset[str]) -> None:
        self._pages = pages
        self._expose = expose
        self._app: ASGIApp | None = None

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        if self._app is None:
            from app.admin.probes import build_public_app

            self._app = build_public_app(self._pages.view, self._expose, self._pages.page)
        await self._app(scope, receive, send)  # type: ignore[arg-type]
