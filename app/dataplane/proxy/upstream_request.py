"""The head of the request for the upstream, made again from what was understood (RFC 9112 §3, RFC 9110 §7.6)."""

from typing import Final

from app.dataplane.codec.credential import Credential, put_credential
from app.dataplane.codec.field_edits import edited
from app.dataplane.codec.fields import named_by_connection
from app.dataplane.codec.forwarded import forwarding_lines
from app.dataplane.codec.grpc import timeout_value
from app.dataplane.codec.request import Request
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.proxy.forwarding import Forwarding
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.upstream.pool import ConnectionPool
from app.routing.target import join_target, rewrite_path

__all__ = ["prepare_call", "request_head"]

_TRACE: Final = b"traceparent: "


def request_head(
    state: ExchangeState,
    forwarding: Forwarding,
    credential: Credential | None,
    endpoint: ConnectionPool | None,
    length_bytes: int,
) -> RequestHead:
    """For an upstream with its `credential`, at `endpoint`, whose address a request without Host gets.

    `length_bytes`: of the body, −1 where it is not known.
    """
    request, trace = state.request, state.trace
    host = forwarding.host or request.host
    if not host and endpoint is not None:
        host = endpoint.label.encode()
    lines = request.lines.copy()
    if request.options is not None:
        named = named_by_connection(request.options)
        if named:
            lines = [line for line in lines if line.partition(b":")[0] not in named]
    if trace is not None:
        lines = [line for line in lines if not line.startswith(_TRACE)]
    if request.authorization is not None:
        lines.append(_authorization_line(request, state.key))
    lines.append(forwarding_lines(request.peer, request.host, request.brought))
    lines.append(b"x-request-id: %b\r\n" % state.request_id)
    if forwarding.request_edits is not None:
        lines = [edited(b"".join(lines), forwarding.request_edits)]
    if credential is not None:
        lines = [put_credential(b"".join(lines), credential)]
    if trace is not None:
        lines.append(b"traceparent: %b\r\n" % trace.traceparent)
    if request.websocket_key:
        lines.append(b"sec-websocket-key: %b\r\n" % request.websocket_key)
    target = _target(forwarding, request)
    return RequestHead(request.method, target, host, lines, length_bytes, request.websocket)


def prepare_call(head: RequestHead, state: ExchangeState, now: float) -> None:
    """A request of gRPC: `te: trailers` goes on, and of its timeout what is left at `now`.

    Lines that the route's `requestHeaders` made stay as they are.
    """
    request = state.request
    if request.te_trailers:
        head.lines.append(b"te: trailers\r\n")
        head.names_te = True
    if request.grpc_timeout is not None and request.grpc_timeout_s is not None:
        left = timeout_value(max(0.0, state.started_s + request.grpc_timeout_s - now))
        _replace_line(
            head.lines, b"grpc-timeout: %b\r\n" % request.grpc_timeout, b"grpc-timeout: %b\r\n" % left
        )


def _replace_line(lines: list[bytes], came: bytes, goes_on: bytes) -> None:
    """The first of the lines that is `came`, in whichever piece it is."""
    for at, piece in enumerate(lines):
        if came in piece:
            changed = (b"\r\n" + piece).replace(b"\r\n" + came, b"\r\n" + goes_on, 1)[2:]
            if changed != piece:
                lines[at] = changed
                return


def _target(forwarding: Forwarding, request: Request) -> bytes:
    """In origin-form, its bytes unchanged where no rewrite touches them."""
    if forwarding.path is not None:
        return join_target(forwarding.path, request.query)
    if forwarding.prefix is not None:
        return rewrite_path(request.path, request.query, forwarding.matched_prefix, forwarding.prefix)
    if request.target[:1] == b"/":
        return request.target
    return join_target(request.path, request.query)


def _authorization_line(request: Request, key: bytes | None) -> bytes:
    """The client's Authorization, unless the key is in it (several are joined by commas)."""
    value = request.authorization
    if value is None or (key is not None and key in value.replace(b",", b" ").split()):
        return b""
    if b"authorization" in named_by_connection(request.options):
        return b""
    return b"authorization: %b\r\n" % value
