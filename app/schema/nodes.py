"""The kinds of field a policy has, as OpenAPI v3 nodes that the API server takes (structural schemas).

Rules are CEL; each message says "must" and what would be right. Plain validators ignore the `x-` keys.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from app.schema.durations import DURATION_PATTERN, MAX_DURATION, format_duration

__all__ = [
    "Schema",
    "closed",
    "duration",
    "instant",
    "items",
    "mapping",
    "one_of",
    "rules",
    "status_or_word",
    "switch",
    "text",
    "whole",
]

Schema = dict[str, object]

_INT32 = 2**31 - 1
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
_MAX_STATUS_TEXT = 12  # the longest word


def rules(*pairs: tuple[str, str]) -> Schema:
    """CEL rules, each with its message."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def mapping(says: str, properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    node: Schema = {"description": says, "type": "object"}
    if names := list(required):
        node["required"] = names
    return {**node, "properties": dict(properties)}


def items(
    says: str, of: Schema, bounds: tuple[int, int], kind: str = "atomic", keys: Iterable[str] = ()
) -> Schema:
    """A list; `kind`: atomic, set or map (by `keys`), which says how two writers' lists are merged."""
    node: Schema = {"description": says, "type": "array"}
    if bounds[0]:
        node["minItems"] = bounds[0]
    node |= {"maxItems": bounds[1], "x-kubernetes-list-type": kind}
    if names := list(keys):
        node["x-kubernetes-list-map-keys"] = names
    return {**node, "items": of}


def whole(says: str, bounds: tuple[int, int] = (0, _INT32), default: int | None = None) -> Schema:
    node: Schema = {"description": says, "type": "integer", "format": "int32"}
    node |= {"minimum": bounds[0], "maximum": bounds[1]}
    return node if default is None else {**node, "default": default}


def switch(says: str, *, default: bool) -> Schema:
    return {"description": says, "type": "boolean", "default": default}


def text(says: str, longest: int, pattern: str, cure: str) -> Schema:
    """`pattern` must match the whole text; `cure`: what the API server replies where it does not."""
    whole_text = f"^{pattern}$".replace("(?:", "(")  # one spelling for all regex dialects
    node: Schema = {"description": says, "type": "string", "minLength": 1, "maxLength": longest}
    return {**node, "pattern": whole_text, **rules((_matches(whole_text), cure))}


def one_of(says: str, words: type[StrEnum], default: StrEnum | None = None) -> Schema:
    node: Schema = {"description": says, "type": "string", "enum": [str(word) for word in words]}
    return node if default is None else {**node, "default": str(default)}


def duration(says: str, bounds_s: tuple[float, float], default_s: float | None = None) -> Schema:
    """Go style text; `bounds_s` in seconds, both ends allowed."""
    pattern = f"^{DURATION_PATTERN}$"
    low, high = (format_duration(bound_s) for bound_s in bounds_s)
    span = f"at most {high}" if bounds_s[0] == 0 else f"from {low} to {high}"
    at_least = f"duration(self) >= duration('{low}') && " if bounds_s[0] else ""
    node: Schema = {"description": says, "type": "string", "maxLength": MAX_DURATION, "pattern": pattern}
    if default_s is not None:
        node["default"] = format_duration(default_s)
    spelled = "must be 1 to 4 whole numbers with h, m, s or ms, such as 1500ms, 10s or 1h30m"
    fraction = "must have no fraction: write it in the smaller unit, such as 1500ms for 1.5s"
    return node | rules(
        # a fixed text: one computed from the value is over the API server's cost budget
        ("!self.contains('.')", fraction),
        (f"self.contains('.') || {_matches(pattern)}", spelled),
        (f"!{_matches(pattern)} || ({at_least}duration(self) <= duration('{high}'))", f"must be {span}"),
    )


def instant(says: str) -> Schema:
    """RFC 3339 with an offset. No `format`: with it a rule could not say how to write it."""
    node: Schema = {"description": says, "type": "string", "maxLength": 32, "pattern": _INSTANT}
    spelled = "must be an RFC 3339 date-time with an offset, such as 2027-01-31T12:00:00Z"
    real = f"!{_matches(_INSTANT)} || timestamp(self) >= timestamp('0001-01-01T00:00:00Z')"
    return node | rules(
        (_matches(_INSTANT), spelled), (real, "must be a real date: check month, day and hour")
    )


def status_or_word(words: Iterable[str], cure: str) -> Schema:
    """A list item: a status from 400 to 599, as number or text, or one of `words`."""
    pattern = f"^({'|'.join([*words, '[45][0-9][0-9]'])})$"
    return {
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "minimum": 400,
        "maximum": 599,
        "maxLength": _MAX_STATUS_TEXT,
        "pattern": pattern,
        **rules((f"type(self) == int || {_matches(pattern)}", cure)),
    }


def closed(node: Schema) -> Schema:
    """The same for plain JSON Schema: no extensions of Kubernetes, and no key that is not named."""
    plain: Schema = {}
    for key, value in node.items():
        if key == "properties" and isinstance(value, dict):
            plain["properties"] = {name: closed(child) for name, child in value.items()}
            plain["additionalProperties"] = False
        elif key == "items" and isinstance(value, dict):
            plain["items"] = closed(value)
        elif not key.startswith("x-kubernetes-"):
            plain[key] = value
    return plain


def _matches(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return f"self.matches('{escaped}')"
