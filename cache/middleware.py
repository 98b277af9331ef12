"""The layer in front of the routes: the bearer token, and the fast lane for single keys.

A FastAPI route costs more than a look-up in memory; reads and writes of one key are therefore served
here, by the same functions that the routes call. Most of them do not even come here:
`http_protocol` asks `FastLane` while it parses the request. `python -m tests.bench.cache_load` prints what each saves.
"""

from collections.abc import Iterable

from app.foundation.asgi import App, Message, Receive, Scope, Send
from app.foundation.bearer import bearer_token, same_token
from app.foundation.errors import StoreDown
from app.foundation.reply import Reply, problem, send_reply
from cache.errors import Rejected
from cache.handlers import KEY_PATH, Fields, Handlers
from cache.replies import problem_of
from cache.tracing import Spans

__all__ = ["Bearer", "CacheMiddleware", "FastLane"]


ROUTES = ("/cache", "/cache:purge", "/stats")
OPEN_PATHS = ("/livez", "/readyz", "/metrics")  # probes and scrapers carry no token


class Bearer:
    """The service's token; None lets everybody in."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def rejection(self, fields: Iterable[tuple[bytes, bytes]]) -> Reply | None:
        """The 401 for a call with these fields, None when it carries the token (RFC 6750 §3)."""
        if self._token is None:
            return None
        given = [value.decode("latin-1") for name, value in fields if name == b"authorization"]
        if not given:
            return _unauthorized(
                "the call carries no token; send Authorization: Bearer <CACHE_TOKEN>", b"Bearer"
            )
        if same_token(bearer_token(given) or "", self._token):
            return None
        return _unauthorized("the token is not this service's", b'Bearer error="invalid_token"')


class CacheMiddleware:
    """ASGI middleware; `fast_lane` False leaves every call to the routes."""

    def __init__(
        self, app: App, handlers: Handlers, bearer: Bearer, fast_lane: bool, spans: Spans | None = None
    ) -> None:
        self._spans = spans
        self._app = app
        self._handlers = handlers
        self._bearer = bearer
        self._fast_lane = fast_lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._spans is None or scope["path"] in OPEN_PATHS:
            await self._respond(scope, receive, send)
        else:
            with self._spans.call(scope["method"], _route(scope["path"]), scope["headers"]) as span:

                async def send_and_record(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        span.replied(message["status"])
                    await send(message)

                await self._respond(scope, receive, send_and_record)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (rejection := self._rejection(scope)) is not None:
            await send_reply(send, scope["method"], rejection)  # before the body is looked at
        elif self._fast_lane and scope["method"] in ("GET", "PUT") and scope["raw_path"].startswith(KEY_PATH):
            try:
                if scope["method"] == "GET":
                    reply = await self._handlers.read(scope)
                else:
                    reply = await self._handlers.write(scope, receive)
            except (Rejected, StoreDown) as error:
                reply = problem_of(error)
            await send_reply(send, scope["method"], reply)
        else:
            await self._app(scope, receive, send)

    def _rejection(self, scope: Scope) -> Reply | None:
        return None if scope["path"] in OPEN_PATHS else self._bearer.rejection(scope["headers"])


class FastLane:
    """The calls beneath the app: GETs that memory can serve, and small PUTs. `fields` have lower-case names."""

    def __init__(self, handlers: Handlers, bearer: Bearer) -> None:
        self._handlers = handlers
        self._bearer = bearer

    def read(self, target: bytes, fields: Fields) -> Reply | None:
        """The reply to a GET under KEY_PATH, None when it has to go the usual way."""
        return None if self._bearer.rejection(fields) is not None else self._handlers.read_now(target, fields)

    def takes_write(self, target: bytes, fields: Fields) -> bool:
        """Whether a PUT under KEY_PATH may be handed to `write`, once its body is there."""
        return (
            self._handlers.takes_write(fields)
            and b"#" not in target
            and self._bearer.rejection(fields) is None
        )

    async def write(self, target: bytes, fields: Fields, value: bytes) -> Reply:
        """The reply to such a PUT; raises only for a fault of ours."""
        try:
            return await self._handlers.write_small(target, fields, value)
        except (Rejected, StoreDown) as error:
            return problem_of(error)


def _route(path: str) -> str:
    """The path as the API writes it: a key in a span's name would make a new name of every key."""
    return "/cache/{key}" if path.startswith("/cache/") else path if path in ROUTES else "other"


def _unauthorized(detail: str, challenge: bytes) -> Reply:
    return problem(401, detail, ((b"www-authenticate", challenge),))
