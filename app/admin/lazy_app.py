"""The admin port's application: serves probes, metrics and the monitor's page itself.

The API is built when the first call needs it.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.admin.pages import Page
from app.admin.probes import PROBE_PATHS, accept_of, page_reply, probe_reply
from app.foundation.reply import send_reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from app.admin.view import AdminView

__all__ = ["LazyApp"]


def _build(view: "AdminView") -> "ASGIApp":
    from app.admin.api import build_admin_app

    return build_admin_app(view)


class LazyApp:
    """Plain ASGI in front of the API, which is built once, in a worker thread, when first needed.

    A build that fails fails the call that waited for it; the next call tries again.
    """

    def __init__(
        self,
        view: "AdminView",
        build: "Callable[[AdminView], ASGIApp]" = _build,
        page: Page | None = None,
    ) -> None:
        """`page`: None for one of its own."""
        self._view = view
        self._page = page or Page()
        self._build = build
        self._building: asyncio.Future[ASGIApp] | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] == "http" and scope["path"] in PROBE_PATHS:
            reply = await probe_reply(self._view, scope["path"], scope["method"], accept_of(scope))
            await send_reply(send, scope["method"], reply)
            return
        if scope["type"] == "http" and self._page.serves(scope["path"]):
            await send_reply(send, scope["method"], page_reply(self._page, scope))
            return
        app = await self._built()
        await app(scope, receive, send)

    async def _built(self) -> "ASGIApp":
        if self._building is None:
            loop = asyncio.get_running_loop()
            self._building = loop.run_in_executor(None, self._build, self._view)
        building = self._building
        try:
            # A caller that hangs up must not end the build that others wait for.
            return await asyncio.shield(building)
        except Exception:
            if self._building is building:
                self._building = None
            raise


async def _live(receive: "Receive", send: "Send") -> None:
    """The lifespan protocol of ASGI, with nothing to start or stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
