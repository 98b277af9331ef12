"""Why the gateway does not let a request through: each reason word with its status and title (contract: refusals)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = ["REASONS", "Reason", "Rejection", "ReplyPieces"]


class Reason(StrEnum):
    """One word for each way to reject: header, body, log, metric, trace and status all use it."""

    REQUEST_MALFORMED = "request_malformed"
    KEY_MISSING = "key_missing"
    KEY_UNKNOWN = "key_unknown"
    KEY_EXPIRED = "key_expired"
    NO_ROUTE = "no_route"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    BODY_TOO_LARGE = "body_too_large"
    URI_TOO_LONG = "uri_too_long"
    HEAD_TOO_LARGE = "head_too_large"
    EXPECTATION_FAILED = "expectation_failed"
    MISDIRECTED_REQUEST = "misdirected_request"
    VERSION_NOT_SUPPORTED = "version_not_supported"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    NO_BACKEND = "no_backend"
    UPSTREAM_CONNECT = "upstream_connect"
    UPSTREAM_RESET = "upstream_reset"
    UPSTREAM_PROTOCOL = "upstream_protocol"
    BREAKER_OPEN = "breaker_open"
    BREAKER_PROBING = "breaker_probing"
    OVERLOADED = "overloaded"
    LIMIT_STORE_DOWN = "limit_store_down"
    NO_ENDPOINTS = "no_endpoints"
    DRAINING = "draining"
    UPSTREAM_TIMEOUT = "upstream_timeout"


REASONS: Final[dict[Reason, tuple[int, str]]] = {
    Reason.REQUEST_MALFORMED: (400, "Malformed request"),
    Reason.KEY_MISSING: (401, "API key missing"),
    Reason.KEY_UNKNOWN: (401, "API key unknown"),
    Reason.KEY_EXPIRED: (401, "API key expired"),
    Reason.NO_ROUTE: (404, "No route"),
    Reason.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    Reason.REQUEST_TIMEOUT: (408, "Request timed out"),
    Reason.BODY_TOO_LARGE: (413, "Body too large"),
    Reason.URI_TOO_LONG: (414, "URI too long"),
    Reason.EXPECTATION_FAILED: (417, "Expectation failed"),
    Reason.MISDIRECTED_REQUEST: (421, "Misdirected request"),
    Reason.RATE_LIMITED: (429, "Rate limited"),
    Reason.HEAD_TOO_LARGE: (431, "Request head too large"),
    Reason.INTERNAL_ERROR: (500, "Internal error"),
    Reason.NO_BACKEND: (500, "No such backend"),
    Reason.UPSTREAM_CONNECT: (502, "Upstream not reachable"),
    Reason.UPSTREAM_RESET: (502, "Upstream closed the connection"),
    Reason.UPSTREAM_PROTOCOL: (502, "Upstream response malformed"),
    Reason.BREAKER_OPEN: (503, "Circuit breaker open"),
    Reason.BREAKER_PROBING: (503, "Circuit breaker probing"),
    Reason.OVERLOADED: (503, "Gateway overloaded"),
    Reason.LIMIT_STORE_DOWN: (503, "Rate limit store down"),
    Reason.NO_ENDPOINTS: (503, "No endpoints"),
    Reason.DRAINING: (503, "Gateway draining"),
    Reason.UPSTREAM_TIMEOUT: (504, "Upstream timed out"),
    Reason.VERSION_NOT_SUPPORTED: (505, "HTTP version not supported"),
}
"""Status and title of each reason word."""


class ReplyPieces:
    """What is known beforehand of a rejection's response: `lines` up to the request's id, `more` lines after it, and
    the `body` up to the id."""

    __slots__ = ("body", "lines", "more", "status")

    def __init__(self, status: int, lines: bytes, more: bytes, body: bytes) -> None:
        self.status = status
        self.lines = lines
        self.more = more
        self.body = body


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that is not let through: the only thing `dataplane/codec/local_reply.py` turns into bytes.

    `retry_after_s` is whole seconds, ≥ 1, or None for no `Retry-After`. `headers` are extra fields of
    the response, already encoded.
    """

    reason: Reason
    detail: str
    retry_after_s: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    pieces: ReplyPieces | None = field(default=None, init=False, compare=False, repr=False)
    """Kept for rejections that are given again and again."""
    grpc_lines: bytes = field(default=b"", init=False, compare=False, repr=False)
    """The same for a request of gRPC."""
