"""Every error and every refusal of the gateway, with its status and reason word (contract: refusals).

TidegateError                     never raised itself
├── ConfigFaults                  a tuple of ConfigFault: what is wrong, where, what would be right → exit 2
├── StoreDown                     Redis or the cache service does not answer
├── UpstreamFailure               connect | reset | protocol | timeout → the reason words below
├── ClusterError                  the Kubernetes API said no, or is away
├── StartFault                    the machine said no (missing right, dead child): one line → exit 1
└── Bug                           an invariant broke: logged with its trace, answered 500 `internal_error`

On the data path a refusal is a value (`Rejection`), never an exception.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "REASONS",
    "Bug",
    "ClusterError",
    "ConfigFault",
    "ConfigFaults",
    "Reason",
    "Rejection",
    "StartFault",
    "StoreDown",
    "TidegateError",
    "UpstreamFailure",
]


class Reason(StrEnum):
    """One word per refusal: header, body, log, metric, trace and status all use it."""

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
    VERSION_NOT_SUPPORTED = "version_not_supported"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    UPSTREAM_CONNECT = "upstream_connect"
    UPSTREAM_RESET = "upstream_reset"
    UPSTREAM_PROTOCOL = "upstream_protocol"
    BREAKER_OPEN = "breaker_open"
    BREAKER_PROBING = "breaker_probing"
    OVERLOADED = "overloaded"
    LIMIT_STORE_DOWN = "limit_store_down"
    DRAINING = "draining"
    UPSTREAM_TIMEOUT = "upstream_timeout"


REASONS: dict[Reason, tuple[int, str]] = {
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
    Reason.RATE_LIMITED: (429, "Rate limited"),
    Reason.HEAD_TOO_LARGE: (431, "Request head too large"),
    Reason.INTERNAL_ERROR: (500, "Internal error"),
    Reason.UPSTREAM_CONNECT: (502, "Upstream not reachable"),
    Reason.UPSTREAM_RESET: (502, "Upstream closed the connection"),
    Reason.UPSTREAM_PROTOCOL: (502, "Upstream answer malformed"),
    Reason.BREAKER_OPEN: (503, "Circuit breaker open"),
    Reason.BREAKER_PROBING: (503, "Circuit breaker probing"),
    Reason.OVERLOADED: (503, "Gateway overloaded"),
    Reason.LIMIT_STORE_DOWN: (503, "Rate limit store down"),
    Reason.DRAINING: (503, "Gateway draining"),
    Reason.UPSTREAM_TIMEOUT: (504, "Upstream timed out"),
    Reason.VERSION_NOT_SUPPORTED: (505, "HTTP version not supported"),
}
"""Status and title of each reason word."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refusal: the only thing `dataplane/respond.py` turns into bytes.

    `retry_after_s` is whole seconds, ≥ 1, or None for no `Retry-After`. `headers` are extra fields of
    the answer, already encoded.
    """

    reason: Reason
    detail: str
    retry_after_s: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    pieces: tuple[bytes, bytes, bytes] | None = field(default=None, init=False, compare=False, repr=False)
    """What `respond` made of it, for refusals that are given again and again."""


class TidegateError(Exception):
    """Root of the tree; never raised itself."""


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One fault of a setting: `path` names the place (file, line or field, variable), `fix` the cure."""

    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.fix}"


class ConfigFaults(TidegateError):
    """All faults found in one pass; never empty."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults: tuple[ConfigFault, ...] = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class StartFault(TidegateError):
    """The machine said no while starting (port taken, missing right): one line for the user."""


class StoreDown(TidegateError):
    """`store` does not answer; the caller applies `onStoreFailure`."""

    def __init__(self, store: str, cause: str) -> None:
        self.store, self.cause = store, cause
        super().__init__(f"{store} does not answer: {cause}")


class UpstreamFailure(TidegateError):
    """An upstream failed off the data path (`reason` is one of the `UPSTREAM_*` words)."""

    def __init__(self, reason: Reason, cause: str) -> None:
        self.reason, self.cause = reason, cause
        super().__init__(f"{reason}: {cause}")


class ClusterError(TidegateError):
    """The Kubernetes API refused `verb` on `what` with the HTTP status `code`; 0: it does not answer."""

    def __init__(self, verb: str, what: str, code: int, cause: str) -> None:
        self.verb, self.what, self.code, self.cause = verb, what, code, cause
        super().__init__(f"cannot {verb} {what}: {cause}")


class Bug(TidegateError):
    """An invariant broke; logged with its trace and counted, never used for flow."""
