"""Answers as values, and problem details (RFC 9457) for every fault."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from cache.errors import Rejected, StoreDown

__all__ = ["NO_STORE", "Reply", "Headers", "json_reply", "problem", "problem_of"]

Headers = tuple[tuple[bytes, bytes], ...]

NO_STORE = (b"cache-control", b"no-store")
"""For what holds only now: without it a shared cache may keep a 404 or 405 (RFC 9111 §4.2.2)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: lower-case field names, and `content-length` among the fields when there is a body."""

    status: int
    headers: Headers
    body: bytes = b""


def json_reply(
    status: int, content: object, headers: Headers = (), media_type: bytes = b"application/json"
) -> Reply:
    """JSON in UTF-8 that no cache may store."""
    body = json.dumps(content, ensure_ascii=False).encode()
    fields = ((b"content-type", media_type), (b"content-length", b"%d" % len(body)), NO_STORE, *headers)
    return Reply(status, fields, body)


def problem(status: int, title: str, detail: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """`application/problem+json`; the type is `about:blank`, which RFC 9457 §4.2.1 lets us leave out."""
    content = {"title": title, "status": status, "detail": detail}
    return json_reply(status, content, tuple(headers), b"application/problem+json")


def problem_of(error: Rejected | StoreDown) -> Reply:
    """The answer to a call that failed with one of our errors."""
    if isinstance(error, Rejected):
        return problem(error.status, error.title, error.detail, error.headers)
    detail = f"Redis is unavailable ({error.cause}), and this service keeps no write that Redis does not have"
    return problem(503, "Service Unavailable", detail, ((b"retry-after", b"1"),))
