"""The admin API (FastAPI): shows breakers, routes and effective settings; overrides a breaker for a while."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import orjson
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import AfterValidator
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware

from app.admin.api_decision_models import DecisionOut, DecisionsOut
from app.admin.api_edit_models import EditsOut
from app.admin.api_models import (
    BreakerOut,
    BreakersOut,
    BreakerWithHistoryOut,
    ConfigOut,
    OverrideIn,
    ProblemOut,
    RoutesOut,
)
from app.admin.api_traffic_models import FoundProblemsOut, LimitsOut, ShadowsOut, UpstreamsOut
from app.admin.auth import GUESSES_PER_S, GuardedRoute
from app.admin.decision_views import MOST_DECISIONS, decision_shape, decisions_shape, reach, read_mark
from app.admin.json_views import breaker_shape, config_shape, edit_shape, transition_shape
from app.admin.probes import PROBE_PATHS, probe_reply
from app.admin.shape import Shape
from app.admin.traffic_views import (
    limits_shape,
    problems_found,
    routes_with_clients,
    shadow_results,
    upstreams_shape,
)
from app.admin.view import AdminView, RejectedClient
from app.breaker.view import BreakerView
from app.foundation.bearer import Guesses
from app.foundation.clock import now_s
from app.foundation.reply import Reply, problem, reply
from app.foundation.version import VERSION
from app.policy.model import OverrideState
from app.telemetry.decisions import Filter, Found

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["build_admin_app"]


def build_admin_app(view: AdminView, clock: Callable[[], float] = now_s) -> FastAPI:
    """The whole admin API over `view`. Importing and building it takes about 0.4 s: see `lazy_app.py`.

    `clock`: monotonic seconds.
    """
    api = AdminApi(
        title="Tidegate admin API",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        middleware=[Middleware(HeadAsGet)],
        exception_handlers={
            StarletteHTTPException: _rejected,
            RequestValidationError: _invalid,
            Exception: _broken,
        },
    )
    api.state.view, api.state.clock, api.state.guesses = view, clock, Guesses(GUESSES_PER_S)
    api.include_router(_probes)
    api.include_router(_reading)
    api.include_router(_changing)
    return api


class AdminApi(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """As the API responds: problems by their media type, and 400 where FastAPI would send 422."""
        described = super().openapi()
        for operation in (each for path in described["paths"].values() for each in path.values()):
            operation["responses"].pop("422", None)
            for status, response in operation["responses"].items():
                if status >= "400" and "application/json" in response["content"]:
                    response["content"]["application/problem+json"] = response["content"].pop(
                        "application/json"
                    )
        for name in ("HTTPValidationError", "ValidationError"):
            described["components"]["schemas"].pop(name, None)
        return described


class HeadAsGet:
    """Responds to HEAD as to GET without the body (RFC 9110 §9.3.2)."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: "Message") -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


def _view(request: Request) -> AdminView:
    view: AdminView = request.app.state.view
    return view


View = Annotated[AdminView, Depends(_view)]
_NOT_FOUND: dict[int | str, dict[str, object]] = {
    404: {"model": ProblemOut, "description": "no such breaker"}
}
_REJECTIONS: dict[int | str, dict[str, object]] = {
    400: {"model": ProblemOut, "description": "the body is not an override"},
    401: {"model": ProblemOut, "description": "the token is absent"},
    403: {"model": ProblemOut, "description": "the token is wrong, or none is configured"},
    429: {"model": ProblemOut, "description": "too many wrong tokens from this address within a second"},
    **_NOT_FOUND,
}

_NO_DECISION: dict[int | str, dict[str, object]] = {
    404: {
        "model": ProblemOut,
        "description": "no decision of that id is kept; `detail` says since when they are",
    }
}
_BAD_QUERY: dict[int | str, dict[str, object]] = {
    400: {"model": ProblemOut, "description": "`limit` is no number from 1 to 1,000, or `after` no mark"}
}

_probes = APIRouter(tags=["probes"])
_reading = APIRouter(prefix="/v1", tags=["state"])
_changing = APIRouter(
    prefix="/v1",
    tags=["changes"],
    route_class=GuardedRoute,
    dependencies=[Security(HTTPBearer(auto_error=False))],  # for OpenAPI; the guarded route decides
)


def _response(whole: Reply) -> Response:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in whole.headers}
    return Response(whole.body, whole.status, headers)


def _json(shape: Shape) -> Response:
    return _response(reply(200, b"application/json", orjson.dumps(shape)))


async def _plain(request: Request, view: View) -> Response:
    accept = ", ".join(request.headers.getlist("accept"))
    return _response(await probe_reply(view, request.url.path, "GET", accept))


for _path in sorted(PROBE_PATHS):
    _probes.add_api_route(_path, _plain, name=_path.removeprefix("/"), response_class=Response)


def _breaker(view: AdminView, name: str) -> BreakerView:
    breaker = view.breaker(name)
    if breaker is None:
        raise HTTPException(404, f"no breaker is named {name!r}; GET /v1/breakers lists them")
    return breaker


def _breaker_shape(view: AdminView, breaker: BreakerView) -> Shape:
    return breaker_shape(breaker, view.breaker_traffic(breaker.name))


@_reading.get("/breakers", responses={200: {"model": BreakersOut}})
async def list_breakers(view: View) -> Response:
    return _json({"breakers": [_breaker_shape(view, breaker) for breaker in view.breakers()]})


@_reading.get("/breakers/{name:path}", responses={200: {"model": BreakerWithHistoryOut}, **_NOT_FOUND})
async def show_breaker(view: View, name: str) -> Response:
    """Names of the cluster's breakers have slashes, so this path takes in what is no breaker's."""
    if not name:
        raise HTTPException(404)
    if name.endswith("/override") and view.breaker(name) is None:
        raise HTTPException(405, headers={"Allow": "PUT"})
    shape = _breaker_shape(view, _breaker(view, name))
    return _json({**shape, "transitions": [transition_shape(past) for past in view.transitions(name)]})


Clients: TypeAlias = Mapping[str, Sequence[RejectedClient]]


async def _rejected_clients(view: View) -> Clients:
    return view.rejected_clients()


async def _limited_clients(view: View) -> Clients:
    return view.limited_clients()


# Not `async`: the table never changes, and shaping 10,000 routes must not hold the loop up.
@_reading.get("/routes", responses={200: {"model": RoutesOut}})
def list_routes(view: View, clients: Annotated[Clients, Depends(_rejected_clients)]) -> Response:
    return _json(routes_with_clients(view.table(), clients))


@_reading.get("/config", responses={200: {"model": ConfigOut}})
def show_config(view: View) -> Response:
    return _json(config_shape(view.table(), view.identity, view.rejected(), view.workers(), view.listeners()))


@_reading.get("/config/history", responses={200: {"model": EditsOut}})
async def list_edits(view: View) -> Response:
    return _json({"edits": [edit_shape(edit) for edit in view.edits()]})


@_reading.get("/upstreams", responses={200: {"model": UpstreamsOut}})
async def list_upstreams(view: View) -> Response:
    return _json(upstreams_shape(view.upstreams()))


@_reading.get("/limits", responses={200: {"model": LimitsOut}})
def list_limits(view: View, clients: Annotated[Clients, Depends(_limited_clients)]) -> Response:
    return _json(limits_shape(view.table(), clients))


def _checked_mark(text: str) -> str:
    read_mark(text)
    return text


async def _wanted(
    reason: str = "", route: str = "", client: str = "", breaker: str = "", policy: str = ""
) -> Filter:
    return Filter(reason, route, client, breaker, policy)


async def _found(
    view: View,
    wanted: Annotated[Filter, Depends(_wanted)],
    after: Annotated[str, AfterValidator(_checked_mark)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_DECISIONS)] = 100,
) -> Found | None:
    ring, mark = view.decisions, read_mark(after) if after else None
    return ring.recent(wanted, limit, mark) if ring is not None else None


@_reading.get("/problems", responses={200: {"model": FoundProblemsOut}})
async def list_problems(view: View) -> Response:
    return _json(problems_found(view.problems()))


@_reading.get("/shadows", responses={200: {"model": ShadowsOut}})
async def list_shadows(view: View) -> Response:
    return _json(shadow_results(view.shadows()))


# Not `async`: what was found never changes, and shaping 1,000 decisions must not hold the loop up.
@_reading.get("/decisions", responses={200: {"model": DecisionsOut}, **_BAD_QUERY})
def list_decisions(found: Annotated[Found | None, Depends(_found)]) -> Response:
    return _json(decisions_shape(found))


@_reading.get("/decisions/{request_id}", responses={200: {"model": DecisionOut}, **_NO_DECISION})
async def show_decision(view: View, request_id: str) -> Response:
    ring = view.decisions
    decision = ring.find(request_id) if ring is not None else None
    if ring is None or decision is None:
        raise HTTPException(404, reach(ring, request_id))
    return _json(decision_shape(decision, limits_shared=ring.limits_shared))


@_changing.put(
    "/breakers/{name:path}/override",
    responses={200: {"model": BreakerOut}, **_REJECTIONS},
)
async def override_breaker(request: Request, view: View, name: str, command: OverrideIn) -> Response:
    _breaker(view, name)
    caller = request.client.host if request.client else "unknown"
    by = command.who or f"admin API from {caller}"
    view.override(name, OverrideState.named(command.state), command.for_s or 0.0, by, command.why or "")
    return _json(_breaker_shape(view, _breaker(view, name)))


async def _rejected(request: Request, rejection: Exception) -> Response:
    assert isinstance(rejection, StarletteHTTPException)  # noqa: S101 - registered for this type
    detail, headers = str(rejection.detail), dict(rejection.headers or {})
    if rejection.status_code == 405:
        allowed = headers["Allow"].replace("GET", "GET, HEAD")
        return _response(
            problem(
                405, f"{request.method} is not served here; use {allowed}", ((b"allow", allowed.encode()),)
            )
        )
    if rejection.status_code == 404 and detail == "Not Found":
        detail = "nothing is served under this path; GET /openapi.json lists what is"
    fields = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    return _response(problem(rejection.status_code, detail, fields))


_WHAT = {
    "missing": "is missing",
    "json_invalid": "is not JSON",
    "extra_forbidden": "is not a field of this call",
    "model_attributes_type": "must be a JSON object",
}


async def _invalid(_: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)  # noqa: S101 - registered for this type
    errors = []
    for error in invalid.errors():
        names = [part for part in error["loc"][1:] if isinstance(part, str)]
        own = error.get("ctx", {}).get("error")  # what our validators raised
        what = _WHAT.get(error["type"]) or (str(own) if own else error["msg"].lower())
        errors.append({"field": ".".join(names) or "body", "what": what})
    detail = "; ".join(f"{error['field']}: {error['what']}" for error in errors)
    return _response(problem(400, detail, errors=errors))


async def _broken(_: Request, __: Exception) -> Response:
    # The server logs the exception with its trace; the caller learns no internals.
    return _response(problem(500, "a fault of the gateway; its log holds the trace"))
