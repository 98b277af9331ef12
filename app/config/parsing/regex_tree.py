"""A regular expression as a tree of a few shapes. The only module that knows the parser of Python's `re`.

That parser is private (`re._parser`, CPython 3.11 to 3.15); a shape that it does not name here is read as
something that takes any one character.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

__all__ = ["Atomic", "Choice", "Node", "OneOf", "Repeat", "Row", "read_regex"]

_SAMPLES = "".join(map(chr, range(128))) + "éßЖ中٣\u00a0\u2028\udc80"
"""Characters that tell classes apart: all of ASCII, and of the rest letters, a digit, blanks, a raw byte."""

_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


@dataclass(frozen=True, slots=True)
class OneOf:
    """One character; `chars`: a bit for each of the tree's alphabet."""

    chars: int


@dataclass(frozen=True, slots=True)
class Row:
    """One part after the other; none: takes nothing."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """`part` from `low` to `high` times; `high` may be beyond any text's length."""

    part: "Node"
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Atomic:
    """What is never taken back once it matched: `(?>…)`, `x++`; `is_look`: it takes nothing, `(?=…)`."""

    part: "Node"
    is_look: bool = False


Node: TypeAlias = OneOf | Row | Choice | Repeat | Atomic


def read_regex(pattern: re.Pattern[str], never: str = "") -> tuple[Node, int]:
    """The tree of `pattern`, and the set of all characters; `never`: those that no text will hold.

    Raises RecursionError for one that is nested too deep.
    """
    own = {near for char in pattern.pattern if not char.isascii() for near in _near(char)}
    alphabet = [char for char in dict.fromkeys([*_SAMPLES, *sorted(own)]) if char not in never]
    tree = import_module("re._parser").parse(pattern.pattern, pattern.flags)
    reader = _Reader(alphabet)
    return reader.row(tree, bool(pattern.flags & re.IGNORECASE)), (1 << len(alphabet)) - 1


def _near(char: str) -> Iterable[str]:
    return (chr(code) for code in range(max(0, ord(char) - 1), min(0x10FFFF, ord(char) + 1) + 1))


class _Reader:
    def __init__(self, alphabet: Sequence[str]) -> None:
        self._alphabet = alphabet

    def row(self, items: Iterable[tuple[Any, Any]], fold: bool) -> Node:
        parts = [self._node(str(code), given, fold) for code, given in items]
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _node(self, code: str, given: Any, fold: bool) -> Node:
        """`fold`: upper and lower case are one."""
        match code:
            case "MAX_REPEAT" | "MIN_REPEAT":
                low, high, items = given
                return Repeat(self.row(items, fold), int(low), int(high))
            case "POSSESSIVE_REPEAT":
                low, high, items = given
                return Atomic(Repeat(self.row(items, fold), int(low), int(high)))
            case "SUBPATTERN":
                _, on, off, items = given
                return self.row(items, (fold or bool(on & re.IGNORECASE)) and not off & re.IGNORECASE)
            case "BRANCH":
                return Choice(tuple(self.row(items, fold) for items in given[1]))
            case "GROUPREF_EXISTS":
                return Choice(
                    tuple(Row(()) if items is None else self.row(items, fold) for items in given[1:])
                )
            case "ATOMIC_GROUP":
                return Atomic(self.row(given, fold))
            case "ASSERT" | "ASSERT_NOT":
                return Atomic(self.row(given[1], fold), is_look=True)
            case "AT":
                return Row(())
            case _:
                return OneOf(self._chars(code, given, fold))

    def _chars(self, code: str, given: Any, fold: bool) -> int:
        return sum(1 << at for at, char in enumerate(self._alphabet) if _takes(code, given, char, fold))


def _takes(code: str, given: Any, char: str, fold: bool) -> bool:
    forms = {char, char.lower(), char.upper()} if fold else {char}
    match code:
        case "LITERAL":
            return chr(given) in forms
        case "NOT_LITERAL":
            return chr(given) not in forms
        case "RANGE":
            return any(len(form) == 1 and given[0] <= ord(form) <= given[1] for form in forms)
        case "CATEGORY":
            return _in_category(str(given), char)
        case "ANY":
            return char != "\n"
        case "IN":
            negated = str(given[0][0]) == "NEGATE"
            items = given[1:] if negated else given
            return any(_takes(str(item), value, char, fold) for item, value in items) is not negated
        case _:
            return True


@lru_cache(4096)
def _in_category(name: str, char: str) -> bool:
    """`name`: such as CATEGORY_NOT_DIGIT."""
    matched = re.match(_CATEGORIES[name.rpartition("_")[2]], char) is not None
    return matched is not ("NOT" in name)
