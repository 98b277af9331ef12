"""The cluster's objects as the watches report them, trimmed, by kind and by namespace and name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from app.operator.kube.kinds import Kind
from app.operator.kube.object_client import ObjectKey
from app.operator.kube.trimming import is_going, is_same_content, trimmed

__all__ = ["ObjectListener", "ObjectStore"]

Json = Mapping[str, Any]


class ObjectListener(Protocol):
    """Hears of each change at once; must not wait."""

    def content(self, kind: Kind, key: ObjectKey) -> None:
        """More than the status changed; `key` is empty where `kind` was listed for the first time."""

    def status(self, kind: Kind, key: ObjectKey) -> None:
        """Only what controllers report changed: a status, a resource version."""


class ObjectStore:
    """`version` rises with every change of content."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._objects: dict[str, dict[ObjectKey, Json]] = {kind.name: {} for kind in kinds}
        self._synced: set[str] = set()
        self._listeners: list[ObjectListener] = []
        self.version = 0

    def report_to(self, listener: ObjectListener) -> None:
        """Of every change from now on."""
        self._listeners.append(listener)

    def objects(self, kind: Kind) -> Mapping[ObjectKey, Json]:
        """Those of `kind`, live."""
        return MappingProxyType(self._objects[kind.name])

    def get(self, kind: Kind, key: ObjectKey) -> Json | None:
        return self._objects[kind.name].get(key)

    def count(self, kind: Kind) -> int:
        return len(self._objects[kind.name])

    @property
    def has_synced(self) -> bool:
        """Whether every kind was listed once, so that what is not here does not exist."""
        return len(self._synced) == len(self._objects)

    @property
    def unsynced(self) -> tuple[str, ...]:
        """The kinds that were not listed yet."""
        return tuple(name for name in self._objects if name not in self._synced)

    def replace(self, kind: Kind, bodies: Iterable[Json]) -> None:
        """Takes over a whole list."""
        kept = {_key(body) for body in bodies if self.put(kind, body)}
        for key in [key for key in self._objects[kind.name] if key not in kept]:
            self.remove(kind, key)
        if kind.name not in self._synced:
            self._synced.add(kind.name)
            self._changed(kind, ("", ""))

    def put(self, kind: Kind, body: Json) -> bool:
        """Takes over one object; False where it is being deleted, and so is gone. An older one changes nothing."""
        key = _key(body)
        if is_going(kind, body):
            self.remove(kind, key)
            return False
        objects = self._objects[kind.name]
        before, now = objects.get(key), trimmed(kind, body)
        if before is None:
            objects[key] = now
            self._changed(kind, key)
        elif not _is_older(now, before):
            objects[key] = now
            if is_same_content(kind, before, now):
                for listener in self._listeners:
                    listener.status(kind, key)
            else:
                self._changed(kind, key)
        return True

    def remove(self, kind: Kind, key: ObjectKey) -> None:
        if self._objects[kind.name].pop(key, None) is not None:
            self._changed(kind, key)

    def _changed(self, kind: Kind, key: ObjectKey) -> None:
        self.version += 1
        for listener in self._listeners:
            listener.content(kind, key)


def _key(body: Json) -> ObjectKey:
    metadata = body["metadata"]
    return (metadata.get("namespace") or "", metadata["name"])


def _is_older(now: Json, before: Json) -> bool:
    """Whether `now` was overtaken, such as by the response to a write; versions compare since Kubernetes 1.35."""
    metadata, known = now["metadata"], before["metadata"]
    version, held = str(metadata.get("resourceVersion")), str(known.get("resourceVersion"))
    if metadata.get("uid") != known.get("uid") or not (version.isdecimal() and held.isdecimal()):
        return False
    return int(version) < int(held)
