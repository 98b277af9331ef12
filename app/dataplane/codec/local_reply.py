"""The gateway's own answers as bytes: refusals (RFC 9457), redirects, interim answers, status lines."""

from http import HTTPStatus

import orjson

from app.errors import REASONS, Reason, Refuse

__all__ = ["CONTINUE", "redirect_bytes", "refusal_bytes", "status_line"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_TYPES = {
    # The problem types that draft-ietf-httpapi-ratelimit-headers registers
    Reason.RATE_LIMITED: "https://iana.org/assignments/http-problem-types#quota-exceeded",
}
_CLOSE_AND_END = b"connection: close\r\n\r\n"
_CHALLENGE = b'www-authenticate: Bearer realm="tidegate"\r\n'
_STATUS_LINES: dict[int, bytes] = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}
_HEADS: dict[Reason, bytes] = {
    reason: b"HTTP/1.1 %d %b\r\ncontent-type: application/problem+json\r\ntidegate-reason: %b\r\n%b"
    % (
        status,
        HTTPStatus(status).phrase.encode(),
        reason.encode(),
        _CHALLENGE if status == 401 else b"",
    )
    for reason, (status, _) in REASONS.items()
}
_PROBLEMS: dict[Reason, bytes] = {
    reason: orjson.dumps(
        {
            "type": _TYPES.get(reason, "about:blank"),
            "title": title,
            "status": status,
            "reason": reason.value,
        }
    )[:-1]
    + b',"detail":'
    for reason, (status, title) in REASONS.items()
}


def status_line(status: int, phrase: bytes) -> bytes:
    """`phrase`: the upstream's own reason phrase, passed on unchanged."""
    line = _STATUS_LINES.get(status)
    if line is not None and line[13:-2] == phrase:
        return line
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase)


def refusal_bytes(
    refuse: Refuse, request_id: bytes, date_line: bytes, extra: bytes, close: bool, head_only: bool
) -> tuple[bytes, int]:
    """The whole answer and the length of its body. `extra`: header lines that the route adds."""
    head, more, body, body_bytes = refuse.pieces or _pieces(refuse)
    if b'"' in request_id or b"\\" in request_id:
        quoted = orjson.dumps(request_id.decode("latin-1"))
    else:
        quoted = b'"%b"' % request_id
    body_bytes += len(quoted)
    data = b"%bx-request-id: %b\r\ncontent-length: %d\r\n%b%b%b%b%b%b}" % (
        head,
        request_id,
        body_bytes,
        date_line,
        extra,
        more,
        _CLOSE_AND_END if close else b"\r\n",
        body,
        quoted,
    )
    return (data[:-body_bytes], 0) if head_only else (data, body_bytes)


def _pieces(refuse: Refuse) -> tuple[bytes, bytes, bytes, int]:
    """What is known beforehand: head, later header lines, body up to the id, bytes without the id."""
    more = b"retry-after: %d\r\n" % refuse.retry_after_s if refuse.retry_after_s is not None else b""
    more += b"".join([b"%b: %b\r\n" % field for field in refuse.headers])
    body = _PROBLEMS[refuse.reason] + orjson.dumps(refuse.detail) + b',"requestId":'
    pieces = (_HEADS[refuse.reason], more, body, len(body) + 1)
    object.__setattr__(refuse, "pieces", pieces)
    return pieces


def redirect_bytes(
    status: int, location: bytes, request_id: bytes, date_line: bytes, extra: bytes, close: bool
) -> bytes:
    """A redirect without a body (RFC 9110 §15.4)."""
    return b"".join(
        (
            _STATUS_LINES[status],
            b"location: %b\r\nx-request-id: %b\r\ncontent-length: 0\r\n" % (location, request_id),
            date_line,
            extra,
            b"connection: close\r\n\r\n" if close else b"\r\n",
        )
    )
