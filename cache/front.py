"""The layer in front of the routes: the bearer token, and the fast lane for single keys.

A FastAPI route costs more than a look-up in memory; reads and writes of one key are therefore answered
here, by the same functions that the routes call. `python -m pytest -m bench tests/cache` prints the gain.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from typing import Any

from cache.answers import Answer, problem, problem_of
from cache.calls import KEY_PATH, Calls, Receive, Scope
from cache.errors import Refused, StoreDown

__all__ = ["Front", "Send", "send_answer"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = ("/livez", "/readyz", "/metrics")  # probes and scrapers carry no token


class Front:
    """ASGI middleware; `fast_lane` False leaves every call to the routes."""

    def __init__(self, app: App, calls: Calls, token: str | None, fast_lane: bool) -> None:
        self._app = app
        self._calls = calls
        self._bearer = None if token is None else b"bearer " + token.encode()
        self._fast_lane = fast_lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._bearer is not None and (refusal := self._unauthorized(scope)) is not None:
            await send_answer(refusal, scope, send)  # before the body is looked at
        elif self._fast_lane and scope["method"] in ("GET", "PUT") and scope["raw_path"].startswith(KEY_PATH):
            try:
                if scope["method"] == "GET":
                    answer = await self._calls.read(scope)
                else:
                    answer = await self._calls.write(scope, receive)
            except (Refused, StoreDown) as error:
                answer = problem_of(error)
            await send_answer(answer, scope, send)
        else:
            await self._app(scope, receive, send)

    def _unauthorized(self, scope: Scope) -> Answer | None:
        if scope["path"] in OPEN_PATHS:
            return None
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            return _refusal("the call carries no token; send Authorization: Bearer <CACHE_TOKEN>", b"Bearer")
        scheme, _, token = given[0].partition(b" ")
        right = len(given) == 1 and compare_digest(scheme.lower() + b" " + token.strip(), self._bearer or b"")
        return None if right else _refusal("the token is not this service's", b'Bearer error="invalid_token"')


def _refusal(detail: str, challenge: bytes) -> Answer:
    return problem(401, "Unauthorized", detail, ((b"www-authenticate", challenge),))


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    """Sends `answer`; without its body where the method was HEAD."""
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
