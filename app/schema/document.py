"""YAML text to plain values, strictly, with line numbers for faults. The only module that knows PyYAML.

Scalars follow the core schema of YAML 1.2 (§10.3.2): `on`, `no`, dates and `1:30` are texts, so no field
changes its meaning by looking like something else. Keys are always texts. A key given twice, a tag, a
merge key (`<<`), a value nested deeper than 64 or more than 1,000,000 values (aliases count as what they
stand for) are faults. The text is read as a stream of events: no aliases are copied, no tree is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.faults import Faults, Found, Path, spell
from app.schema.file_size import check_size

if TYPE_CHECKING:
    from yaml.events import Event, ScalarEvent

__all__ = ["Document", "load_document", "load_documents"]

MAX_VALUES = 1_000_000
MAX_DEPTH = 64

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# bounded: int() of an endless number costs more than linear time
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_OTHER_INTEGER = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TEXT_TAGS: frozenset[str | None] = frozenset({"!", "tag:yaml.org,2002:str"})
_COLLECTION_TAGS: frozenset[str | None] = frozenset(
    {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
)


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. `found`: what is wrong with it as YAML though it could be read."""

    value: object
    source: str
    found: tuple[Found, ...]
    text: str
    index: int

    def located(self, faults: Faults) -> tuple[ConfigFault, ...]:
        """The faults with source, line and path, in the order of the lines."""
        lines = _locate(self.text, self.index, [found.path for found in faults.found])

        def line_of(found: Found) -> int:
            """That of the deepest part of the path that exists; 0 for none."""
            if found.line is not None:
                return found.line
            ends = range(len(found.path), 0, -1)
            return next((lines[found.path[:end]] for end in ends if found.path[:end] in lines), 0)

        def label(found: Found) -> str:
            place = f"{self.source}:{line}" if (line := line_of(found)) else self.source
            path = spell(found.path)
            return f"{place}: {path}" if path else place

        faults.found.sort(key=line_of)
        return faults.as_config_faults(label)

    def line_of(self, path: Path) -> int:
        """The file's line where the value at `path` begins, or the deepest part of the path that exists; 1 for none."""
        lines = _locate(self.text, self.index, [path])
        return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)

    def raise_any(self, faults: Faults) -> None:
        """Raises ConfigFaults, located, if there is a fault."""
        if len(faults):
            raise ConfigFaults(self.located(faults))


def load_document(text: bytes, source: str) -> Document:
    """The only document of a file (empty: None); raises ConfigFaults if it is no YAML or has more."""
    documents = load_documents(text, source)
    if len(documents) > 1:
        what = f"holds {len(documents)} documents"
        raise ConfigFaults(
            [ConfigFault(source, what, "it must hold one: remove the lines that are only ---")]
        )
    return documents[0] if documents else Document(None, source, (), "", 0)


def load_documents(text: bytes, source: str) -> tuple[Document, ...]:
    """All documents of a file; raises ConfigFaults for a fault of syntax, with line and column."""
    check_size(len(text), source)
    decoded = _decode(text, source)
    try:
        reader = _EventReader(decoded)
        documents: list[Document] = []
        while reader.next_document():
            faults = Faults()
            value = reader.read(faults)
            documents.append(Document(value, source, tuple(faults.found), decoded, len(documents)))
    except _Unreadable as bad:
        place = source if bad.line is None else f"{source}:{bad.line}"
        raise ConfigFaults([ConfigFault(place, bad.what, bad.fix)]) from None
    return tuple(documents)


class _Unreadable(Exception):
    """A fault behind which nothing more can be read."""

    def __init__(self, what: str, fix: str, line: int | None = None) -> None:
        self.what, self.fix, self.line = what, fix, line


class _EventReader:
    """Builds values from the parser's events; recursion is bounded by MAX_DEPTH.

    `wanted`: paths whose first line is kept in `lines`.
    """

    def __init__(self, text: str, wanted: frozenset[Path] = frozenset()) -> None:
        import yaml  # loads 15 modules: only who has a file pays for them

        self._events = yaml
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            self._loader = loader(text)
        except yaml.YAMLError as error:  # the pure Python reader checks characters at once
            raise _syntax_fault(error, text) from None
        self._text = text
        self._wanted = wanted
        self.lines: dict[Path, int] = {}
        self._start()

    def next_document(self) -> bool:
        """Steps over the head of the next document; False at the end."""
        while not isinstance(event := self._next(), self._events.DocumentStartEvent):
            if isinstance(event, self._events.StreamEndEvent):
                return False
        self._start()
        return True

    def read(self, faults: Faults) -> object:
        """The value of the document just opened."""
        self._faults = faults
        return self._value(self._next())

    def _start(self) -> None:
        self._path: list[str | int] = []
        self._count = 0
        self._anchors: dict[str, tuple[object, int]] = {}

    def _next(self) -> Event:
        try:
            event: Event = self._loader.get_event()
        except self._events.YAMLError as error:
            raise _syntax_fault(error, self._text) from None
        return event

    def _value(self, event: Event) -> object:
        """`event` opens a value: reads it to its end."""
        line = _line(event)
        value: object
        if self._wanted and (path := tuple(self._path)) in self._wanted:
            self.lines.setdefault(path, line)
        if isinstance(event, self._events.AliasEvent):
            value, size = self._aliased(event.anchor, line)
            self._grow(size, line)
            return value
        before = self._count
        self._grow(1, line)
        if isinstance(event, self._events.ScalarEvent):
            value = self._scalar(event, line)
        elif isinstance(event, self._events.MappingStartEvent):
            value = self._mapping(event, line)
        else:
            value = self._sequence(event, line)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = (value, self._count - before)
        return value

    def _aliased(self, anchor: str | None, line: int) -> tuple[object, int]:
        # an anchor counts from the end of its value, so none can hold itself
        if anchor is None or anchor not in self._anchors:
            raise _Unreadable(
                f"*{anchor} stands for nothing", f"put &{anchor} before the value it means", line
            )
        return self._anchors[anchor]

    def _grow(self, size: int, line: int) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            what = f"holds more than {MAX_VALUES:,} values"
            raise _Unreadable(what, "make it smaller; an alias counts as all it stands for", line)

    def _scalar(self, event: ScalarEvent, line: int) -> object:
        if event.tag is not None:
            self._check_tag(event.tag, _TEXT_TAGS, line)
        elif event.implicit[0]:  # written without quotes
            return _plain(event.value)
        return event.value

    def _open(self, event: Event, line: int) -> None:
        self._check_tag(getattr(event, "tag", None), _COLLECTION_TAGS, line)
        if len(self._path) >= MAX_DEPTH:
            raise _Unreadable(f"is nested deeper than {MAX_DEPTH}", "make it flatter", line)

    def _mapping(self, event: Event, line: int) -> dict[str, object]:
        self._open(event, line)
        values: dict[str, object] = {}
        while not isinstance(event := self._next(), self._events.MappingEndEvent):
            line = _line(event)
            key = self._key(event, line)
            self._path.append(key)
            if self._wanted and (path := tuple(self._path)) in self._wanted:
                self.lines.setdefault(path, line)
            value = self._value(self._next())
            if key in values:
                what = "is given twice in one mapping"
                self._faults.add(tuple(self._path), what, "keep one of the two", line)
            values.setdefault(key, value)
            self._path.pop()
        return values

    def _key(self, event: Event, line: int) -> str:
        value: object = None
        if isinstance(event, self._events.AliasEvent):
            value, _ = self._aliased(event.anchor, line)
        elif isinstance(event, self._events.ScalarEvent):
            if event.value == "<<" and event.implicit[0]:
                raise _Unreadable("merge keys (<<) are not supported", "write the keys out", line)
            value = event.value
        if not isinstance(value, str):
            raise _Unreadable("a key is no plain text", "write every key as a word", line)
        return value

    def _sequence(self, event: Event, line: int) -> list[object]:
        self._open(event, line)
        values: list[object] = []
        while not isinstance(event := self._next(), self._events.SequenceEndEvent):
            self._path.append(len(values))
            values.append(self._value(event))
            self._path.pop()
        return values

    def _check_tag(self, tag: str | None, known: frozenset[str | None], line: int) -> None:
        if tag not in known:
            raise _Unreadable(
                f"the tag {str(tag)[:60]!r} is not supported", "write the value without a tag", line
            )


def _plain(text: str) -> object:
    """The value of an unquoted scalar in the core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789-+.":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OTHER_INTEGER.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _decode(text: bytes, source: str) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{text[error.start]:02x} is no UTF-8"
        raise ConfigFaults([ConfigFault(f"{source}:{line}", what, "save the file as UTF-8 text")]) from None


def _syntax_fault(error: Exception, text: str) -> _Unreadable:
    """What the parser said, with the line and column it said it about."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        problem = getattr(error, "problem", None) or "cannot be read"
        what = f"is no YAML: {problem} (column {mark.column + 1})"
        return _Unreadable(what, "check indentation, colons and quotes here and just above", mark.line + 1)
    position = getattr(error, "position", None)
    line = None if position is None else text.count("\n", 0, position) + 1
    reason = getattr(error, "reason", None) or "cannot be read"
    return _Unreadable(f"is no YAML: {reason}", "remove control characters; is it a text file?", line)


def _locate(text: str, index: int, paths: Iterable[Path]) -> dict[Path, int]:
    """First lines of `paths` and of all above them, as far as they exist; reads the text once more."""
    wanted = frozenset(path[:end] for path in paths for end in range(1, len(path) + 1))
    if not wanted:
        return {}
    reader = _EventReader(text, wanted)
    for _ in range(index):
        reader.next_document()
    reader.next_document()
    reader.read(Faults())
    return reader.lines
