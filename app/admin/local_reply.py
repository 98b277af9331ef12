"""Local replies of the admin pages without a framework: a value, and how it goes out through ASGI."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from starlette.types import Send

__all__ = ["LocalReply", "problem", "send_reply"]


@dataclass(frozen=True, slots=True)
class LocalReply:
    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def problem(
    status: int, detail: str, headers: tuple[tuple[str, str], ...] = (), **more: object
) -> LocalReply:
    """An `application/problem+json` reply (RFC 9457); `more` are further members of its body."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return LocalReply(status, "application/problem+json", orjson.dumps(body), headers)


async def send_reply(send: "Send", method: str, reply: LocalReply) -> None:
    """Sends `reply` whole; its head alone where `method` is HEAD. `no-store` unless it says otherwise."""
    fields = [("content-type", reply.content_type), *reply.headers]
    if reply.status != 304:  # RFC 9110 §8.6: there it would be the length of another response
        fields.append(("content-length", str(len(reply.body))))
    if not any(name == "cache-control" for name, _ in reply.headers):
        fields.append(("cache-control", "no-store"))
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else reply.body})
