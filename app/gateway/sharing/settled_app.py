"""An application whose pages show what workers counted up to the call, and whose commands are known to all workers."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["settled"]

_OF_THE_PARENT: Final = frozenset({"/livez", "/readyz"})
"""What shows nothing of workers' traffic, and must not wait for one that stands still."""
_LOOKS: Final = frozenset({"GET", "HEAD"})


def settled(app: "ASGIApp", settle: Callable[[], Awaitable[None]] | None) -> "ASGIApp":
    """`app`; `settle` is awaited before each call, and before the response to one that may change something.

    None: `app` itself.
    """
    if settle is None:
        return app

    async def settled_app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def send_when_known(message: "Message") -> None:
            if message["type"] == "http.response.start":
                await settle()
            await send(message)

        if scope["type"] != "http" or scope["path"] in _OF_THE_PARENT:
            await app(scope, receive, send)
            return
        await settle()
        await app(scope, receive, send if scope["method"] in _LOOKS else send_when_known)

    return settled_app
