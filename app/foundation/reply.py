"""A whole HTTP response as a value, and how it goes out through ASGI: for pages, probes, lists and problems."""

import json
from dataclasses import dataclass

from app.foundation.asgi import Send
from app.foundation.problem import PROBLEM_TYPE, problem_body

__all__ = ["NO_STORE", "Headers", "Reply", "json_reply", "problem", "reply", "send_reply"]

Headers = tuple[tuple[bytes, bytes], ...]

NO_STORE = (b"cache-control", b"no-store")
"""For what holds only now: without it a shared cache may keep a 404 or 405 (RFC 9111 §4.2.2)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers`: names in lower case, ready to be sent; `content-length` among them where there is a body."""

    status: int
    headers: Headers = ()
    body: bytes = b""


def reply(status: int, content_type: bytes, body: bytes, headers: Headers = ()) -> Reply:
    """With its type and length, and `no-store` unless `headers` say otherwise."""
    kept = () if any(name == b"cache-control" for name, _ in headers) else (NO_STORE,)
    fields = ((b"content-type", content_type), (b"content-length", b"%d" % len(body)), *kept, *headers)
    return Reply(status, fields, body)


def json_reply(status: int, content: object, headers: Headers = ()) -> Reply:
    """JSON in UTF-8."""
    return reply(status, b"application/json", json.dumps(content, ensure_ascii=False).encode(), headers)


def problem(status: int, detail: str, headers: Headers = (), title: str = "", **more: object) -> Reply:
    """A problem (RFC 9457); `more` are further members of its body."""
    return reply(status, PROBLEM_TYPE, problem_body(status, detail, title, **more), headers)


async def send_reply(send: Send, method: str, whole: Reply) -> None:
    """Sends `whole`; its head alone where `method` is HEAD."""
    await send({"type": "http.response.start", "status": whole.status, "headers": list(whole.headers)})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else whole.body})
