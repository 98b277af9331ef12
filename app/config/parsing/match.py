"""Reads a route's `match`: which requests it takes."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.config.model import Match, PathKind, ValueMatch
from app.config.parsing.addresses import plain_text, raw_path
from app.schema.faults import BadValue
from app.schema.fields import Custom
from app.schema.names import field_name
from app.schema.nodes import Schema
from app.schema.records import Record
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = ["HOSTS", "MATCH", "MAX_PATTERN", "method_name", "pattern", "unique_texts"]

MAX_PATTERN = 1024
"""Characters of a regex: longer ones cost too much on every request."""

_HOST_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:\*\.)?{_HOST_LABEL}(?:\.{_HOST_LABEL})*")
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"})


def pattern(text: str) -> re.Pattern[str]:
    """A compiled regex of 1 to MAX_PATTERN characters; raises BadValue."""
    if not 1 <= len(text) <= MAX_PATTERN:
        raise BadValue(f"is a regex of {len(text):,} characters", f"it must have 1 to {MAX_PATTERN:,}")
    if "[[:" in text:
        raise BadValue("holds a POSIX class such as [[:digit:]]", "write the characters out: [0-9]")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadValue(
            f"is no regex: {error}", "escape . ( ) [ ] { } * + ? ^ $ | \\ that are meant as such"
        ) from None


def _read_path(match: Section) -> tuple[PathKind, str]:
    section = match.section("path", [str(kind) for kind in PathKind])
    if section is None:
        return PathKind.PREFIX, "/"
    kinds = [kind for kind in PathKind if kind in section]
    if len(kinds) != 1:
        what = "has none of prefix, exact, regex" if not kinds else f"has {' and '.join(kinds)}"
        match.fault("path", what, "it must have exactly one, such as {prefix: /orders}")
        return PathKind.PREFIX, "/"
    kind = kinds[0]
    if kind is PathKind.REGEX:
        return kind, section.text(kind, lambda text: pattern(text).pattern, "/")
    return kind, section.text(kind, raw_path, "/")


def unique_texts(section: Section, key: str, check: Callable[[str], str]) -> tuple[str, ...]:
    """A list of texts, each at most once; an empty list would take nothing, so it is a fault."""
    if key not in section:
        return ()
    found: dict[str, None] = {}
    for path, text in section.texts(key, check, (1, None)):
        if text in found:
            section.faults.add(path, f"repeats {show(text)}", "give it once")
        found[text] = None
    return tuple(found)


def _host(text: str) -> str:
    host = text.lower()
    if _HOST.fullmatch(host):
        return host
    if host.startswith("[") and host.endswith("]"):
        return f"[{_ipv6(host[1:-1])}]"
    if "://" in host or "/" in host:
        fix = "give the host only, without scheme and path"
    elif re.fullmatch(r"[^:]*:[0-9]+", host):
        fix = f"leave out the port: {host.partition(':')[0]}"
    elif host == "*":
        fix = "leave out hosts to take all hosts"
    elif "*" in host:
        fix = "a wildcard must be the whole first label: *.example.com"
    else:
        fix = "it must be a DNS name (xn-- form) such as api.example.com"
    raise BadValue(f"is {show(text)}", fix)


def _ipv6(text: str) -> str:
    from ipaddress import AddressValueError, IPv6Address

    try:
        return str(IPv6Address(text))
    except AddressValueError:
        raise BadValue(f"is {show(text)}", "it must be an IPv6 address in brackets: [::1]") from None


def method_name(text: str) -> str:
    """A method of HTTP, as written; raises BadValue."""
    if not _METHOD.fullmatch(text):
        raise BadValue(f"is {show(text)}", "it must be a method such as GET")
    if text.upper() == "CONNECT":
        raise BadValue("is CONNECT, which the gateway never forwards", "remove it")
    if text not in _KNOWN_METHODS and text.upper() in _KNOWN_METHODS:
        raise BadValue(f"is {text}", f"methods are case-sensitive: write {text.upper()}")
    return text


def _read_values(match: Section, key: str, check_name: Callable[[str], str]) -> tuple[ValueMatch, ...]:
    if key not in match:
        return ()
    values = match.raw(key)
    if not isinstance(values, Mapping):
        match.fault(key, f"is {kind_of(values)}, not a mapping", "write it as {X-Env: staging}")
        return ()
    found: dict[str, ValueMatch] = {}
    for raw_name, value in values.items():
        path = (*match.at(key), raw_name)
        name = match.faults.checked(path, check_name, raw_name)
        if name is None:
            continue
        if name in found:
            match.faults.add(path, "is given twice (header names ignore case)", "keep one of the two")
        found[name] = _read_value(match, path, name, value)
    return tuple(found.values())


def _read_value(match: Section, path: tuple[str | int, ...], name: str, value: object) -> ValueMatch:
    if isinstance(value, str):
        if not value.isprintable() or value != value.strip():
            match.faults.add(
                path, "can never match", "write the value without control characters or outer spaces"
            )
        return ValueMatch(name, value=value)
    if not isinstance(value, Mapping):
        fix = 'put it in quotes, or write {regex: "…"}'
        match.faults.add(path, f"is {kind_of(value)}, not a text", fix)
        return ValueMatch(name)
    section = Section.open(value, path, ("regex",), match.faults)
    if section is None or not section.required("regex", 'a pattern: {regex: "v[0-9]+"}'):
        return ValueMatch(name)
    return ValueMatch(name, pattern=section.text("regex", pattern, None))


def _match(path: tuple[PathKind, str], **others: Any) -> Match:
    return Match(path_kind=path[0], path=path[1], **others)


def _values_node(says: str) -> Schema:
    return {
        "description": f"{says} `{{NAME: value}}` or `{{NAME: {{regex: …}}}}`; all must fit.",
        "type": "object",
    }


HOSTS = Custom(
    "hosts",
    lambda section: unique_texts(section, "hosts", _host),
    {
        "description": "Names without port; `*.example.com` takes all names below.",
        "type": "array",
        "minItems": 1,
    },
)
"""Of a match and of a listener: lower-case, the first label may be `*`."""

MATCH = Record(
    _match,
    "Which requests the route takes; what is left out takes all. Of several routes the most specific one takes a "
    "request: exact host, longest path, method, headers, query; then the first in the file.",
    {
        "hosts": HOSTS,
        "path": Custom(
            "path",
            _read_path,
            {
                "description": "Exactly one of `{prefix: /orders}` (whole segments), `{exact: /orders}` and "
                f"`{{regex: …}}` (the whole path, at most {MAX_PATTERN} characters), compared with the raw path.",
                "type": "object",
                "default": "{prefix: /}",
            },
        ),
        "methods": Custom(
            "methods",
            lambda match: unique_texts(match, "methods", method_name),
            {"description": "Such as `[GET, POST]`, case-sensitive.", "type": "array", "minItems": 1},
        ),
        "headers": Custom(
            "headers",
            lambda match: _read_values(match, "headers", lambda name: field_name(name).lower()),
            _values_node("Header fields."),
        ),
        "query": Custom(
            "query", lambda match: _read_values(match, "query", plain_text), _values_node("Query parameters.")
        ),
    },
)
"""A route without `match` takes every request."""
