"""Reads `values.yaml` with its comments: `# name: meaning` above every key, `# @schema {…}` for what the
default does not say. Makes the JSON Schema and the table of values from it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Value", "read_values", "schema_text", "table_markdown"]

_KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z0-9./_-]+):(?P<rest>.*)")
_COMMENT = re.compile(r" *# ?(?P<text>.*)")
_PLAIN = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


@dataclass(slots=True)
class Value:
    """One key: its dotted path, what its comment says, its default (None for a mapping of keys)."""

    path: tuple[str, ...]
    meaning: str
    default: Any
    given: dict[str, Any] = field(default_factory=dict)
    children: list["Value"] = field(default_factory=list)

    @property
    def name(self) -> str:
        return ".".join(self.path)


def read_values(path: Path) -> list[Value]:
    """The keys at the top. Raises AssertionError for a key whose comment does not start with its name."""
    text = path.read_text()
    defaults = yaml.safe_load(text)
    top = Value((), "", defaults)
    parents = [top]
    comment: list[str] = []
    for line in text.splitlines():
        if found := _COMMENT.fullmatch(line):
            comment.append(found["text"])
        elif not line.strip():
            comment = []
        elif found := _KEY.fullmatch(line):
            depth = len(found["indent"]) // 2
            del parents[depth + 1 :]
            if parents[-1].path and parents[-1].path[-1] == "matchLabels":
                comment = []
                continue  # labels of a default, not keys of ours
            parents.append(_value(parents[-1], found["name"], comment))
            comment = []
    return top.children


def _value(parent: Value, name: str, comment: list[str]) -> Value:
    path = (*parent.path, name)
    given = [line.removeprefix("@schema ") for line in comment if line.startswith("@schema ")]
    meaning = " ".join(line for line in comment if not line.startswith("@schema "))
    assert meaning.startswith(f"{name}: "), f"{'.'.join(path)}: its comment does not start with its name"
    made = Value(path, meaning.removeprefix(f"{name}: "), parent.default[name])
    for line in given:
        made.given |= json.loads(line)
    parent.children.append(made)
    return made


def _schema(value: Value) -> dict[str, Any]:
    made: dict[str, Any] = {"description": value.meaning, "type": _PLAIN[type(value.default)]}
    if value.children:
        made["properties"] = {child.path[-1]: _schema(child) for child in value.children}
        made["additionalProperties"] = False
    elif not value.path or value.path[-1] != "matchLabels":
        made["default"] = value.default
    if value.name == "extraObjects":
        made["items"] = {"type": ["object", "string"]}
    return made | value.given


def schema_text(values: list[Value]) -> str:
    """values.schema.json. `global` stays open: a parent chart may put its own keys there."""
    properties = {value.path[-1]: _schema(value) for value in values}
    properties["global"]["additionalProperties"] = True
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart tidegate",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _leaves(values: list[Value]) -> Iterator[Value]:
    for value in values:
        if value.children:
            yield from _leaves(value.children)
        else:
            yield value


def table_markdown(values: list[Value]) -> str:
    """One table for each key at the top, one row for each value that can be set."""
    parts = []
    for top in values:
        rows = [f"### {top.path[0]}", "", top.meaning[:1].upper() + top.meaning[1:], ""]
        rows += ["| value | default | meaning |", "|---|---|---|"]
        for leaf in _leaves([top]):
            default = json.dumps(leaf.default, ensure_ascii=False).replace("|", "\\|")
            meaning = leaf.meaning.replace("|", "\\|")
            rows.append(f"| `{leaf.name}` | `{default}` | {meaning} |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"
