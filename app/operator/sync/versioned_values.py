"""Named values of which the newest counts, and what changed in them since somebody looked last. Pure."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Final, Generic, TypeVar

from app.config.sync.newest import Delta, Held

__all__ = ["MAX_REMEMBERED", "VersionedValues"]

V = TypeVar("V")

MAX_REMEMBERED: Final = 10_000
"""Names that are no more; who has not looked since an older one went gets everything."""


class VersionedValues(Generic[V]):
    """`version` rises with each change; it counts within `boot`, the process that the values are kept in.

    Each name remembers the version of its last change, in the order of these: so what changed since a version costs
    as much as changed since then, whatever there is besides.
    """

    def __init__(self, boot: str) -> None:
        self.boot, self.version = boot, 0
        self._values: dict[str, V] = {}
        self._changed_at: OrderedDict[str, int] = OrderedDict()
        self._removed_at: OrderedDict[str, int] = OrderedDict()
        self._complete_since = 0

    @property
    def values(self) -> Mapping[str, V]:
        """All there are now."""
        return self._values

    def replace(self, values: Mapping[str, V]) -> bool:
        """These are all; whether that is a change."""
        return self.change(values, [name for name in self._values if name not in values])

    def change(self, values: Mapping[str, V], removed: Iterable[str] = ()) -> bool:
        """These are as given, and those no more; all others stay. Whether that is a change."""
        version, is_change = self.version + 1, False
        for name in removed:
            if name not in values and self._values.pop(name, None) is not None:
                self._changed_at.pop(name)
                self._removed_at[name] = version
                self._removed_at.move_to_end(name)
                is_change = True
        for name, value in values.items():
            if self._values.get(name) != value:
                self._values[name] = value
                self._changed_at[name] = version
                self._changed_at.move_to_end(name)
                self._removed_at.pop(name, None)
                is_change = True
        if is_change:
            self.version = version
            self._forget()
        return is_change

    def version_of(self, name: str) -> int | None:
        """Since which version it is as it is; None where there is none of that name."""
        return self._changed_at.get(name)

    def since(self, held: Held) -> Delta[V] | None:
        """What somebody lacks who holds the values of `held`; None where nothing is missing."""
        here = Held(self.boot, self.version)
        if held == here:
            return None
        if held.boot != self.boot or not self._complete_since <= held.version < self.version:
            return Delta(here, True, dict(self._values))
        changed, removed = (_after(order, held.version) for order in (self._changed_at, self._removed_at))
        return Delta(here, False, {name: self._values[name] for name in changed}, tuple(removed))

    def _forget(self) -> None:
        while len(self._removed_at) > MAX_REMEMBERED:
            _, self._complete_since = self._removed_at.popitem(last=False)


def _after(order: OrderedDict[str, int], version: int) -> list[str]:
    """The names that changed after `version`, the last one first."""
    return [name for name, _ in takewhile(lambda one: one[1] > version, reversed(order.items()))]
