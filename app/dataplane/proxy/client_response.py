"""The head of the answer for the client, made anew from what the upstream's meant; and our own answers."""

from typing import TYPE_CHECKING

from app.dataplane.codec.fields import edit_fields, response_fields
from app.dataplane.codec.heads import AnswerHead
from app.dataplane.codec.local_reply import redirect_bytes, refusal_bytes, status_line
from app.dataplane.codec.request import Request
from app.dataplane.proxy.routes import RoutePlan
from app.errors import REASONS, Refuse
from app.routing.target import join_target, redirect_location, rewrite_path

if TYPE_CHECKING:
    from app.dataplane.proxy.admission import Admission
    from app.dataplane.proxy.exchange import Exchange

__all__ = [
    "answer_head",
    "interim_head",
    "is_event_stream",
    "own_answer",
    "own_lines",
    "rewritten_target",
    "upgrade_head",
]

_CLOSE = b"connection: close\r\n"
_END = b"\r\n"


def rewritten_target(plan: RoutePlan, request: Request) -> bytes:
    """The target in origin-form for the upstream, its bytes unchanged where no rewrite touches them."""
    if plan.path is not None:
        return join_target(plan.path, request.query)
    prefix = plan.rewrites.prefix
    if prefix is not None:
        return rewrite_path(request.path, request.query, plan.prefix, prefix.encode())
    return join_target(request.path, request.query)


def answer_head(
    exchange: "Exchange",
    status: int,
    phrase: bytes,
    fields: list[tuple[bytes, bytes]],
    head: AnswerHead,
    out: list[bytes],
) -> bool:
    """Append the head to `out`; True when the body must be chunked for this client (RFC 9112 §6)."""
    _fields(exchange, status, phrase, fields, head, out)
    chunked = False
    length = head.length_bytes
    if status == 204:
        pass  # RFC 9110 §8.6: no Content-Length
    elif length >= 0:
        out.append(b"content-length: %d\r\n" % length)
    elif exchange.head_only or status == 304:
        pass
    elif exchange.request.http10:
        exchange.close = True  # the connection's end is the body's
    else:
        chunked = True
        out.append(b"transfer-encoding: chunked\r\n")
    out.append(b"connection: close\r\n\r\n" if exchange.close else _END)
    return chunked


def _fields(
    exchange: "Exchange",
    status: int,
    phrase: bytes,
    fields: list[tuple[bytes, bytes]],
    head: AnswerHead,
    out: list[bytes],
) -> None:
    admission = exchange.admission
    out.append(status_line(status, phrase))
    if head.lines is None:
        lines: list[bytes] = []
        head.dated = response_fields(fields, lines, b"")
        head.lines = b"".join(lines[:-3])  # all but the last line, which is the request's own id
    out += (head.lines, b"x-request-id: ", exchange.request_id, b"\r\n")
    if admission is not None and admission.plan is not None:
        if admission.limit_lines:
            out.append(admission.limit_lines)
        if admission.plan.response_edits is not None:
            edit_fields(out, 1, admission.plan.response_edits)
    if not head.dated:
        out.append(exchange.runtime.date_line)


def interim_head(status: int, phrase: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """A 1xx answer passed on (RFC 9110 §15.2)."""
    out = [status_line(status, phrase)]
    for name, value in fields:
        if name not in (b"connection", b"transfer-encoding", b"content-length", b"upgrade", b"keep-alive"):
            out.append(b"%b: %b\r\n" % (name, value))
    out.append(_END)
    return b"".join(out)


def is_event_stream(fields: list[tuple[bytes, bytes]]) -> bool:
    """Whether the answer is one that goes on for as long as somebody listens (WHATWG HTML §9.2)."""
    return any(n == b"content-type" and v.lower().startswith(b"text/event-stream") for n, v in fields)


def upgrade_head(exchange: "Exchange", phrase: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """101 with the upstream's fields: the handshake is between the two ends (RFC 6455 §4.2.2)."""
    out: list[bytes] = []
    _fields(exchange, 101, phrase, fields, AnswerHead(), out)
    out.append(b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n")
    return b"".join(out)


def own_lines(admission: "Admission") -> bytes:
    """The header lines that limits and route add to an answer of the gateway's own."""
    plan = admission.plan
    if plan is None or plan.response_edits is None:
        return admission.limit_lines
    return admission.limit_lines + plan.response_edits.lines


def own_answer(exchange: "Exchange", refuse: Refuse | None) -> tuple[bytes, int, int]:
    """A refusal, or the route's redirect: bytes, status, length of the body."""
    admission = exchange.admission
    plan = admission.plan if admission is not None else None
    extra = own_lines(admission) if admission is not None else b""
    date_line, request = exchange.runtime.date_line, exchange.request
    if refuse is not None:
        data, length = refusal_bytes(
            refuse, exchange.request_id, date_line, extra, exchange.close, exchange.head_only
        )
        return data, REASONS[refuse.reason][0], length
    assert plan is not None and plan.redirect is not None  # noqa: S101, PT018
    location = redirect_location(
        plan.redirect, plan.prefix, request.hop.scheme, request.host, request.path, request.query
    )
    status = plan.redirect.status
    return redirect_bytes(status, location, exchange.request_id, date_line, extra, exchange.close), status, 0
