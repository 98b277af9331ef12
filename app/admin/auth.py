"""Authorization of the calls that change something over the admin API, and the bound of their bodies.

FastAPI's own `max_body_size` replies before any check of ours and in plain text; here the token is checked first.
"""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from app.foundation.bearer import Guesses, bearer_token, same_token

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

__all__ = ["GUESSES_PER_S", "GuardedRoute"]

GUESSES_PER_S = 10  # of one address
_MAX_BODY_BYTES = 16_384  # an override has 40


class GuardedRoute(APIRoute):
    """A route whose caller must hold `ADMIN_TOKEN`: absent 401, wrong or none configured 403, too often 429.

    The application's state holds `view`, `guesses` and the `clock`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _require_token(request)
            return await handle(Request(_as_json(request.scope), _bounded(request.receive)))

        return guarded


def _as_json(scope: "Scope") -> "Scope":
    """The body is JSON whatever curl's `-d` calls it; the token stands in for a check of the media type."""
    others = [field for field in scope["headers"] if field[0] != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", b"application/json")]}


def _require_token(request: Request) -> None:
    given, token = request.headers.getlist("authorization"), request.app.state.view.admin_token
    if token is None:
        raise HTTPException(403, "calls that change something are rejected: ADMIN_TOKEN is not set")
    credentials = bearer_token(given[:1])
    if credentials is None:
        raise HTTPException(
            401,
            "send Authorization: Bearer <ADMIN_TOKEN>",
            headers={"WWW-Authenticate": 'Bearer realm="admin"'},
        )
    guesses: Guesses = request.app.state.guesses
    address, now = request.client.host if request.client else "", request.app.state.clock()
    if not guesses.may_try(address, now):
        detail = f"{GUESSES_PER_S} wrong tokens came from your address within a second; wait for one"
        raise HTTPException(429, detail, headers={"Retry-After": "1"})
    if not same_token(credentials, token) or len(given) > 1:  # two fields are never right
        guesses.was_wrong(address, now)
        raise HTTPException(403, "wrong admin token")


def _bounded(receive: "Receive") -> "Receive":
    """`receive` that raises a 413 as soon as more than the bound has come."""
    left_bytes = _MAX_BODY_BYTES

    async def receive_some() -> "Message":
        nonlocal left_bytes
        message = await receive()
        left_bytes -= len(message.get("body", b""))
        if left_bytes < 0:
            raise HTTPException(413, f"the body may have {_MAX_BODY_BYTES} bytes")
        return message

    return receive_some
