"""Fields of messages between programs: strictly typed and bounded, documented nowhere; null is as good as absent."""

from dataclasses import dataclass
from typing import cast

from app.schema.faults import BadValue
from app.schema.fields import Field
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = ["Flag", "Measure", "Numbers", "ShortText", "Texts", "WallTime"]

_MAX_WALL_S = 253_402_300_799  # the end of year 9999
_MAX_MEASURE = 1_000_000_000


@dataclass(frozen=True)
class ShortText(Field):
    """Any text of at most `longest` characters; a longer one is cut when written."""

    key: str
    longest: int
    default: str | None = ""
    example: str | None = None

    def read(self, section: Section) -> str | None:
        if self.example is not None:
            section.required(self.key, self.example)
        if section.raw(self.key) is None and self.default is None:
            return None
        return section.text(self.key, self._bounded, self.default)

    def write(self, value: object) -> object:
        return cast(str, value)[: self.longest]

    def _bounded(self, text: str) -> str:
        if len(text) > self.longest:
            raise BadValue(f"has {len(text):,} characters", f"it must have at most {self.longest:,}")
        return text


@dataclass(frozen=True)
class Texts(Field):
    """At most `most` texts of 1 to `longest` characters."""

    key: str
    most: int
    longest: int

    def read(self, section: Section) -> tuple[str, ...]:
        texts = []
        for path, item in section.items(self.key, 0, self.most):
            if isinstance(item, str) and 1 <= len(item) <= self.longest:
                texts.append(item)
            else:
                section.faults.add(path, f"is {show(item)}", f"it must be a text of 1 to {self.longest}")
        return tuple(texts)


@dataclass(frozen=True)
class Numbers(Field):
    """`least` to `most` whole numbers from 1 to `high`."""

    key: str
    most: int
    high: int
    least: int = 1

    def read(self, section: Section) -> tuple[int, ...]:
        numbers = []
        for path, item in section.items(self.key, self.least, self.most):
            if isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= self.high:
                numbers.append(item)
            else:
                fix = f"it must be a whole number from 1 to {self.high:,}"
                section.faults.add(path, f"is {show(item)}", fix)
        return tuple(numbers)


@dataclass(frozen=True)
class Measure(Field):
    """A number from 0 to a billion: a rate or a duration; `default` where it is absent."""

    key: str
    default: float | None = 0.0

    def read(self, section: Section) -> float | None:
        value = section.raw(self.key)
        if value is None:
            return self.default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_MEASURE:
            section.fault(self.key, f"is {show(value)}", f"it must be a number from 0 to {_MAX_MEASURE:,}")
            return self.default
        return float(value)


@dataclass(frozen=True)
class WallTime(Field):
    """Seconds since the epoch, ≥ 0; None where it is not required and absent."""

    key: str
    is_required: bool = True

    def read(self, section: Section) -> float | None:
        value = section.raw(self.key)
        if value is None and not self.is_required:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_WALL_S:
            section.fault(self.key, f"is {show(value)}", "it must be seconds since 1970")
            return 0.0
        return float(value)


@dataclass(frozen=True)
class Flag(Field):
    """True, false, or, where it is not required, null for "does not apply"."""

    key: str
    is_required: bool = False

    def read(self, section: Section) -> bool | None:
        value = section.raw(self.key)
        if isinstance(value, bool) or (value is None and not self.is_required):
            return value
        words = "true or false" if self.is_required else "true, false or null"
        section.fault(self.key, f"is {kind_of(value)}", f"it must be {words}")
        return None
