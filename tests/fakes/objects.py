"""Objects of any kind in memory, as an API server keeps them: versions, generations, conflicts, a log to watch.

As the real one: a resource version for every write, the generation only for changes of spec, a status that is written
apart, 409 for a write with an older version, a ClusterIP for a Service, deletion of what an owner owned.
"""

import asyncio
import copy
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from app.foundation.errors import ClusterError
from app.operator.kube.kinds import DEFINITION, SERVICE, WATCHED_KINDS, Kind

__all__ = ["FakeObjects"]

Key = tuple[str, str]
Body = dict[str, Any]


class FakeObjects:
    """`missing`: names of kinds that the cluster does not have; `forbidden`: of those that may not be reached.

    `unknown_status`: fields of statuses that its definitions do not have, which it drops.
    `calls` counts by verb and kind. `log`: every change of each kind, for watches. `faults`: codes to fail with by
    verb, each once. `on_change` hears the kind of each change, `on_sent` the body of each event that a watch was sent.
    """

    def __init__(self) -> None:
        self.version = 100
        kinds = (*WATCHED_KINDS, DEFINITION)
        self.bodies: dict[str, dict[Key, Body]] = {kind.name: {} for kind in kinds}
        self.log: dict[str, list[tuple[int, str, Body]]] = {kind.name: [] for kind in kinds}
        self.oldest = 0
        self.missing: set[str] = set()
        self.unknown_status: set[str] = set()
        self.forbidden: set[str] = set()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.faults: dict[str, list[int]] = {}
        self.on_change: Callable[[Kind], None] = lambda _: None
        self.on_sent: Callable[[Body], None] = lambda _: None
        self.watch_breaks = 0
        # for each kind: a watch of one must not wait for the watches of all the others to look
        self._changed = {kind.name: asyncio.Event() for kind in kinds}
        self._made = 0
        self._applied: dict[tuple[str, Key], Body] = {}

    # what people do

    def apply(self, kind: Kind, body: Mapping[str, Any]) -> Body:
        """Creates it, or changes all but its status."""
        given = copy.deepcopy(dict(body))
        key = _key(given)
        before = self.bodies[kind.name].get(key)
        if before is None:
            return self._create(kind, key, given)
        changed = {**given, "status": before.get("status", given.get("status"))}
        if changed["status"] is None:
            del changed["status"]
        return self._update(kind, key, before, changed)

    def edit_status(self, kind: Kind, key: Key, status: Mapping[str, Any]) -> None:
        before = self.bodies[kind.name][key]
        self._store(kind, "MODIFIED", {**before, "status": copy.deepcopy(dict(status))})

    def remove(self, kind: Kind, key: Key) -> None:
        """And what it owned."""
        body = self.bodies[kind.name].pop(key, None)
        if body is None:
            return
        self._log(kind, "DELETED", body)
        uid = body["metadata"]["uid"]
        for owned in WATCHED_KINDS:
            for name, one in list(self.bodies[owned.name].items()):
                if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences") or ()):
                    self.remove(owned, name)

    def get(self, kind: Kind, key: Key) -> Body | None:
        return self.bodies[kind.name].get(key)

    def status(self, kind: Kind, key: Key) -> Mapping[str, Any]:
        return self.bodies[kind.name][key].get("status") or {}

    def break_watches(self, *, forgets: bool = True) -> None:
        """Every watch ends; where it `forgets`, none can go on where it was."""
        if forgets:
            self.oldest = self.version
        self.watch_breaks += 1
        for kind in WATCHED_KINDS:
            self._wake(kind)

    # what clients ask

    def asked(self, verb: str, kind: Kind) -> None:
        self.calls[verb, kind.name] += 1
        faults = self.faults.get(verb)
        if faults:
            raise ClusterError(verb, kind.plural, faults.pop(0), "a fault on demand")
        if kind.name in self.missing:
            raise ClusterError(verb, kind.plural, 404, "the server could not find the requested resource")
        if kind.name in self.forbidden:
            raise ClusterError(verb, kind.plural, 403, "forbidden")

    def listed(self, kind: Kind, fields: str = "") -> list[Body]:
        wanted = fields.partition("=")[2]
        return [body for body in self.bodies[kind.name].values() if not fields or body.get("type") == wanted]

    def since(self, kind: Kind, version: int) -> list[tuple[str, Body]]:
        """What changed after `version`. Raises ClusterError 410 for one that is forgotten."""
        if version < self.oldest:
            raise ClusterError("watch", kind.plural, 410, "too old resource version")
        return self.newer(kind, version)

    def newer(self, kind: Kind, version: int) -> list[tuple[str, Body]]:
        """What changed after `version`, which is never too old."""
        log = self.log[kind.name]
        return [(event, body) for _, event, body in log[bisect_right(log, version, key=lambda one: one[0]) :]]

    def change(self, kind: Kind) -> asyncio.Event:
        """Set with the next change of that kind."""
        return self._changed[kind.name]

    def server_side_apply(self, kind: Kind, key: Key, body: Body) -> Body:
        """For one field manager; lists are whole."""
        said = self._applied.get((kind.name, key), {})
        self._applied[kind.name, key] = copy.deepcopy(body)
        if key not in self.bodies[kind.name]:
            return self._create(kind, key, {**body, "metadata": {**body["metadata"]}})
        before = self._current(kind, key, body)
        return self._update(kind, key, before, _merged(_without(before, said, body), body))

    def patch_status(self, kind: Kind, key: Key, patch: Body) -> Body:
        before = self._current(kind, key, patch)
        merged = _merged(before.get("status") or {}, patch.get("status") or {})
        merged = {name: value for name, value in merged.items() if name not in self.unknown_status}
        return self._store(kind, "MODIFIED", {**before, "status": merged})

    def delete(self, kind: Kind, key: Key, uid: str) -> None:
        body = self.bodies[kind.name].get(key)
        if body is None:
            raise ClusterError("delete", key[1], 404, "not found")
        if uid and body["metadata"]["uid"] != uid:
            raise ClusterError("delete", key[1], 409, "the UID in the precondition is another")
        self.remove(kind, key)

    def _current(self, kind: Kind, key: Key, body: Mapping[str, Any]) -> Body:
        before = self.bodies[kind.name].get(key)
        if before is None:
            raise ClusterError("write", key[1], 404, "not found")
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version not in (None, before["metadata"]["resourceVersion"]):
            raise ClusterError("write", key[1], 409, "the object has been modified")
        return before

    def _create(self, kind: Kind, key: Key, body: Body) -> Body:
        self._made += 1
        made = copy.deepcopy(body)
        made["metadata"] = {
            "generation": 1,
            "creationTimestamp": f"2026-01-01T00:{self._made // 60 % 60:02}:{self._made % 60:02}Z",
            "uid": f"uid-{kind.plural}-{self._made}",
            **made["metadata"],
        }
        if kind is SERVICE and "clusterIP" not in made.setdefault("spec", {}):
            made["spec"]["clusterIP"] = f"10.96.0.{self._made % 250 + 1}"
        return self._store(kind, "ADDED", made)

    def _update(self, kind: Kind, key: Key, before: Body, body: Body) -> Body:
        held = before["metadata"]
        kept = {name: held[name] for name in ("uid", "creationTimestamp", "generation") if name in held}
        metadata = {**body["metadata"], **kept}
        if body.get("spec") != before.get("spec"):
            metadata["generation"] = held.get("generation", 1) + 1
        if kind is SERVICE:
            body["spec"].setdefault("clusterIP", before["spec"]["clusterIP"])
        now = {**body, "metadata": metadata}
        compared = {**now, "metadata": {**metadata, "resourceVersion": held["resourceVersion"]}}
        return before if compared == before else self._store(kind, "MODIFIED", now)

    def _store(self, kind: Kind, event: str, body: Body) -> Body:
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        stored = {
            "apiVersion": kind.api_version(kind.versions[0]),
            "kind": kind.name,
            **copy.deepcopy(body),
            "metadata": metadata,
        }
        self.bodies[kind.name][_key(stored)] = stored
        self._append(kind, event, stored)
        return stored

    def _log(self, kind: Kind, event: str, body: Body) -> None:
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        self._append(kind, event, {**body, "metadata": metadata})

    def _append(self, kind: Kind, event: str, body: Body) -> None:
        self.log[kind.name].append((self.version, event, body))
        self._wake(kind)
        self.on_change(kind)

    def _wake(self, kind: Kind) -> None:
        self._changed[kind.name].set()
        self._changed[kind.name] = asyncio.Event()


def _key(body: Mapping[str, Any]) -> Key:
    return (body["metadata"].get("namespace") or "", body["metadata"]["name"])


def _without(stored: Body, said: Any, says: Any) -> Body:
    """What is stored without what was `said` earlier and is not any more."""
    kept = {}
    for name, value in stored.items():
        if name in said and name not in says:
            continue
        if isinstance(value, dict) and isinstance(said.get(name), dict):
            value = _without(value, said[name], says[name])
        kept[name] = value
    return kept


def _merged(stored: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(stored) if isinstance(stored, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged
