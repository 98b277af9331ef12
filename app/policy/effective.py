"""What is in force for one target, and where it came from: the result of `merge.py`."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

__all__ = ["Effective", "Origin", "Source"]

T = TypeVar("T")


class Source(IntEnum):
    """Who said it; on one level of the hierarchy the higher one wins (kubernetes design, hierarchy)."""

    BUILT_IN = 0
    ENVIRONMENT = 1
    FILE = 2
    RESOURCE = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """`policy`: its name, or the variable's for ENVIRONMENT; `target` e.g. `Gateway`, `Route/orders`."""

    source: Source
    policy: str
    target: str


@dataclass(frozen=True, slots=True)
class Effective(Generic[T]):
    """A stanza in force. `losers`: the other settings of the same stanza that apply here, strongest first."""

    value: T
    origin: Origin
    losers: tuple[tuple[T, Origin], ...] = ()
