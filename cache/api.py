"""The FastAPI app of the cache service: routes, probes, problem details for every fault (contract §9)."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Match

from app.foundation.asgi import Receive, Scope, Send
from app.foundation.errors import StoreDown
from app.foundation.reply import Reply, json_reply, problem, reply, send_reply
from cache import apidocs
from cache.body_budget import BodyBudget
from cache.drain import Drain
from cache.errors import Rejected
from cache.handlers import Handlers, request_of
from cache.metrics import Counts, Metrics
from cache.middleware import Bearer, CacheMiddleware, FastLane
from cache.replies import problem_of
from cache.settings import Settings
from cache.store import Clock, ServedStore, StoreState
from cache.tracing import Spans

__all__ = ["create_app"]

BODIES_SHARE = 16  # bodies on their way in get this part of CACHE_MAX_BYTES besides

log = logging.getLogger(__name__)


class _Sent(Response):
    """A `Reply` as FastAPI wants it."""

    def __init__(self, whole: Reply) -> None:
        super().__init__()
        self._reply = whole
        self.status_code = whole.status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_reply(send, scope["method"], self._reply)


def create_app(
    store: ServedStore,
    settings: Settings,
    clock: Clock,
    *,
    fast_lane: bool = True,
    spans: Spans | None = None,
    drain: Drain | None = None,
) -> FastAPI:
    """The app over `store`, which it starts and stops with itself; `state.lane` is for `http_protocol`.

    Calls on the fast lane have no spans, so with `spans` there is no fast lane.
    """
    counts = Counts()
    metrics = Metrics(counts, lambda: store.state(clock()))
    handlers = Handlers(
        store,
        counts,
        clock,
        BodyBudget(max(settings.max_bytes // BODIES_SHARE, settings.max_entry_bytes)),
        max_entry_bytes=settings.max_entry_bytes,
        default_ttl_s=settings.default_ttl_s,
    )
    bearer = Bearer(settings.token)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await store.start()
        try:
            yield
        finally:
            await store.stop()

    app = FastAPI(
        title="Tidegate cache service",
        description=apidocs.DESCRIPTION,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=life,
        redirect_slashes=False,  # `/cache/` is no other spelling of `/cache`
        redoc_url=None,
        middleware=[
            Middleware(CacheMiddleware, handlers=handlers, bearer=bearer, fast_lane=fast_lane, spans=spans)
        ],
    )
    _add_cache(app, handlers)
    _add_pages(app, store, counts, metrics, clock, drain or Drain())
    _add_faults(app)
    if settings.token is not None:
        described = app.openapi
        app.openapi = lambda: apidocs.with_bearer(described())  # type: ignore[method-assign]
    app.state.lane = FastLane(handlers, bearer) if spans is None else None
    return app


def _add_cache(app: FastAPI, handlers: Handlers) -> None:
    @app.get("/cache/{key:path}", openapi_extra=apidocs.GET, response_class=Response, summary="Read a value")
    async def read(request: Request) -> Response:
        return _Sent(await handlers.read(request.scope))

    @app.head(
        "/cache/{key:path}", openapi_extra=apidocs.HEAD, response_class=Response, summary="Look at an entry"
    )
    async def look(request: Request) -> Response:
        return _Sent(await handlers.read(request.scope))

    # the documented status is the first of several; what is sent is the reply's own
    @app.put(
        "/cache/{key:path}",
        status_code=201,
        openapi_extra=apidocs.PUT,
        response_class=Response,
        summary="Store a value",
    )
    async def write(request: Request) -> Response:
        return _Sent(await handlers.write(request.scope, request.receive))

    @app.delete(
        "/cache/{key:path}",
        status_code=204,
        openapi_extra=apidocs.DELETE,
        response_class=Response,
        summary="Remove an entry",
    )
    async def delete(request: Request) -> Response:
        return _Sent(await handlers.delete(request.scope))

    async def page(request: Request) -> Response:
        return _Sent(await handlers.page(request.scope))

    _add_page(app, "/cache", page, apidocs.LIST, "List keys")

    @app.post("/cache:purge", openapi_extra=apidocs.PURGE, response_class=Response, summary="Purge entries")
    async def purge(request: Request) -> Response:
        return _Sent(await handlers.purge(request.scope, request.receive))


def _add_pages(
    app: FastAPI, store: ServedStore, counts: Counts, metrics: Metrics, clock: Clock, drain: Drain
) -> None:
    async def livez() -> Response:
        return _Sent(json_reply(200, {"status": "ok"}))

    async def readyz() -> Response:
        state = store.state(clock())
        status = "draining" if drain.unready else "degraded" if state.degraded else "ok"
        return _Sent(json_reply(503 if drain.unready else 200, {"status": status, "redis": state.redis}))

    async def stats() -> Response:
        return _Sent(json_reply(200, _statistics(store.state(clock()), counts)))

    async def scrape(request: Request) -> Response:
        media_type, body = metrics.render(request.headers.get("accept", ""))
        return _Sent(reply(200, media_type.encode(), body))

    _add_page(app, "/livez", livez, apidocs.LIVEZ, "Alive")
    _add_page(app, "/readyz", readyz, apidocs.READYZ, "Ready; `degraded` while Redis is unavailable")
    _add_page(app, "/stats", stats, apidocs.STATS, "Sizes and counts")
    _add_page(app, "/metrics", scrape, apidocs.METRICS, "Metrics for Prometheus")


def _add_page(
    app: FastAPI, path: str, page: Callable[..., Awaitable[Response]], doc: apidocs.Doc, summary: str
) -> None:
    """Serves GET, and HEAD, whose response the server itself sends without its body (RFC 9110 §9.1)."""
    for method, extra in (("GET", doc), ("HEAD", apidocs.without_content(doc))):
        app.add_api_route(
            path,
            page,
            methods=[method],
            openapi_extra=extra,
            response_class=Response,
            summary=summary if method == "GET" else f"{summary}, without the body",
        )


def _statistics(state: StoreState, counts: Counts) -> dict[str, object]:
    return {
        "entries": state.entries,
        "bytes": state.used_bytes,
        "max_bytes": state.max_bytes,
        "hits": counts.total("get", "hit") + counts.total("get", "not_modified"),
        "misses": counts.total("get", "miss"),
        "evictions": state.evictions,
        "expirations": state.expirations,
        "redis": state.redis,
        "backlog_bytes": state.backlog_bytes,
        "backlog_drops": state.backlog_drops,
        "requests": {f"{op}.{result}": count for (op, result), count in counts.cells()},
    }


def _add_faults(app: FastAPI) -> None:
    @app.exception_handler(Rejected)
    @app.exception_handler(StoreDown)
    async def ours(_: Request, error: Rejected | StoreDown) -> Response:
        return _Sent(problem_of(error))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return _Sent(problem(404, "no such path; see /docs"))
        if error.status_code == 405:
            allowed = ", ".join(_methods(app, request))
            return _Sent(problem(405, f"this path takes {allowed}", ((b"allow", allowed.encode()),)))
        return _Sent(problem(error.status_code, str(error.detail)))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        what = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return _Sent(problem(400, what))

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        log.error("a fault of ours, %s", request_of(request.scope["headers"]), exc_info=error)
        return _Sent(problem(500, "a fault of this service; its log has the details"))


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Every method that the path takes; the router's own reply names only the first route's."""
    methods: set[str] = set()
    for route in app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods)
