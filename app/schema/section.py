"""Reads untyped mappings (from YAML or JSON) strictly, key by key, noting every fault with its path.

A reader that finds a fault notes it and returns something usable, so that one pass finds all faults; the
caller throws the result away if any were noted. YAML types count: true is no number, 10 is no text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from app.schema.durations import format_duration, parse_duration_s
from app.schema.faults import Faults, Path
from app.schema.wording import kind_of, nearest, show

__all__ = ["Section"]

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class Section:
    """A mapping whose keys are taken one by one. An absent key without default is a fault."""

    __slots__ = ("_values", "faults", "path")

    def __init__(self, values: Mapping[str, object], path: Path, faults: Faults) -> None:
        self._values, self.path, self.faults = values, path, faults

    @classmethod
    def open(cls, value: object, path: Path, keys: Collection[str], faults: Faults) -> Section | None:
        """None, and a fault, if `value` is no mapping; each key outside `keys` is a fault too."""
        if not isinstance(value, Mapping):
            faults.add(path, f"is {kind_of(value)}, not a mapping", f"give {_listed(keys)}")
            return None
        for key in value:
            if key not in keys:
                near = None if faults.is_full else nearest(str(key), keys)
                fix = f"did you mean {near}?" if near else f"known here: {_listed(keys)}"
                faults.add((*path, str(key)), "is not a known key", fix)
        return cls(value, path, faults)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def at(self, key: str) -> Path:
        return (*self.path, key)

    def fault(self, key: str, what: str, fix: str) -> None:
        self.faults.add(self.at(key), what, fix)

    def raw(self, key: str) -> object:
        """The untyped value; None if absent."""
        return self._values.get(key)

    def required(self, key: str, example: str) -> bool:
        """Whether `key` is there; a fault if not."""
        if key in self._values:
            return True
        self.fault(key, "is required", f"give {example}")
        return False

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        if key not in self._values:
            if default is None:
                self.fault(key, "is required", f"give a whole number from {low:,} to {high:,}")
                return low
            return default
        value = self._values[key]
        fix = f"it must be a whole number from {low:,} to {high:,}"
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(key, f"is {kind_of(value)}", fix)
        elif not low <= value <= high:
            self.fault(key, f"is {show(value)}", fix)
        else:
            return value
        return low

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        return self.integer(key, low, high) if key in self._values else None

    def duration_s(
        self,
        key: str,
        low_s: float,
        high_s: float,
        default_s: float | None = None,
        *,
        bare_seconds: bool = False,
    ) -> float:
        """A duration from `low_s` to `high_s`; `bare_seconds`: the dialect outside policies."""
        if key not in self._values:
            if default_s is None:
                self.fault(key, "is required", "give a duration such as 250ms, 10s or 1h30m")
                return low_s
            return default_s
        value = self._values[key]
        number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000_000
        if number and bare_seconds:
            value = str(value)
        if not isinstance(value, str):
            fix = f"write {value}s for seconds" if number else "write a duration such as 250ms, 10s or 1h30m"
            self.fault(key, f"is {kind_of(value)}, not a duration", fix)
            return low_s
        duration_s = self.faults.checked(
            self.at(key), lambda text: parse_duration_s(text, bare_seconds=bare_seconds), value
        )
        if duration_s is None:
            return low_s
        if not low_s <= duration_s <= high_s:
            span = f"from {format_duration(low_s)} to {format_duration(high_s)}"
            self.fault(key, f"is {value}", f"it must be {span}")
            return low_s
        return duration_s

    def text(self, key: str, check: Callable[[str], T], default: T) -> T:
        """What `check` makes of a text; `default` if it is absent or `check` raises BadValue."""
        if key not in self._values:
            return default
        value = self._values[key]
        if not isinstance(value, str):
            self.fault(key, f"is {kind_of(value)}, not a text", _quoting(value))
            return default
        made = self.faults.checked(self.at(key), check, value)
        return default if made is None else made

    def choice(self, key: str, kinds: type[E], default: E | None = None, cure: str | None = None) -> E:
        """One of the words of `kinds`; `cure`: the words as a sentence lists them."""
        words = [str(word) for word in kinds]
        listed = cure or f"one of {_listed(words)}"
        if key in self._values:
            value = self._values[key]
            if isinstance(value, str) and value in words:
                return kinds(value)
            near = nearest(value, words) if isinstance(value, str) else None
            self.fault(key, f"is {show(value)}", f"did you mean {near}?" if near else f"it must be {listed}")
        elif default is None:
            self.fault(key, "is required", f"give {listed}")
        return default or next(iter(kinds))

    def items(self, key: str, low: int = 0, high: int | None = None) -> Iterator[tuple[Path, object]]:
        """The items of a list of `low` to `high`, with their paths; none if absent (a fault if `low` > 0)."""
        path = self.at(key)
        return (((*path, index), item) for index, item in enumerate(self.listed(key, low, high)))

    def listed(self, key: str, low: int = 0, high: int | None = None) -> Sequence[object]:
        """As `items`, without the paths: of thousands of items hardly any has a fault."""
        if key not in self._values:
            if low:
                self.fault(key, "is required", "give a list")
            return ()
        value = self._values[key]
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            self.fault(
                key, f"is {kind_of(value)}, not a list", "write it as a list: [..], or lines that open with -"
            )
            return ()
        if len(value) < low or (high is not None and len(value) > high):
            span = f"at least {low}" if high is None else f"{low} to {high}"
            self.fault(key, f"has {len(value)} items", f"it must have {span}")
        return value[:high]

    def texts(
        self,
        key: str,
        check: Callable[[str], T],
        bounds: tuple[int, int | None] = (0, None),
        *,
        noun: str = "text",
        cure: str = "put it in quotes",
    ) -> Iterator[tuple[Path, T]]:
        """What `check` makes of a list's texts, with their paths; what is no text or bad is a fault.

        `noun` names one of them, `cure` says how to write one.
        """
        for path, item in self.items(key, *bounds):
            if not isinstance(item, str):
                self.faults.add(path, f"is {kind_of(item)}, not a {noun}", cure)
                continue
            made = self.faults.checked(path, check, item)
            if made is not None:
                yield path, made

    def section(self, key: str, keys: Collection[str]) -> Section | None:
        """The mapping under `key`; None if absent or no mapping."""
        if key not in self._values:
            return None
        return Section.open(self._values[key], self.at(key), keys, self.faults)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


def _quoting(value: object) -> str:
    if isinstance(value, bool | int | float):
        return "put it in quotes"
    return "write a text"
