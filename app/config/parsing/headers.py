"""Reads header edits of routes: `requestHeaders` and `responseHeaders`."""

import re
from collections.abc import Mapping

from app.config.model import HeaderEdits
from app.schema.faults import Path
from app.schema.fields import Custom
from app.schema.names import field_name
from app.schema.records import Record
from app.schema.section import Section
from app.schema.wording import kind_of

__all__ = ["HEADER_EDITS", "OWN_FIELDS"]

OWN_FIELDS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Framing and connection fields are made by the gateway itself (RFC 9110 §7.6.1, RFC 9112 §6)."""

# RFC 9110 §5.5 field-value: visible, space and tab inside, obs-text
_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")


def _read_values(section: Section, key: str) -> tuple[tuple[str, str], ...]:
    if key not in section:
        return ()
    values = section.raw(key)
    if not isinstance(values, Mapping):
        section.fault(key, f"is {kind_of(values)}, not a mapping", "write it as {X-Name: value}")
        return ()
    edits: dict[str, tuple[str, str]] = {}
    for name, value in values.items():
        path = (*section.at(key), name)
        is_name = section.faults.checked(path, field_name, name) is not None
        if not is_name or not _is_free(section, path, name, edits):
            continue
        if not isinstance(value, str):
            section.faults.add(path, f"is {kind_of(value)}, not a text", "put the value in quotes")
        elif not _VALUE.fullmatch(value):
            fix = "write one line of latin-1 text without control characters or spaces at its ends"
            section.faults.add(path, "holds what no header value may hold", fix)
        else:
            edits[name.lower()] = (name, value)
    return tuple(edits.values())


def _read_names(section: Section) -> tuple[str, ...]:
    names: dict[str, str] = {}
    cure = "write a name such as X-Tenant"
    for path, name in section.texts("remove", field_name, noun="header name", cure=cure):
        if _is_free(section, path, name, names):
            names[name.lower()] = name
    return tuple(names.values())


def _is_free(section: Section, path: Path, name: str, known: Mapping[str, object]) -> bool:
    """Whether the field `name` may be edited and is not in `known` already; else a fault."""
    if name.lower() in OWN_FIELDS:
        fix = "remove it; rewrite.host sets Host" if name.lower() == "host" else "remove it"
        section.faults.add(path, "is made by the gateway itself and cannot be edited", fix)
        return False
    if name.lower() in known:
        section.faults.add(path, "is given twice (header names ignore case)", "keep one of the two")
        return False
    return True


HEADER_EDITS = Record(
    HeaderEdits,
    "Edits of header fields, in the order remove, set, add. Framing and connection fields are the gateway's own.",
    {
        "set": Custom(
            "set",
            lambda section: _read_values(section, "set"),
            {"description": "`{X-Name: value}`: replaces the field.", "type": "object"},
        ),
        "add": Custom(
            "add",
            lambda section: _read_values(section, "add"),
            {"description": "`{X-Name: value}`: adds a line of the field.", "type": "object"},
        ),
        "remove": Custom("remove", _read_names, {"description": "Names of fields to drop.", "type": "array"}),
    },
)
