"""Responses that the gateway makes itself: rejections as problems (RFC 9457) or as statuses of gRPC, and redirects."""

from typing import Final

import orjson

from app.dataplane.codec.field_lines import PASS, Field
from app.dataplane.codec.grpc import percent_encoded, rejection_status
from app.foundation.problem import PROBLEM_TYPE, problem_members
from app.foundation.reasons import REASONS, Reason, Rejection, ReplyPieces

__all__ = [
    "LocalReply",
    "grpc_rejection_reply",
    "grpc_rejection_trailers",
    "preflight_reply",
    "redirect_reply",
    "rejection_reply",
]

_TYPES: Final = {
    # The problem types that draft-ietf-httpapi-ratelimit-headers registers
    Reason.RATE_LIMITED: "https://iana.org/assignments/http-problem-types#quota-exceeded",
}
_CHALLENGE: Final = b'www-authenticate: Bearer realm="tidegate"\r\n'
_HEADS: Final[dict[Reason, bytes]] = {
    reason: b"content-type: %b\r\ncache-control: no-store\r\ntidegate-reason: %b\r\n%bx-request-id: "
    % (PROBLEM_TYPE, reason.encode(), _CHALLENGE if status == 401 else b"")
    for reason, (status, _) in REASONS.items()
}
_PROBLEMS: Final[dict[Reason, bytes]] = {
    reason: orjson.dumps(
        problem_members(status, title, type=_TYPES.get(reason, "about:blank"), reason=reason.value)
    )[:-1]
    + b',"detail":'
    for reason, (status, title) in REASONS.items()
}


_GRPC_HEADS: Final[dict[Reason, bytes]] = {
    reason: b"content-type: application/grpc\r\ngrpc-status: %d\r\ntidegate-reason: %b\r\ngrpc-message: %b: "
    % (rejection_status(status), reason.encode(), reason.encode())
    for reason, (status, _) in REASONS.items()
}


class LocalReply:
    """`lines`: header lines, each ended by CRLF, without framing. `counted_status`: as it is counted and logged, which
    is not `status` for gRPC, whose responses all have 200.
    """

    __slots__ = ("body", "counted_status", "lines", "status")

    def __init__(self, status: int, lines: bytes, body: bytes, counted_status: int = 0) -> None:
        self.status = status
        self.lines = lines
        self.body = body
        self.counted_status = counted_status or status


def rejection_reply(
    rejection: Rejection, request_id: bytes, id_in_json: bytes, date_line: bytes, extra: bytes
) -> LocalReply:
    """`id_in_json`: as it stands in a JSON string. `extra`: header lines that the route adds. Not to be stored: it is
    this request's only (RFC 9111 §5.2.2.5)."""
    known = rejection.pieces or _pieces(rejection)
    return LocalReply(
        known.status,
        b"%b%b\r\n%b%b%b" % (known.lines, request_id, date_line, extra, known.more),
        b'%b%b"}' % (known.body, id_in_json),
    )


def _pieces(rejection: Rejection) -> ReplyPieces:
    reason = rejection.reason
    body = _PROBLEMS[reason] + orjson.dumps(rejection.detail) + b',"requestId":"'
    pieces = ReplyPieces(REASONS[reason][0], _HEADS[reason], _more_lines(rejection), body)
    object.__setattr__(rejection, "pieces", pieces)
    return pieces


def _more_lines(rejection: Rejection) -> bytes:
    more = b"retry-after: %d\r\n" % rejection.retry_after_s if rejection.retry_after_s is not None else b""
    return more + b"".join([b"%b: %b\r\n" % field for field in rejection.headers])


def grpc_rejection_reply(
    rejection: Rejection, request_id: bytes, date_line: bytes, extra: bytes
) -> LocalReply:
    """A head that is the whole response ("Trailers-Only" of gRPC). `extra`: as in `rejection_reply`."""
    lines = rejection.grpc_lines or _grpc_lines(rejection)
    return LocalReply(
        200,
        b"%bx-request-id: %b\r\n%b%b" % (lines, request_id, date_line, extra),
        b"",
        REASONS[rejection.reason][0],
    )


def grpc_rejection_trailers(rejection: Rejection) -> list[Field]:
    """What ends a response of gRPC that had begun."""
    status = b"%d" % rejection_status(REASONS[rejection.reason][0])
    message = b"%b: %b" % (rejection.reason.encode(), percent_encoded(rejection.detail))
    pairs = ((b"grpc-status", status), (b"grpc-message", message))
    return [Field(name, value, PASS, b"%b: %b\r\n" % (name, value)) for name, value in pairs]


def _grpc_lines(rejection: Rejection) -> bytes:
    message = percent_encoded(rejection.detail)
    lines = b"%b%b\r\n%b" % (_GRPC_HEADS[rejection.reason], message, _more_lines(rejection))
    object.__setattr__(rejection, "grpc_lines", lines)
    return lines


def preflight_reply(grants: bytes, request_id: bytes, date_line: bytes) -> LocalReply:
    """To a preflight request (Fetch §3.3): its header lines are all there is to it."""
    return LocalReply(200, b"x-request-id: %b\r\n%b%b" % (request_id, date_line, grants), b"")


def redirect_reply(
    status: int, location: bytes, request_id: bytes, date_line: bytes, extra: bytes
) -> LocalReply:
    """A redirect without a body (RFC 9110 §15.4)."""
    lines = b"location: %b\r\nx-request-id: %b\r\n%b%b" % (location, request_id, date_line, extra)
    return LocalReply(status, lines, b"")
