"""Answers without a framework: a value, and how it goes out through ASGI."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from starlette.types import Send

__all__ = ["Answer", "problem", "send_answer"]


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


async def send_answer(send: "Send", method: str, answer: Answer) -> None:
    """Sends `answer` whole; its head alone where `method` is HEAD. `no-store` unless it says otherwise."""
    fields = [("content-type", answer.content_type), *answer.headers]
    if answer.status != 304:  # RFC 9110 §8.6: there it would be the length of another answer
        fields.append(("content-length", str(len(answer.body))))
    if not any(name == "cache-control" for name, _ in answer.headers):
        fields.append(("cache-control", "no-store"))
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
