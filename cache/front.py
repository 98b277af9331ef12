"""The layer in front of the routes: the bearer token, and the fast lane for single keys.

A FastAPI route costs more than a look-up in memory; reads and writes of one key are therefore answered
here, by the same functions that the routes call. Most of them do not even come here:
`wire` asks `Lane` while it parses the request. `python -m tests.bench.cache_load` prints what each saves.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hmac import compare_digest
from typing import Any

from cache.answers import Answer, problem, problem_of
from cache.calls import KEY_PATH, Calls, Fields, Receive, Scope
from cache.errors import Refused, StoreDown
from cache.tracing import Spans

__all__ = ["Bearer", "Front", "Lane", "Send", "send_answer"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES = ("/cache", "/cache:purge", "/stats")
OPEN_PATHS = ("/livez", "/readyz", "/metrics")  # probes and scrapers carry no token


class Bearer:
    """The service's token; None lets everybody in."""

    def __init__(self, token: str | None) -> None:
        self._bearer = None if token is None else b"bearer " + token.encode()

    def refusal(self, fields: Iterable[tuple[bytes, bytes]]) -> Answer | None:
        """The 401 for a call with these fields, None when it carries the token (RFC 6750 §3)."""
        if self._bearer is None:
            return None
        given = [value for name, value in fields if name == b"authorization"]
        if not given:
            return _refusal("the call carries no token; send Authorization: Bearer <CACHE_TOKEN>", b"Bearer")
        scheme, _, token = given[0].partition(b" ")
        right = len(given) == 1 and compare_digest(scheme.lower() + b" " + token.strip(), self._bearer)
        return None if right else _refusal("the token is not this service's", b'Bearer error="invalid_token"')


class Front:
    """ASGI middleware; `fast_lane` False leaves every call to the routes."""

    def __init__(
        self, app: App, calls: Calls, bearer: Bearer, fast_lane: bool, spans: Spans | None = None
    ) -> None:
        self._spans = spans
        self._app = app
        self._calls = calls
        self._bearer = bearer
        self._fast_lane = fast_lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._spans is None or scope["path"] in OPEN_PATHS:
            await self._answer(scope, receive, send)
        else:
            with self._spans.call(scope["method"], _route(scope["path"]), scope["headers"]) as span:

                async def tell(message: MutableMapping[str, Any]) -> None:
                    if message["type"] == "http.response.start":
                        span.answered(message["status"])
                    await send(message)

                await self._answer(scope, receive, tell)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (refusal := self._refusal(scope)) is not None:
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

    def _refusal(self, scope: Scope) -> Answer | None:
        return None if scope["path"] in OPEN_PATHS else self._bearer.refusal(scope["headers"])


class Lane:
    """The calls beneath the app: GETs that memory answers, and small PUTs. `fields` have lower-case names."""

    def __init__(self, calls: Calls, bearer: Bearer) -> None:
        self._calls = calls
        self._bearer = bearer

    def read(self, target: bytes, fields: Fields) -> Answer | None:
        """The answer to a GET under KEY_PATH, None when it has to go the usual way."""
        return None if self._bearer.refusal(fields) is not None else self._calls.read_now(target, fields)

    def takes_write(self, target: bytes, fields: Fields) -> bool:
        """Whether a PUT under KEY_PATH may be handed to `write`, once its body is there."""
        return self._calls.takes_write(fields) and b"#" not in target and self._bearer.refusal(fields) is None

    async def write(self, target: bytes, fields: Fields, value: bytes) -> Answer:
        """The answer to such a PUT; never raises but for a fault of ours."""
        try:
            return await self._calls.write_small(target, fields, value)
        except (Refused, StoreDown) as error:
            return problem_of(error)


def _route(path: str) -> str:
    """The path as the API writes it: a key in a span's name would make a new name of every key."""
    return "/cache/{key}" if path.startswith("/cache/") else path if path in ROUTES else "other"


def _refusal(detail: str, challenge: bytes) -> Answer:
    return problem(401, "Unauthorized", detail, ((b"www-authenticate", challenge),))


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    """Sends `answer`; without its body where the method was HEAD."""
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
