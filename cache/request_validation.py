"""What is wrong with a request's head, whatever it asks for (RFC 9110, RFC 9112). Pure."""

import re
from collections.abc import Sequence

from app.foundation.reply import Reply, problem

__all__ = ["BODY_FIELDS", "head_fault", "keeps_old_connection"]

METHODS = b"DELETE, GET, HEAD, POST, PUT"
BODY_FIELDS = (b"content-length", b"transfer-encoding")

# uri-host [":" port], RFC 3986 §3.2; empty for a target without an authority
_HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%_~-]+\]|(?:[0-9A-Za-z._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")

Fields = Sequence[tuple[bytes, bytes]]


def head_fault(method: bytes, version: str, fields: Fields, upgrades: bool) -> Reply | None:
    """The problem of a head that no call may have, None for a valid one; the connection ends with it.

    `version`: such as "1.1". `upgrades`: the parser takes the message to end with its head, as it does with
    CONNECT and with `Upgrade`.
    """
    if version != "1.1" and version != "1.0":
        return problem(505, f"HTTP/{version} is not spoken here; use HTTP/1.1")
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) != 1 and (version == "1.1" or hosts):  # RFC 9112 §3.2
        return _malformed(f"the head has {len(hosts)} Host fields; send exactly one")
    if hosts and not _HOST.fullmatch(hosts[0]):
        return _malformed("the Host field is no host with an optional port")
    if method == b"CONNECT":
        detail = "this service opens no tunnels"
        return problem(405, detail, ((b"allow", METHODS),))  # RFC 9110 §15.5.6
    if version == "1.0" and any(name == b"transfer-encoding" for name, _ in fields):
        return _malformed("HTTP/1.0 has no Transfer-Encoding; send Content-Length")  # RFC 9112 §6.1
    if upgrades and any(name in BODY_FIELDS for name, _ in fields):
        # its body would pass for another request
        return _malformed("this service upgrades no connection; send a body without Upgrade")
    return None


def keeps_old_connection(fields: Fields) -> bool:
    """Whether an HTTP/1.0 client wants its connection kept (RFC 9112 §9.3; `close` wins)."""
    options = [
        option.strip().lower()
        for name, value in fields
        if name == b"connection"
        for option in value.split(b",")
    ]
    return b"keep-alive" in options and b"close" not in options


def _malformed(detail: str) -> Reply:
    return problem(400, detail)
