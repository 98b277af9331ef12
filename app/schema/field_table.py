"""Tables of fields and lists of rules in Markdown, made from a schema."""

from collections.abc import Collection, Iterator, Mapping

from app.schema.durations import DURATION_PATTERN
from app.schema.nodes import Schema

__all__ = ["field_table", "properties_of", "rule_messages"]


def field_table(
    fields: Mapping[str, Schema], hidden: Collection[str] = (), prefix: str = ""
) -> Iterator[str]:
    """A line for each field, then for those below it; with a head where `prefix` is empty.

    `hidden`: keys that are known only to be rejected.
    """
    if not prefix:
        yield "| field | type, bounds | default | meaning |"
        yield "|---|---|---|---|"
    for name, node in fields.items():
        if name in hidden:
            continue
        path, inner = f"{prefix}{name}", node.get("items", node)
        if node.get("type") == "array":
            path += "[]"
        says = str(node["description"]).replace("|", "\\|")
        yield f"| `{path}` | {_kind(node)} | {_default(node)} | {says} |"
        if isinstance(inner, dict) and "properties" in inner:
            yield from field_table(properties_of(inner), hidden, f"{path}.")


def properties_of(node: Schema) -> dict[str, Schema]:
    """The fields of a mapping."""
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
            least, most = node.get("minItems", 0), node.get("maxItems")
            return f"list of {least} or more" if most is None else f"list of {least}–{most}"
        case "object":
            return "mapping"
        case "boolean":
            return "`true`, `false`"
        case _:
            return _text_kind(node)


def _text_kind(node: Schema) -> str:
    if node.get("pattern") != f"^{DURATION_PATTERN}$":
        return f"text of at most {node['maxLength']}" if "maxLength" in node else "text"
    validations = node["x-kubernetes-validations"]
    assert isinstance(validations, list)  # noqa: S101 - made by `duration`
    return "duration " + str(validations[-1]["message"]).removeprefix("must be ")


def _default(node: Schema) -> str:
    if "default" not in node:
        return ""
    value = node["default"]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    listed = value if isinstance(value, list) else [value]
    return ", ".join(f"`{item}`" for item in listed)


def rule_messages(place: str, node: Schema) -> Iterator[tuple[str, str]]:
    """Place and message of each rule between fields; what single values must be stands in the tables."""
    validations = node.get("x-kubernetes-validations", ())
    if "properties" in node and isinstance(validations, list):
        for rule in validations:
            yield place, rule["message"]
    inner = node.get("items")
    if isinstance(inner, dict):
        yield from rule_messages(f"{place}[]", inner)
    for name, child in properties_of(node).items() if "properties" in node else ():
        yield from rule_messages(f"{place}.{name}", child)
