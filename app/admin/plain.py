"""The pages that need no framework, as plain ASGI: probes, metrics, refusals (RFC 9457).

The framework costs 0.4 s and 33 MiB to import, which a gateway that is only probed and scraped never pays.
"""

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING

import orjson

from app.admin.view import AdminView
from app.errors import REASONS, Reason

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["PLAIN_PATHS", "Answer", "accept_of", "answer_plain", "build_public_app", "problem", "send_answer"]

PLAIN_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
_READING = frozenset({"GET", "HEAD"})
_SANE_ID = re.compile(rb"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def problem(status: int, detail: str, headers: tuple[tuple[str, str], ...] = (), **more: object) -> Answer:
    """An `application/problem+json` answer (RFC 9457); `more` are further members of its body."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Answer(status, "application/problem+json", orjson.dumps(body), headers)


async def answer_plain(view: AdminView, path: str, method: str, accept: str) -> Answer:
    """The answer to one of `PLAIN_PATHS`."""
    if method not in _READING:
        return problem(405, f"{path} is read with GET", (("allow", "GET, HEAD"),))
    if path == "/livez":
        return Answer(200, "application/json", b'{"status":"alive"}')
    if path == "/readyz":
        ready, checks = view.ready()
        body = {"status": "ready" if ready else "not_ready", "checks": dict(checks)}
        return Answer(200 if ready else 503, "application/json", orjson.dumps(body))
    # Many series take tens of milliseconds to write down: not on the loop that carries traffic.
    content_type, text = await asyncio.to_thread(view.metrics(accept))
    return Answer(200, content_type, text)


async def send_answer(send: "Send", method: str, answer: Answer) -> None:
    """Sends `answer` whole; its head alone where `method` is HEAD."""
    fields = (
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        ("cache-control", "no-store"),
        *answer.headers,
    )
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


def accept_of(scope: "Scope") -> str:
    """The request's `Accept` fields, joined as one (RFC 9110 §5.3)."""
    return ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")


def build_public_app(view: AdminView, expose: frozenset[str]) -> "ASGIApp":
    """What the public port serves besides traffic: `/metrics` where `expose` names it, and nothing else.

    Its refusals carry the reason word and the request's id, as every refusal on that port does.
    """

    async def public_app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await send(
                {"type": "websocket.close", "code": 1000}
            )  # before accepting, so the server answers 403
            return
        path, method = scope["path"], scope["method"]
        if path != "/metrics" or "metrics" not in expose:
            answer = _refusal(scope, Reason.NO_ROUTE, "this port serves nothing under that path")
        elif method not in _READING:
            answer = _refusal(
                scope, Reason.METHOD_NOT_ALLOWED, "it is read with GET", (("allow", "GET, HEAD"),)
            )
        else:
            answer = await answer_plain(view, path, method, accept_of(scope))
        await send_answer(send, method, answer)

    return public_app


def _refusal(
    scope: "Scope", reason: Reason, detail: str, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    sane = len(given) == 1 and _SANE_ID.fullmatch(given[0])
    request_id = given[0].decode("ascii") if sane else token_hex(16)
    status, title = REASONS[reason]
    body = {
        "title": title,
        "status": status,
        "detail": detail,
        "reason": reason.value,
        "requestId": request_id,
    }
    fields = (("tidegate-reason", reason.value), ("x-request-id", request_id), *headers)
    return Answer(status, "application/problem+json", orjson.dumps(body), fields)
