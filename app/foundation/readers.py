"""How the text of a variable is read: one reader for each kind of value; each raises `BadValue`. Pure.

The dialect that all variables share: durations Go style (`250ms`, `1h30m`, a bare number means seconds), sizes binary
(`64Ki`, `10Mi`, `1Gi`, a bare number means bytes), words in any case, `true` and `false`.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.foundation.errors import BadValue, quoted
from app.foundation.units import parse_duration_s, parse_size_bytes

__all__ = [
    "duration",
    "flag",
    "host",
    "http_url",
    "secret",
    "short_secret",
    "size",
    "text",
    "whole_number",
    "word",
]

_SECRET_CHARACTERS = 16
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})", re.ASCII)


def text(given: str) -> str:
    """As given."""
    return given


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number from `low` to `high`."""

    def read(given: str) -> int:
        if re.fullmatch(r"[0-9]{1,18}", given) is None or not low <= int(given) <= high:
            raise BadValue(f"{quoted(given)} cannot be used", f"write a whole number from {low} to {high}")
        return int(given)

    return read


def duration(low_s: float, high_s: float) -> Callable[[str], float]:
    """Reads seconds from `low_s` to `high_s`."""

    def read(given: str) -> float:
        duration_s = parse_duration_s(given)
        if not low_s <= duration_s <= high_s:
            raise BadValue(f"{quoted(given)} is out of range", f"it may be {low_s:g}s to {high_s:g}s")
        return duration_s

    return read


def size(low_bytes: int, high_bytes: int) -> Callable[[str], int]:
    """Reads bytes from `low_bytes` to `high_bytes`."""

    def read(given: str) -> int:
        size_bytes = parse_size_bytes(given)
        if not low_bytes <= size_bytes <= high_bytes:
            raise BadValue(f"{quoted(given)} is out of range", f"it may be {low_bytes} to {high_bytes} bytes")
        return size_bytes

    return read


def word(*words: str) -> Callable[[str], str]:
    """Reads one of `words`, in any case; the value is in lower case."""

    def read(given: str) -> str:
        if given.lower() not in words:
            raise BadValue(f"{quoted(given)} is not a value of it", f"it may be {', '.join(words)}")
        return given.lower()

    return read


def flag(given: str) -> bool:
    """`true` or `false`."""
    return word("true", "false")(given) == "true"


def secret(given: str) -> str:
    """Visible ASCII; the message never shows it.

    A field value of HTTP cannot carry anything else (RFC 9110 §5.5), so such a secret would never match.
    """
    if re.fullmatch(r"[\x21-\x7e]+", given) is None:
        raise BadValue(
            "holds a space, a line end or a character outside ASCII", "use visible ASCII characters only"
        )
    return given


def short_secret(given: str) -> tuple[str, str] | None:
    """What is unwise about a secret that can be guessed, and what would be better; None for a long one."""
    if len(given) >= _SECRET_CHARACTERS:
        return None
    return (
        f"has {len(given)} characters and can be guessed",
        f"use {_SECRET_CHARACTERS} or more, such as `tidegate keys new default` prints",
    )


def host(given: str) -> str:
    """An IP address or a host name, without port and brackets."""
    try:
        ip_address(given)
    except ValueError:
        last = given.rpartition(".")[2]
        if _HOST_NAME.fullmatch(given) is None or last.isdigit():
            raise BadValue(
                f"{quoted(given)} is not an address",
                "write it like 127.0.0.1, 0.0.0.0 or ::, without port or brackets",
            ) from None
    return given


def http_url(given: str) -> str:
    """An http or https URL with a host and without credentials; the message never shows it."""
    fix = "write it like http://localhost:8081"
    try:
        url = urlsplit(given)
        port = url.port
    except ValueError:
        raise BadValue("is not a URL", fix) from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        raise BadValue("is not an http:// or https:// URL with a host", fix)
    if "@" in url.netloc:
        raise BadValue("holds a user or password, which is not passed on", fix)
    return given
