"""An application whose pages show what workers counted up to the call, not up to their last report."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["settled"]

_OF_THE_PARENT: Final = frozenset({"/livez", "/readyz"})
"""What shows nothing of workers' traffic, and must not wait for one that stands still."""


def settled(app: "ASGIApp", settle: Callable[[], Awaitable[None]] | None) -> "ASGIApp":
    """`app`, before each of whose calls `settle` is awaited; None: `app` itself."""
    if settle is None:
        return app

    async def settled_app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http" and scope["path"] not in _OF_THE_PARENT:
            await settle()
        await app(scope, receive, send)

    return settled_app
