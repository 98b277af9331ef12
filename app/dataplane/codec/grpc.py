"""gRPC over HTTP/2 as values: which messages are gRPC's, its timeouts, and its statuses beside those of HTTP.

Sources: "gRPC over HTTP2" (PROTOCOL-HTTP2.md of the gRPC project), and google/rpc/code.proto for the statuses.
"""

import re
from collections.abc import Sequence
from typing import Final

from app.dataplane.codec.field_lines import Field
from app.foundation.reasons import REASONS

__all__ = [
    "DEADLINE_EXCEEDED",
    "NO_STATUS",
    "counted_status",
    "is_grpc",
    "parse_status",
    "parse_timeout",
    "percent_encoded",
    "rejection_status",
    "statuses_table_markdown",
    "status_name",
    "timeout_value",
    "trailers_status",
]

NO_STATUS: Final = -1
"""Where a status of gRPC is missing."""

UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
_INTERNAL: Final = 13
_UNAVAILABLE: Final = 14

# Of any length: of a fixed one, the compiled build would unpack the whole with each look
_STATUSES: Final[tuple[tuple[str, int], ...]] = (
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 404),  # code.proto: 501; but it is the caller's mistake, which must not open a breaker
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
)
"""Name and HTTP status of each status of gRPC (google/rpc/code.proto)."""

_OF_REJECTIONS: Final = {
    401: 16,  # UNAUTHENTICATED
    404: 12,  # UNIMPLEMENTED
    405: 12,
    408: DEADLINE_EXCEEDED,
    413: 8,  # RESOURCE_EXHAUSTED
    429: 8,
    431: 8,  # as gRPC itself reports metadata that is too large
    504: DEADLINE_EXCEEDED,
}
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS_S: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_MAX_VALUE: Final = 99_999_999
_TO_ENCODE: Final = re.compile(rb"[^ -$&-~]")


def is_grpc(content_type: bytes) -> bool:
    """Whether a message is gRPC's. gRPC-Web, another protocol whose bodies carry the trailers, is not."""
    kind = content_type.lower()
    return kind.startswith(b"application/grpc") and kind[16:17] in (b"", b"+", b";", b" ")


def parse_timeout(value: bytes) -> float | None:
    """`grpc-timeout` in seconds, ≥ 0; None where it is malformed."""
    read = _TIMEOUT.fullmatch(value)
    return int(read[1]) * _UNITS_S[read[2]] if read is not None else None


def timeout_value(timeout_s: float) -> bytes:
    """`grpc-timeout` for `timeout_s` ≥ 0, in the finest unit from microseconds on that has room for it."""
    for unit, per_s in ((b"u", 1e6), (b"m", 1e3), (b"S", 1.0)):
        number = int(timeout_s * per_s)
        if number <= _MAX_VALUE:
            return b"%d%b" % (number, unit)
    return b"%dH" % min(int(timeout_s / 3600.0), _MAX_VALUE)


def parse_status(value: bytes) -> int:
    """`grpc-status`. What is no status, or none that is known, is UNKNOWN."""
    if value.isdigit() and len(value) <= 2 and int(value) < len(_STATUSES):
        return int(value)
    return UNKNOWN


def trailers_status(trailers: Sequence[Field]) -> int:
    """The status that ends a response; NO_STATUS where it has none."""
    for field in trailers:
        if field.name == b"grpc-status":
            return parse_status(field.value)
    return NO_STATUS


def status_name(status: int) -> str:
    """`status`: as `parse_status` gives it."""
    return _STATUSES[status][0]


def counted_status(status: int) -> int:
    """The HTTP status as which a status of gRPC counts, for breaker, retries, metrics and log."""
    return _STATUSES[status][1]


def rejection_status(status: int) -> int:
    """The status of gRPC that says what a rejection with this HTTP status says."""
    return _OF_REJECTIONS.get(status, _INTERNAL if status < 500 else _UNAVAILABLE)


def percent_encoded(message: str) -> bytes:
    """`grpc-message`: all but visible ASCII and blanks is encoded, `%` too."""
    return _TO_ENCODE.sub(lambda found: b"%%%02X" % found[0][0], message.encode("utf-8", "replace"))


def statuses_table_markdown() -> str:
    """The table of the documents: each status, what it counts as, and which local replies have it."""
    rejections: dict[int, list[str]] = {}
    for status in sorted({status for status, _ in REASONS.values()}):
        rejections.setdefault(rejection_status(status), []).append(str(status))
    rows = ["| `grpc-status` | counts as | given by the gateway instead of |", "|---|---|---|"]
    for number, (name, counted) in enumerate(_STATUSES):
        rows.append(f"| {number} `{name}` | {counted} | {', '.join(rejections.get(number, ()))} |")
    return "\n".join(rows) + "\n"
