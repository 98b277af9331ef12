"""The reference of all fields as a page of Markdown, made from the schema."""

from collections.abc import Iterator, Mapping

from app.policy.kind import API_VERSION, KIND
from app.policy.schema import spec_schema
from app.schema.durations import DURATION_PATTERN
from app.schema.nodes import Schema

__all__ = ["reference_markdown"]

_HEAD = f"""\
# Every field of a {KIND}

<!-- Generated from app/policy by `make generate`; do not edit. -->

`{API_VERSION}`. The same fields stand under `policies[].spec` of a configuration file. Durations are one to
four whole numbers with `h`, `m`, `s` or `ms`: `250ms`, `10s`, `1h30m`. What the fields mean together:
[policies.md](policies.md). The same texts: `kubectl explain rsp.spec --recursive`.
"""
_PARTS = ("circuitBreaker", "rateLimit", "timeout", "retry")


def reference_markdown() -> str:
    """Ends with a line end."""
    spec = spec_schema()
    fields = _properties(spec)
    parts = [_HEAD, "## spec", "", str(spec["description"]), ""]
    parts += [*_table({name: node for name, node in fields.items() if name not in _PARTS}, ""), ""]
    for name in _PARTS:
        parts += [f"## {name}", "", str(fields[name]["description"]), ""]
        parts += [*_table(_properties(fields[name]), ""), ""]
    parts += ["## What the API server rejects beside single values", ""]
    parts += [f"- `{place}`: {message}" for place, message in _messages("spec", spec)]
    return "\n".join(parts) + "\n"


def _table(fields: Mapping[str, Schema], prefix: str) -> Iterator[str]:
    if not prefix:
        yield "| field | type, bounds | default | meaning |"
        yield "|---|---|---|---|"
    for name, node in fields.items():
        if name == "true":  # the trap beside `on`, no field
            continue
        path, inner = f"{prefix}{name}", node.get("items", node)
        if node.get("type") == "array":
            path += "[]"
        says = str(node["description"]).replace("|", "\\|")
        yield f"| `{path}` | {_kind(node)} | {_default(node)} | {says} |"
        if isinstance(inner, dict) and "properties" in inner:
            yield from _table(_properties(inner), f"{path}.")


def _properties(node: Schema) -> dict[str, Schema]:
    found = node["properties"]
    assert isinstance(found, dict)  # noqa: S101 - made by `mapping`
    return found


def _kind(node: Schema) -> str:
    if "enum" in node:
        words = node["enum"]
        assert isinstance(words, list)  # noqa: S101 - made by `one_of`
        return ", ".join(f"`{word}`" for word in words)
    match node.get("type"):
        case "integer":
            return f"{node['minimum']:,}–{node['maximum']:,}"
        case "array":
            return f"list of {node.get('minItems', 0)}–{node['maxItems']}"
        case "object":
            return "mapping"
        case _:
            return _text_kind(node)


def _text_kind(node: Schema) -> str:
    if node.get("pattern") != f"^{DURATION_PATTERN}$":
        return f"text of at most {node['maxLength']}"
    validations = node["x-kubernetes-validations"]
    assert isinstance(validations, list)  # noqa: S101 - made by `duration`
    return "duration " + str(validations[-1]["message"]).removeprefix("must be ")


def _default(node: Schema) -> str:
    if "default" not in node:
        return ""
    value = node["default"]
    listed = value if isinstance(value, list) else [value]
    return ", ".join(f"`{item}`" for item in listed)


def _messages(place: str, node: Schema) -> Iterator[tuple[str, str]]:
    """The rules of mappings; what single values must be stands in the tables."""
    validations = node.get("x-kubernetes-validations", ())
    if "properties" in node and isinstance(validations, list):
        for rule in validations:
            yield place, rule["message"]
    inner = node.get("items")
    if isinstance(inner, dict):
        yield from _messages(f"{place}[]", inner)
    for name, child in _properties(node).items() if "properties" in node else ():
        yield from _messages(f"{place}.{name}", child)
