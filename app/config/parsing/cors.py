"""Reads `cors` of a route: what pages of other origins may do (Fetch §3.3; HTTPRoute: HTTPCORSFilter)."""

import re
from collections.abc import Callable

from app.config.model import Cors
from app.config.parsing.match import method_name, unique_texts
from app.schema.faults import BadValue
from app.schema.fields import Custom, Duration, Switch
from app.schema.names import field_name
from app.schema.records import Record
from app.schema.section import Section
from app.schema.wording import show

__all__ = ["CORS"]

_ANY = "*"
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][-+.a-z0-9]*)://(?P<host>\*|(?:\*\.)?[a-z0-9](?:[-_.a-z0-9]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def _origin(text: str) -> str:
    """As browsers serialise it (RFC 6454 §6.2): lower-case, without the scheme's own port."""
    if text == _ANY:
        return text
    read = _ORIGIN.fullmatch(text.lower())
    port = None if read is None else read["port"]
    if read is None or (port is not None and not 1 <= int(port) <= 65_535):
        fix = "write it as https://app.example.com, https://*.example.com, or * for all"
        if text.endswith("/"):
            fix = f"leave out the path: {text[:80].rstrip('/')}"
        raise BadValue(f"is {show(text)}, which is no origin", fix)
    if port is None or port == _DEFAULT_PORTS.get(read["scheme"]):
        return f"{read['scheme']}://{read['host']}"
    return f"{read['scheme']}://{read['host']}:{int(port)}"


def _or_any(check: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: text if text == _ANY else check(text)


def _texts(key: str, check: Callable[[str], str], says: str, *, is_required: bool = False) -> Custom:
    def read(section: Section) -> tuple[str, ...]:
        if is_required and not section.required(key, "a list such as [https://app.example.com]"):
            return ()
        return unique_texts(section, key, check)

    node = {"description": says, "type": "array", "minItems": 1}
    return Custom(key, read, node, is_required=is_required)


CORS = Record(
    Cors,
    "What pages of other origins may do. The gateway replies to preflight requests itself, without a key or a limit.",
    {
        "origins": _texts(
            "allowOrigins",
            _origin,
            "Origins such as `https://app.example.com`; `https://*.example.com` takes all below, `*` all. Required.",
            is_required=True,
        ),
        "methods": _texts(
            "allowMethods", _or_any(method_name), "Methods that a preflight request is granted; `*` for all."
        ),
        "headers": _texts(
            "allowHeaders",
            _or_any(lambda name: field_name(name).lower()),
            "Header fields of requests that it is granted; `*` for all.",
        ),
        "expose_headers": _texts(
            "exposeHeaders",
            _or_any(field_name),
            "Header fields of responses that a page may read; `*` for all.",
        ),
        "has_credentials": Switch("allowCredentials", "Whether cookies and other credentials may be sent."),
        "max_age_s": Duration(
            "maxAge",
            0.0,
            86_400.0,
            "How long a browser may keep the reply to a preflight request: at most 24h, default 5s.",
            5.0,
            bare_seconds=True,
        ),
    },
)
