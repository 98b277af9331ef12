"""The pages that need no framework, as plain ASGI: probes, metrics, rejections (RFC 9457).

The framework costs 0.4 s and 33 MiB to import, which a gateway that is only probed and scraped never pays.
"""

import asyncio
import re
from secrets import token_hex
from typing import TYPE_CHECKING

import orjson

from app.admin.pages import Page
from app.foundation.reasons import REASONS, Reason
from app.foundation.reply import Headers, Reply, problem, reply, send_reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from app.admin.view import AdminView

__all__ = ["PROBE_PATHS", "accept_of", "page_reply", "probe_reply", "build_public_app"]

PROBE_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
_READING = frozenset({"GET", "HEAD"})
_SANE_ID = re.compile(rb"[\x21-\x7e]{1,128}")


async def probe_reply(view: "AdminView", path: str, method: str, accept: str) -> Reply:
    """The reply to one of `PROBE_PATHS`."""
    if method not in _READING:
        return problem(405, f"{path} is read with GET", ((b"allow", b"GET, HEAD"),))
    if path == "/livez":
        return reply(200, b"application/json", b'{"status":"alive"}')
    if path == "/readyz":
        ready, checks = view.ready()
        body = {
            "status": "ready" if ready else "not_ready",
            "checks": dict(checks),
            "rejected": _rejected(view),
        }
        return reply(200 if ready else 503, b"application/json", orjson.dumps(body))
    # Many series take tens of milliseconds to write down: not on the loop that carries traffic.
    content_type, text = await asyncio.to_thread(view.metrics(accept))
    return reply(200, content_type.encode(), text)


def accept_of(scope: "Scope") -> str:
    """The request's `Accept` fields, joined as one (RFC 9110 §5.3)."""
    return ", ".join(_values(scope, b"accept"))


def _values(scope: "Scope", field: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == field]


def page_reply(page: Page, scope: "Scope") -> Reply:
    """The reply to a request for the monitor's page or one of its files."""
    accept = ", ".join(_values(scope, b"accept-encoding"))
    return page.reply(scope["path"], scope["method"], accept, ", ".join(_values(scope, b"if-none-match")))


def _rejected(view: "AdminView") -> object:
    rejected = view.rejected()
    if rejected is None:
        return None
    from app.admin.json_views import rejection_shape  # loads how a whole configuration is shown

    return rejection_shape(rejected)


def build_public_app(view: "AdminView", expose: frozenset[str], page: Page) -> "ASGIApp":
    """What the public port serves besides traffic: `/metrics` and `/monitor` where `expose` names them.

    Its rejections carry the reason word and the request's id, as every rejection on that port does.
    """

    async def public_app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        path, method = scope["path"], scope["method"]
        if page.serves(path) and "monitor" in expose:
            whole = page_reply(page, scope)
        elif path != "/metrics" or "metrics" not in expose:
            whole = _rejection(scope, Reason.NO_ROUTE, "this port serves nothing under that path")
        elif method not in _READING:
            whole = _rejection(
                scope, Reason.METHOD_NOT_ALLOWED, "it is read with GET", ((b"allow", b"GET, HEAD"),)
            )
        else:
            whole = await probe_reply(view, path, method, accept_of(scope))
        await send_reply(send, method, whole)

    return public_app


def _rejection(scope: "Scope", reason: Reason, detail: str, headers: Headers = ()) -> Reply:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    sane = len(given) == 1 and _SANE_ID.fullmatch(given[0])
    request_id = given[0].decode("ascii") if sane else token_hex(16)
    status, title = REASONS[reason]
    fields = (
        (b"tidegate-reason", reason.encode()),
        (b"x-request-id", request_id.encode("ascii")),
        *headers,
    )
    return problem(status, detail, fields, title, reason=reason.value, requestId=request_id)
