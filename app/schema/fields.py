"""One declaration of a field: how it is read with all its faults, its JSON Schema, and how a value is written again.

A field stands under `key` in a mapping. Absent, it gives its default, or a fault where it is required. What a
document calls it and what it means stands in `says`: the custom resource, `kubectl explain` and the reference page
print it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

import app.schema.nodes as nodes
from app.schema.durations import format_duration
from app.schema.instants import parse_instant_s
from app.schema.nodes import Schema
from app.schema.section import Section
from app.schema.wording import kind_of

__all__ = [
    "CheckedText",
    "Choice",
    "Custom",
    "Duration",
    "Field",
    "Instant",
    "Switch",
    "Text",
    "TextKind",
    "Whole",
]

E = TypeVar("E", bound=StrEnum)


class Field(ABC):
    """`is_value`: what is read belongs to the record; False where it is only checked."""

    __slots__ = ()

    key: str
    is_required: bool = False
    is_value: ClassVar[bool] = True

    @abstractmethod
    def read(self, section: Section) -> object:
        """The value under `key`. A fault is noted in the section, and something usable is returned."""

    def node(self) -> Schema:
        """OpenAPI v3; a structural schema. Fields that no document describes say nothing."""
        return {}

    def write(self, value: object) -> object:
        """`value` as a document would say it; None for what it would leave out."""
        return value


@dataclass(frozen=True)
class Whole(Field):
    """A whole number from `low` to `high`."""

    key: str
    low: int
    high: int
    says: str
    default: int | None = None
    is_required: bool = False

    def read(self, section: Section) -> int | None:
        if self.default is None and not self.is_required:
            return section.optional_integer(self.key, self.low, self.high)
        return section.integer(self.key, self.low, self.high, self.default)

    def node(self) -> Schema:
        return nodes.whole(self.says, (self.low, self.high), self.default)


@dataclass(frozen=True)
class Switch(Field):
    """True or false; absent: `default`."""

    key: str
    says: str
    default: bool = False

    def read(self, section: Section) -> bool:
        value = section.raw(self.key) if self.key in section else self.default
        if isinstance(value, bool):
            return value
        section.fault(self.key, f"is {kind_of(value)}", "it must be true or false")
        return self.default

    def node(self) -> Schema:
        return nodes.switch(self.says, default=self.default)


@dataclass(frozen=True)
class Duration(Field):
    """Seconds in the model, Go style text in documents. `is_default_open`: the schema does not set the default.

    `bare_seconds`: the dialect outside policies, where a bare number means seconds.
    """

    key: str
    low_s: float
    high_s: float
    says: str
    default_s: float | None = None
    is_required: bool = False
    is_default_open: bool = False
    bare_seconds: bool = False

    def read(self, section: Section) -> float:
        return section.duration_s(
            self.key, self.low_s, self.high_s, self.default_s, bare_seconds=self.bare_seconds
        )

    def node(self) -> Schema:
        default_s = None if self.is_default_open else self.default_s
        return nodes.duration(self.says, (self.low_s, self.high_s), default_s)

    def write(self, value: object) -> object:
        assert isinstance(value, int | float)  # noqa: S101 - as read
        return format_duration(value)


@dataclass(frozen=True)
class Choice(Field, Generic[E]):
    """One of the words of `words`; without `default` it is required. `cure`: the words as a sentence lists them."""

    key: str
    words: type[E]
    says: str
    default: E | None = None
    cure: str | None = None

    @property
    def is_required(self) -> bool:  # type: ignore[override]  # follows from the default
        return self.default is None

    def read(self, section: Section) -> E:
        return section.choice(self.key, self.words, self.default, self.cure)

    def node(self) -> Schema:
        return nodes.one_of(self.says, self.words, self.default)

    def write(self, value: object) -> object:
        return str(value)


@dataclass(frozen=True)
class TextKind:
    """A grammar: `check` raises BadValue; `pattern`, `longest` say the same to the API server, `cure` in its words."""

    check: Callable[[str], str]
    longest: int
    pattern: str
    cure: str


@dataclass(frozen=True)
class Text(Field):
    """A text of some kind. `example`: what to give where it is required; without one it is optional."""

    key: str
    kind: TextKind
    says: str
    example: str | None = None

    @property
    def is_required(self) -> bool:  # type: ignore[override]  # follows from the example
        return self.example is not None

    def read(self, section: Section) -> str | None:
        if self.example is not None:
            section.required(self.key, self.example)
        return section.text(self.key, self.kind.check, None if self.example is None else "")

    def node(self) -> Schema:
        return nodes.text(self.says, self.kind.longest, self.kind.pattern, self.kind.cure)


@dataclass(frozen=True)
class CheckedText(Field):
    """A text that `check` reads (it raises BadValue). `example`: what to give where it is required.

    `takes_null`: null is as good as absent.
    """

    key: str
    check: Callable[[str], object]
    example: str | None = None
    says: str = ""
    default: object = None
    takes_null: bool = False

    @property
    def is_required(self) -> bool:  # type: ignore[override]  # follows from the example
        return self.example is not None

    def read(self, section: Section) -> object:
        default = self.default
        if self.example is not None:
            section.required(self.key, self.example)
            default = "" if default is None else default
        if self.takes_null and section.raw(self.key) is None:
            return default
        return section.text(self.key, self.check, default)

    def node(self) -> Schema:
        node: Schema = {"description": self.says, "type": "string"}
        return node if self.default is None or self.is_required else {**node, "default": self.default}


@dataclass(frozen=True)
class Custom(Field):
    """A key with a reader of its own, and what the schema says of it."""

    key: str
    reader: Callable[[Section], object]
    schema: Schema
    is_required: bool = False

    def read(self, section: Section) -> object:
        return self.reader(section)

    def node(self) -> Schema:
        return self.schema


@dataclass(frozen=True)
class Instant(Field):
    """Seconds since the epoch in the model, an RFC 3339 date-time in documents; optional."""

    key: str
    says: str

    def read(self, section: Section) -> float | None:
        return section.text(self.key, parse_instant_s, None)

    def node(self) -> Schema:
        return nodes.instant(self.says)

    def write(self, value: object) -> object:
        assert isinstance(value, int | float)  # noqa: S101 - as read
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
