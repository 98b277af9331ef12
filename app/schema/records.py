"""Mappings and lists of declared fields: one declaration gives the parser with all faults, the schema, the writer."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

import app.schema.nodes as nodes
from app.schema.faults import Faults, Path
from app.schema.fields import Field, TextKind
from app.schema.nodes import Schema
from app.schema.section import Section

__all__ = ["Ignored", "ListOf", "Nested", "Record", "Rule", "TextList", "Unique"]

T = TypeVar("T")


@dataclass(frozen=True)
class Rule(Generic[T]):
    """A rule between fields, once for the API server (CEL, with its message) and once for our parser.

    `check` notes its faults in the section; None where reading alone finds them. `compares_values`: it is asked only
    where every field was read without a fault, since what stands for a bad value means nothing.
    """

    cel: str
    message: str
    check: Callable[[Section, T], None] | None = None
    compares_values: bool = False


class Record(Generic[T]):
    """A mapping that becomes `build(**values)`: fields by their names in the model, in the order of documents.

    `is_open`: unknown keys are ignored, and null is as good as absent for what is nested.
    """

    __slots__ = ("_build", "_fields", "_rules", "is_open", "keys", "says")

    def __init__(
        self,
        build: Callable[..., T],
        says: str,
        fields: Mapping[str, Field],
        *rules: Rule[T],
        is_open: bool = False,
    ) -> None:
        self._build, self.says, self._fields, self._rules = build, says, fields, rules
        self.is_open = is_open
        self.keys = tuple(
            field.key for field in fields.values() if not isinstance(field, Ignored) or field.is_known
        )

    def open(self, value: object, path: Path, faults: Faults) -> T | None:
        """What `value` says; None, and a fault, if it is no mapping."""
        known = value if self.is_open and isinstance(value, dict) else self.keys
        section = Section.open(value, path, known, faults)
        return None if section is None else self.read(section)

    def read(self, section: Section) -> T:
        """Counts only if no fault was noted."""
        faults_before = len(section.faults)
        read = {name: field.read(section) for name, field in self._fields.items()}
        is_clean = len(section.faults) == faults_before
        made = self._build(**{name: value for name, value in read.items() if self._fields[name].is_value})
        for rule in self._rules:
            if rule.check is not None and (is_clean or not rule.compares_values):
                rule.check(section, made)
        return made

    def node(self) -> Schema:
        """OpenAPI v3 with the rules as Kubernetes' validations."""
        fields = self._fields.values()
        required = [field.key for field in fields if field.is_required]
        node = nodes.mapping(self.says, {field.key: field.node() for field in fields}, required)
        rules = [(rule.cel, rule.message) for rule in self._rules]
        return node | nodes.rules(*rules) if rules else node

    def write(self, made: T) -> dict[str, object]:
        """As a document would say it, defaults spelled out."""
        written: dict[str, object] = {}
        for name, field in self._fields.items():
            value = getattr(made, name) if field.is_value else None
            if value is not None and (said := field.write(value)) is not None:
                written[field.key] = said
        return written


@dataclass(frozen=True)
class Nested(Field, Generic[T]):
    """A record under a key; `default` where it is absent. `example`: what to give where it is required."""

    key: str
    record: Record[T]
    default: T | None = None
    example: str | None = None

    @property
    def is_required(self) -> bool:  # type: ignore[override]  # follows from the example
        return self.example is not None

    def read(self, section: Section) -> T | None:
        value = section.raw(self.key)
        if self.key not in section or (value is None and self.record.is_open):
            if self.example is not None:
                section.fault(self.key, "is required", self.example)
            return self.default
        made = self.record.open(value, section.at(self.key), section.faults)
        return self.default if made is None else made

    def node(self) -> Schema:
        return self.record.node()

    def write(self, value: object) -> object:
        return self.record.write(cast(T, value))


@dataclass(frozen=True)
class Unique(Generic[T]):
    """Items must differ in `identity` (None: not compared); the fault says `repeats …` at `key` of the later one.

    Without `key` the whole item counts, so one with a fault of its own is not compared.
    """

    identity: Callable[[T], Hashable | None]
    shown: Callable[[T], str]
    fix: str
    key: str | None = None


@dataclass(frozen=True)
class ListOf(Field, Generic[T]):
    """A list of records. `kind` and `map_keys`: how two writers' lists are merged by the API server."""

    key: str
    item: Record[T]
    bounds: tuple[int, int]
    says: str
    unique: Unique[T] | None = None
    kind: str = "atomic"
    map_keys: tuple[str, ...] = ()

    @property
    def is_required(self) -> bool:  # type: ignore[override]  # follows from the bounds
        return self.bounds[0] > 0

    def read(self, section: Section) -> tuple[T, ...]:
        made: list[T] = []
        known: set[Hashable] = set()
        for path, value in section.items(self.key, *self.bounds):
            faults_before = len(section.faults)
            one = self.item.open(value, path, section.faults)
            if one is None:
                continue
            made.append(one)
            unique = self.unique
            if unique is None or (unique.key is None and len(section.faults) > faults_before):
                continue
            identity = unique.identity(one)
            if identity is not None and identity in known:
                place = path if unique.key is None else (*path, unique.key)
                section.faults.add(place, f"repeats {unique.shown(one)}", unique.fix)
            known.add(identity)
        return tuple(made)

    def node(self) -> Schema:
        return nodes.items(self.says, self.item.node(), self.bounds, self.kind, self.map_keys)

    def write(self, value: object) -> object:
        return [self.item.write(one) for one in cast("tuple[T, ...]", value)[: self.bounds[1]]]


@dataclass(frozen=True)
class TextList(Field):
    """A set of texts of one kind; `noun` and `item_says` name one of them."""

    key: str
    kind: TextKind
    bounds: tuple[int, int]
    says: str
    noun: str
    item_says: str

    def read(self, section: Section) -> frozenset[str]:
        texts: set[str] = set()
        noun = f"{self.noun} name"
        for path, text in section.texts(self.key, self.kind.check, self.bounds, noun=noun):
            if text in texts:
                section.faults.add(path, f"repeats {text}", f"each {self.noun} must appear once")
            texts.add(text)
        return frozenset(texts)

    def node(self) -> Schema:
        item = nodes.text(self.item_says, self.kind.longest, self.kind.pattern, self.kind.cure)
        return nodes.items(self.says, item, self.bounds, "set")

    def write(self, value: object) -> object:
        return sorted(cast("frozenset[str]", value)) or None


@dataclass(frozen=True)
class Ignored(Field):
    """A key without a value of its own.

    `is_known`: our readers let it pass. Else only the API server knows it, to reject it with a cure.
    """

    is_value: ClassVar[bool] = False

    key: str
    schema: Mapping[str, Any]
    is_known: bool = False

    def read(self, section: Section) -> None:
        """Nothing."""

    def node(self) -> Schema:
        return dict(self.schema)
