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
    # all but two members are known beforehand: saves 1 µs of 3
    body = b"".join(
        (
            _PROBLEMS[refuse.reason],
            orjson.dumps(refuse.detail),
            b',"requestId":',
            orjson.dumps(request_id.decode("latin-1")),
            b"}",
        )
    )
    pieces = [
        _HEADS[refuse.reason],
        b"x-request-id: %b\r\ncontent-length: %d\r\n" % (request_id, len(body)),
        date_line,
        extra,
    ]
    if refuse.retry_after_s is not None:
        pieces.append(b"retry-after: %d\r\n" % refuse.retry_after_s)
    for name, value in refuse.headers:
        pieces.append(b"%b: %b\r\n" % (name, value))
    pieces.append(b"connection: close\r\n\r\n" if close else b"\r\n")
    if not head_only:
        pieces.append(body)
    return b"".join(pieces), 0 if head_only else len(body)


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
