"""What is wrong with a document, and where: all faults are collected before anything is rejected."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from app.foundation.errors import BadValue, ConfigFault, ConfigFaults
from app.schema.wording import show

__all__ = ["MAX_FAULTS", "BadValue", "Faults", "Found", "Path", "spell"]

T = TypeVar("T")

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document to a value."""

MAX_FAULTS = 100
"""More help nobody; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Found:
    """A fault before its place is spelled out. `line`: 1-based, None where it follows from the path."""

    path: Path
    what: str
    fix: str
    line: int | None = None


class Faults:
    """What is wrong so far."""

    __slots__ = ("found", "unsaid")

    def __init__(self, found: Iterable[Found] = ()) -> None:
        self.found: list[Found] = list(found)
        self.unsaid = 0

    def __len__(self) -> int:
        return len(self.found) + self.unsaid

    @property
    def is_full(self) -> bool:
        """Whether further faults are only counted: looking for their cure would be wasted."""
        return len(self.found) >= MAX_FAULTS

    def add(self, path: Path, what: str, fix: str, line: int | None = None) -> None:
        if self.is_full:
            self.unsaid += 1
        else:
            self.found.append(Found(path, what, fix, line))

    def checked(self, path: Path, check: Callable[[str], T], text: str) -> T | None:
        """What `check` makes of `text`; None, and a fault at `path`, if it raises BadValue."""
        try:
            return check(text)
        except BadValue as bad:
            self.add(path, bad.what, bad.fix)
            return None

    def as_config_faults(self, label: Callable[[Found], str]) -> tuple[ConfigFault, ...]:
        """All of them, each at `label(found)`; what was only counted becomes one last fault."""
        faults = [ConfigFault(label(found), found.what, found.fix) for found in self.found]
        if self.unsaid:
            place = label(Found((), "", ""))
            faults.append(ConfigFault(place, f"has {self.unsaid} more faults", "mend those above first"))
        return tuple(faults)

    def raise_any(self, label: Callable[[Found], str]) -> None:
        """Raises ConfigFaults if there is a fault."""
        if self.found:  # the first fault is always kept
            raise ConfigFaults(self.as_config_faults(label))


def spell(path: Path) -> str:
    """`("routes", 2, "match")` as `routes[2].match`; keys with odd characters are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("-", "").replace("_", "").isalnum() and part.isascii():
            text += f".{part}" if text else part
        else:
            text += f"[{show(part)}]"
    return text
