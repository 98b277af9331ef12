"""Which pages of other origins may read a route's responses, as browsers enforce it (Fetch §3.3; HTTPCORSFilter)."""

from typing import Final

from app.config.model import Cors
from app.dataplane.codec.field_edits import without
from app.dataplane.codec.field_lines import Field

__all__ = ["CorsRules", "Preflight", "preflight_of"]

_ORIGIN: Final = b"origin"
_REQUEST_METHOD: Final = b"access-control-request-method"
_REQUEST_HEADERS: Final = b"access-control-request-headers"
_GRANTS: Final = frozenset(
    {
        b"access-control-allow-credentials",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
    }
)
"""What a response may say of itself: two that differ would make a browser hide it."""
_VARY: Final = b"vary: origin\r\n"
_VARY_OF_PREFLIGHT: Final = b"vary: origin, access-control-request-method, access-control-request-headers\r\n"
_CREDENTIALS: Final = b"access-control-allow-credentials: true\r\n"
_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443"}


class Preflight:
    """A browser asks whether a page may send a request (Fetch §3.3.2). `headers`: b"" where it names none."""

    __slots__ = ("headers", "method", "origin")

    def __init__(self, origin: bytes, method: bytes, headers: bytes) -> None:
        self.origin = origin
        self.method = method
        self.headers = headers


def preflight_of(fields: list[Field]) -> Preflight | None:
    """What the fields of an OPTIONS request ask; None: it is a request like any other."""
    origin, method = _value(fields, _ORIGIN), _value(fields, _REQUEST_METHOD)
    if origin is None or method is None:
        return None
    return Preflight(origin, method, _value(fields, _REQUEST_HEADERS) or b"")


def _value(fields: list[Field], name: bytes) -> bytes | None:
    """Of the only field of this name: browsers send no second one."""
    values = [field.value for field in fields if field.name == name]
    return values[0] if len(values) == 1 else None


class _OriginPattern:
    """`https://*.example.com`: every origin that starts and ends so, with a part of a host between."""

    __slots__ = ("_end", "_start")

    def __init__(self, text: bytes) -> None:
        start, _, end = text.partition(b"*")
        self._start = start
        self._end = end

    def takes(self, origin: bytes) -> bool:
        if not origin.startswith(self._start) or not origin.endswith(self._end):
            return False
        between = origin[len(self._start) : len(origin) - len(self._end)]
        return bool(between) and b":" not in between and b"/" not in between and b"@" not in between


class CorsRules:
    """A route's `cors`, compiled. Values that clients sent are only repeated where they were granted.

    `_origin_line`: where every origin gets the same; then responses do not vary by it.
    """

    __slots__ = (
        "_all_headers",
        "_all_methods",
        "_all_origins",
        "_exact",
        "_exposed_line",
        "_exposes_all",
        "_granted_lines",
        "_has_credentials",
        "_headers_line",
        "_methods_line",
        "_origin_line",
        "_patterns",
    )

    def __init__(self, cors: Cors) -> None:
        origins = [origin.encode() for origin in cors.origins]
        self._all_origins = b"*" in origins
        self._exact = frozenset(origin for origin in origins if b"*" not in origin)
        self._patterns = [_OriginPattern(origin) for origin in origins if b"*" in origin and origin != b"*"]
        self._has_credentials = cors.has_credentials
        # with credentials a `*` is a name like any other (Fetch §3.3.5)
        all_alike = self._all_origins and not cors.has_credentials
        self._origin_line = b"access-control-allow-origin: *\r\n" if all_alike else b""
        self._all_methods = "*" in cors.methods
        self._all_headers = "*" in cors.headers
        self._methods_line = _line("allow-methods", cors.methods)
        self._headers_line = _line("allow-headers", cors.headers)
        self._exposes_all = cors.has_credentials and "*" in cors.expose_headers
        self._exposed_line = b"" if self._exposes_all else _line("expose-headers", cors.expose_headers)
        self._granted_lines = b"access-control-max-age: %d\r\n" % int(cors.max_age_s)

    def preflight_lines(self, asked: Preflight) -> bytes:
        """Header lines of the reply: what is granted, or nothing of it where the origin is not allowed."""
        granted = self._grant(asked.origin)
        if not granted:
            return _VARY_OF_PREFLIGHT
        methods, headers = self._methods_line, self._headers_line
        if self._all_methods:
            methods = b"access-control-allow-methods: %b\r\n" % asked.method
        if self._all_headers:
            headers = b"access-control-allow-headers: %b\r\n" % asked.headers if asked.headers else b""
        return b"%b%b%b%b%b%b" % (
            granted,
            methods,
            headers,
            self._exposed_line,
            self._granted_lines,
            _VARY_OF_PREFLIGHT,
        )

    def shared(self, lines: bytes, fields: list[Field]) -> bytes:
        """Header lines of a response to a request with `fields`, with what its page may do with it.

        What the upstream itself said of that goes.
        """
        lines = without(lines, _GRANTS)
        granted = self.grant_lines(fields)
        if self._exposes_all and granted and granted is not _VARY:
            names = sorted({line.partition(b":")[0].lower() for line in lines.split(b"\r\n")[:-1]})
            granted += b"access-control-expose-headers: %b\r\n" % b", ".join(names)
        return lines + granted

    def grant_lines(self, fields: list[Field]) -> bytes:
        """The same for a response of the gateway's own."""
        granted = self._origin_line
        if not granted:
            origin = _value(fields, _ORIGIN)
            granted = self._grant(origin) if origin is not None else b""
            if not granted:
                return _VARY
            granted += _VARY
        return granted + self._exposed_line

    def _grant(self, origin: bytes) -> bytes:
        """b"" for an origin that is not allowed."""
        if self._origin_line:
            return self._origin_line
        if not self._takes(origin):
            return b""
        line = b"access-control-allow-origin: %b\r\n" % origin
        return line + _CREDENTIALS if self._has_credentials else line

    def _takes(self, origin: bytes) -> bool:
        if self._all_origins:
            return True
        plain = origin.lower()
        scheme = plain.partition(b":")[0]
        plain = plain.removesuffix(_DEFAULT_PORTS.get(scheme, b""))
        return plain in self._exact or any(pattern.takes(plain) for pattern in self._patterns)


def _line(name: str, values: tuple[str, ...]) -> bytes:
    if not values:
        return b""
    return f"access-control-{name}: {', '.join(values)}\r\n".encode()
