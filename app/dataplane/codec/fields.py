"""Which header fields go on, and what each means to the gateway (RFC 9110 §7.6).

Request line, status line, Host and framing are never passed on: they are made again from what was understood.
"""

import re
from typing import Final

from app.dataplane.codec.field_lines import BY_VALUE, PASS, FieldLines
from app.dataplane.codec.grpc import is_grpc
from app.routing.host import valid_host

__all__ = [
    "AGENT",
    "AUTHORIZATION",
    "CODING",
    "CONNECTION",
    "CONTENT_TYPE",
    "DATE",
    "DROP",
    "EXPECT",
    "FORWARDED",
    "GRPC",
    "GRPC_STATUS",
    "GRPC_TIMEOUT",
    "HOST",
    "ID",
    "KEY",
    "LENGTH",
    "NO_HOST",
    "REQUEST_LINES",
    "RESPONSE_LINES",
    "TE",
    "TRACE",
    "UPGRADE",
    "VIA",
    "allowed_trailer",
    "id_in_json",
    "named_by_connection",
    "sane_request_id",
]

DROP: Final = 1
HOST: Final = 2
LENGTH: Final = 3
CODING: Final = 4
CONNECTION: Final = 5
EXPECT: Final = 6
UPGRADE: Final = 7
KEY: Final = 8
AUTHORIZATION: Final = 9
ID: Final = 10
VIA: Final = 11
FORWARDED: Final = 12
TRACE: Final = 13
AGENT: Final = 14
DATE: Final = 15
CONTENT_TYPE: Final = 16
TE: Final = 17
GRPC: Final = 18
"""A Content-Type of gRPC."""
GRPC_TIMEOUT: Final = 19
GRPC_STATUS: Final = 20
NO_HOST: Final = 21
"""A Host that is no host and port."""

# RFC 9110 §7.6.1; the two proxy fields speak to the next hop only (§11.7.1, §11.7.2)
_HOP_BY_HOP: Final = frozenset(
    (
        b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization"
        b" te transfer-encoding upgrade"
    ).split()
)
_FRAMING: Final = _HOP_BY_HOP | {b"content-length"}
# Connection may not remove what the gateway itself adds for the upstream: a client could hide its address
_NEVER_NAMED: Final = frozenset({b"host", b"forwarded", b"via", b"x-request-id"})
_PLAIN_OPTIONS: Final = frozenset({b"keep-alive", b"close", b"Keep-Alive", b"Close", b"upgrade", b"Upgrade"})
_REQUEST_ID: Final = re.compile(rb"[!-~]{1,128}")

_REQUEST_ROLES: Final[dict[bytes, int]] = {
    **dict.fromkeys(_HOP_BY_HOP, DROP),
    b"host": BY_VALUE,
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
    b"connection": CONNECTION,
    b"expect": EXPECT,
    b"upgrade": UPGRADE,
    b"x-api-key": KEY,
    b"authorization": AUTHORIZATION,
    b"x-request-id": ID,
    b"via": VIA,
    b"traceparent": TRACE,
    b"user-agent": AGENT,
    b"te": TE,
    b"content-type": BY_VALUE,
    b"grpc-timeout": GRPC_TIMEOUT,
}
_RESPONSE_ROLES: Final[dict[bytes, int]] = {
    **dict.fromkeys(_HOP_BY_HOP | {b"x-request-id", b"tidegate-reason"}, DROP),
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
    b"connection": CONNECTION,
    b"upgrade": UPGRADE,
    b"date": DATE,
    b"content-type": CONTENT_TYPE,
    b"grpc-status": GRPC_STATUS,
}


def _is_forwarded(name: bytes) -> bool:
    # servers that hand fields on as environment variables (CGI, WSGI) cannot distinguish `_` from `-`
    return name.replace(b"_", b"-").startswith(b"x-forwarded-") or name == b"forwarded"


def _request_role(name: bytes) -> int:
    role = _REQUEST_ROLES.get(name)
    if role is not None:
        return role
    return FORWARDED if _is_forwarded(name) else PASS


def _request_role_by_value(name: bytes, value: bytes) -> int:
    """Of a Host, which is judged once while its line repeats; of a Content-Type, so that only requests of gRPC have to
    look at it."""
    if name == b"host":
        return HOST if valid_host(value) else NO_HOST
    return GRPC if is_grpc(value) else PASS


def _response_role(name: bytes) -> int:
    return _RESPONSE_ROLES.get(name, PASS)


REQUEST_LINES: Final = FieldLines(_request_role, role_by_value=_request_role_by_value)
RESPONSE_LINES: Final = FieldLines(_response_role)


def named_by_connection(options: bytes | None) -> frozenset[bytes]:
    """The fields that a Connection value removes (RFC 9110 §7.6.1); nearly always none."""
    if options is None or options in _PLAIN_OPTIONS:
        return frozenset()
    names = {option.strip().lower() for option in options.split(b",")}
    named = {name for name in names - _NEVER_NAMED if not _is_forwarded(name)}
    return frozenset(named - _FRAMING - {b"close", b""})


def sane_request_id(value: bytes) -> bool:
    """Whether a client's X-Request-ID is kept: 1–128 visible ASCII characters."""
    return _REQUEST_ID.fullmatch(value) is not None


def id_in_json(request_id: bytes) -> bytes:
    """A sane one, as it stands in a JSON string; our own have nothing to be escaped."""
    return request_id.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


# RFC 9110 §6.5.1: framing, routing, request modifiers, authentication, response control, content
_NOT_IN_TRAILERS: Final = (
    _FRAMING
    | _NEVER_NAMED
    | frozenset(
        b"""age authentication-info authorization cache-control content-encoding content-range content-type
        cookie date expect expires if-match if-modified-since if-none-match if-range if-unmodified-since
        location max-forwards pragma proxy-authentication-info range retry-after set-cookie tidegate-reason
        trailer vary warning www-authenticate x-api-key""".split()
    )
)


def allowed_trailer(name: bytes) -> bool:
    """Whether a trailer field (lower-case) may be forwarded as one; it is never merged into the head."""
    return name not in _NOT_IN_TRAILERS and not _is_forwarded(name)
