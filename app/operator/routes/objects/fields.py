"""Reads the fields of an object of the Kubernetes API: defaults, faults with their paths, keys that nobody read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from app.schema.faults import Faults, Path, spell
from app.schema.wording import kind_of

__all__ = ["Fields", "Reading"]

T = TypeVar("T")


class Reading:
    """The reading of one object: its faults, and what was opened, so that keys that nobody read can be named."""

    __slots__ = ("_label", "faults", "opened")

    def __init__(self, label: str) -> None:
        """`label` names the object in faults, such as `HTTPRoute shop/web`."""
        self._label = label
        self.faults = Faults()
        self.opened: list[Fields] = []

    def top(self, values: Mapping[str, object]) -> Fields:
        return Fields(values, (), self)

    def unknown(self, below: str) -> tuple[str, ...]:
        """The paths of keys below the key `below` that were not read: `spec.rules[0].sessionPersistence`."""
        paths = (path for fields in self.opened for path in fields.unread())
        return tuple(spell(path) for path in paths if len(path) > 1 and path[0] == below)

    def raise_any(self) -> None:
        """Raises ConfigFaults if a value had a wrong type."""
        self.faults.raise_any(
            lambda found: f"{self._label}: {spell(found.path)}" if found.path else self._label
        )


class Fields:
    """A mapping within an object. Null is as good as absent; a wrong type is a fault and reads as absent."""

    __slots__ = ("_asked", "_path", "_reading", "_values")

    def __init__(self, values: Mapping[str, object], path: Path, reading: Reading) -> None:
        self._values, self._path, self._reading = values, path, reading
        self._asked: set[str] = set()
        reading.opened.append(self)

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def unread(self) -> list[Path]:
        """Keys with a value that nobody asked for."""
        return [(*self._path, key) for key in self._values if key not in self._asked and key in self]

    def text(self, key: str, default: str = "") -> str:
        return self._typed(key, str, "a text", default)

    def optional_text(self, key: str) -> str | None:
        """None where it is absent; an empty text stays one."""
        return self.text(key) if self._is_given(key) else None

    def integer(self, key: str, default: int = 0) -> int:
        if isinstance(self._values.get(key), bool):
            self._fault(key, "a whole number")
            return default
        return self._typed(key, int, "a whole number", default)

    def optional_integer(self, key: str) -> int | None:
        return self.integer(key) if self._is_given(key) else None

    def integer_or_text(self, key: str, default: int) -> int | str:
        """An IntOrString, such as a Service's `targetPort`."""
        return self.text(key) if isinstance(self._values.get(key), str) else self.integer(key, default)

    def flag(self, key: str, default: bool = False) -> bool:
        return self._typed(key, bool, "true or false", default)

    def optional_flag(self, key: str) -> bool | None:
        return self.flag(key) if self._is_given(key) else None

    def texts(self, key: str) -> tuple[str, ...]:
        return self._items(key, str, "a text")

    def integers(self, key: str) -> tuple[int, ...]:
        return self._items(key, int, "a whole number")

    def labels(self, key: str) -> dict[str, str]:
        """A mapping of texts to texts."""
        found = self._mapping(key)
        texts = {name: value for name, value in found.items() if isinstance(value, str)}
        for name in found.keys() - texts.keys():
            self._add((*self._path, key, name), found[name], "a text")
        return texts

    def child(self, key: str) -> Fields:
        """The mapping under `key`; an empty one where it is absent."""
        return Fields(self._mapping(key), (*self._path, key), self._reading)

    def optional_child(self, key: str) -> Fields | None:
        return self.child(key) if self._is_given(key) else None

    def children(self, key: str) -> list[Fields]:
        """The mappings of a list; none where it is absent."""
        children = []
        for index, item in enumerate(self._list(key)):
            path = (*self._path, key, index)
            if isinstance(item, dict):
                children.append(Fields(item, path, self._reading))
            else:
                self._add(path, item, "a mapping")
        return children

    def skip(self, *keys: str) -> None:
        """What these keys say is known and of no use here."""
        self._asked.update(keys)

    def _is_given(self, key: str) -> bool:
        self._asked.add(key)
        return key in self

    def _mapping(self, key: str) -> Mapping[str, object]:
        return self._typed(key, dict, "a mapping", {})

    def _list(self, key: str) -> list[object]:
        return self._typed(key, list, "a list", [])

    def _typed(self, key: str, kind: type[T], noun: str, default: T) -> T:
        self._asked.add(key)
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, kind):
            return value
        self._fault(key, noun)
        return default

    def _items(self, key: str, kind: type[T], noun: str) -> tuple[T, ...]:
        items: list[T] = []
        for index, item in enumerate(self._list(key)):
            if isinstance(item, kind):
                items.append(item)
            else:
                self._add((*self._path, key, index), item, noun)
        return tuple(items)

    def _fault(self, key: str, noun: str) -> None:
        self._add((*self._path, key), self._values.get(key), noun)

    def _add(self, path: Path, value: object, noun: str) -> None:
        # never the value: it may stand in a Secret
        self._reading.faults.add(path, f"is {kind_of(value)}", f"it must be {noun}")
