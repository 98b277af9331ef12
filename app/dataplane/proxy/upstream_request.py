"""The head of the request for the upstream, made anew from what was understood of the client's."""

from typing import TYPE_CHECKING

from app.dataplane.codec.fields import Credential, edit_fields, put_credential, request_fields
from app.dataplane.proxy.client_response import rewritten_target
from app.dataplane.proxy.routes import RoutePlan

if TYPE_CHECKING:
    from app.dataplane.proxy.exchange import Exchange

__all__ = ["request_head"]

_ID_PLACE = b"\0"  # stands for the request's id in kept lines: no field can hold it
_USUALLY_WITH_BODY = frozenset({b"POST", b"PUT", b"PATCH"})


def request_head(exchange: "Exchange") -> bytes:
    """The head for the upstream, made anew (RFC 9112 §3, RFC 9110 §7.6)."""
    request, admission = exchange.request, exchange.admission
    assert admission is not None  # noqa: S101 — only an admitted request is sent
    assert admission.plan is not None and exchange.trial is not None  # noqa: S101, PT018
    plan, credential = admission.plan, exchange.trial.upstream.credential
    kept = request.sent_lines
    if kept is not None and kept[0] is plan and kept[1] is credential and exchange.trace is None:
        return b"%b%b%b" % (kept[2], exchange.request_id, kept[3])
    host = plan.host or request.host or _endpoint_host(exchange)
    before, named, after = _header_lines(exchange, plan, credential, admission.key)
    target = rewritten_target(plan, request)
    start = b"%b %b HTTP/1.1\r\nhost: %b\r\n%b" % (request.method, target, host, before)
    end = after + _framing_lines(exchange)
    if exchange.trace is not None:
        end = b"%btraceparent: %b\r\n%b" % (after, exchange.trace.traceparent, _framing_lines(exchange))
    elif named and request.host:
        request.sent_lines = (plan, credential, start, end)
    return b"%b%b%b" % (start, exchange.request_id if named else b"", end)


def _framing_lines(exchange: "Exchange") -> bytes:
    length = exchange.body.length_bytes
    if exchange.wants_upgrade:
        return b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    if length > 0 or (length == 0 and exchange.request.method in _USUALLY_WITH_BODY):
        return b"content-length: %d\r\n\r\n" % length
    if length < 0:
        return b"transfer-encoding: chunked\r\n\r\n"
    return b"\r\n"


def _header_lines(
    exchange: "Exchange", plan: RoutePlan, credential: Credential | None, key: bytes | None
) -> tuple[bytes, bytes, bytes]:
    """The fields that go on, parted where the request's id goes; kept for requests with equal fields."""
    head, request = exchange.request.head, exchange.request
    kept = head.lines
    made_for = (plan.request_edits, credential, key, request.host)
    if kept is not None and kept[0] == made_for:
        return kept[1]
    fields = request.fields
    if exchange.trace is not None:
        fields = [field for field in fields if field[0] != b"traceparent"]
    lines: list[bytes] = []
    request_fields(fields, lines, request.hop, request.host, _ID_PLACE, key)
    if plan.request_edits is not None:
        edit_fields(lines, 0, plan.request_edits)
    if credential is not None:
        put_credential(lines, credential)
    parts = b"".join(lines).partition(_ID_PLACE)
    head.lines = (made_for, parts)
    return parts


def _endpoint_host(exchange: "Exchange") -> bytes:
    assert exchange.trial is not None  # noqa: S101
    address = exchange.trial.address
    return address.label.encode() if address is not None else b""
