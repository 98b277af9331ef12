"""The bytes of a reply that goes past the server's own response: one write, or head and body side by side."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol

from app.foundation.reply import Reply

__all__ = ["KEPT", "write_reply"]

JOIN_BYTES = 16 * 1024  # below it one write of both costs less than the copy
_STATUS_LINES = {int(status): f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}
KEPT = (b"connection", b"keep-alive")
"""An HTTP/1.0 client goes on only where it is told so."""


class Transport(Protocol):
    """What is needed of asyncio's."""

    def write(self, data: bytes) -> None: ...
    def writelines(self, list_of_data: Iterable[bytes]) -> None: ...


def write_reply(
    transport: Transport,
    reply: Reply,
    fields: Iterable[tuple[bytes, bytes]],
    keep_alive: bool,
    old: bool = False,
) -> None:
    """Writes it with `fields` in front of its own; `old`: the request was one of HTTP/1.0."""
    if old and keep_alive:
        fields = (*fields, KEPT)
    head, body = _head(reply, fields, keep_alive), reply.body
    if len(body) < JOIN_BYTES:
        transport.write(head + body)
    else:
        transport.writelines((head, body))


def _head(reply: Reply, fields: Iterable[tuple[bytes, bytes]], keep_alive: bool) -> bytes:
    lines = [_STATUS_LINES[reply.status]]
    for name, value in fields:
        lines += (name, b": ", value, b"\r\n")
    for name, value in reply.headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    return b"".join(lines)
