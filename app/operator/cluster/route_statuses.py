"""Writes what each object of Gateway API must say where it does not say it, at a bounded rate and never at rest.

A status is merged into the stored one and written with the version that was read: whoever else wrote it meanwhile
is read again first. One object is written at most twice a second, and seldom where somebody else writes it too.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.cluster.overwrites import Overwrites
from app.operator.cluster.status_merge import has_entries_of, merged_status, status_patch
from app.operator.kube.kinds import GRPC_ROUTE, HTTP_ROUTE, ROUTE_KINDS, Kind
from app.operator.kube.object_client import ObjectKey
from app.operator.kube.object_store import ObjectStore
from app.operator.metrics import OperatorCounts
from app.operator.routes.compiled import ObjectId, ObjectStatus
from app.operator.routes.objects.metadata import ObjectKey as NamedKey

__all__ = ["ObjectStatusApi", "RouteStatuses"]

LOG = logging.getLogger("tidegate.operator")

WRITE_S = 0.5
WRITES_AT_ONCE = 8
TURN = 32
"""So many are written before it is looked again what matters most: 3,000 routes' took 24 s on a real API server."""
AGAIN_S = 2.0
"""After a failure."""
RIVAL_S = 10.0
"""Between two writes of a status that somebody else writes too."""

_KINDS: Mapping[str, Kind] = {kind.name: kind for kind in ROUTE_KINDS}
_ROUTES = (HTTP_ROUTE.name, GRPC_ROUTE.name)
Json = Mapping[str, Any]


class ObjectStatusApi(Protocol):
    """What an `ObjectClient` does; raises ClusterError."""

    async def get(self, kind: Kind, key: ObjectKey, version: str = "v1") -> Json: ...

    async def patch_status(self, kind: Kind, key: ObjectKey, patch: Json, version: str = "v1") -> Json: ...


@dataclass(frozen=True, slots=True)
class _Due:
    """A status to write. `patch`: of the status alone."""

    wanted: ObjectStatus
    kind: Kind
    key: ObjectKey
    version: str
    patch: Json


class RouteStatuses:
    """`controller`: whose entries of `parents` and `ancestors` are ours."""

    def __init__(
        self,
        api: ObjectStatusApi,
        store: ObjectStore,
        controller: str,
        counts: OperatorCounts,
        clock: Clock,
    ) -> None:
        self._api, self._store, self._controller = api, store, controller
        self._counts, self._clock = counts, clock
        self._wanted: dict[ObjectId, ObjectStatus] = {}
        self._looked: set[ObjectId] = set()
        self._written_s: dict[ObjectId, float] = {}
        self._overwrites = Overwrites(controller, counts.overwritten)
        self._dropped: dict[ObjectId, Json] = {}
        self._wake = asyncio.Event()

    def want(self, statuses: Mapping[ObjectId, ObjectStatus]) -> None:
        """These must be said. Routes that are ours no more lose what we said of them."""
        before, self._wanted = self._wanted, {**statuses, **self._orphans(statuses)}
        self._dropped = {id_: patch for id_, patch in self._dropped.items() if id_ in self._wanted}
        self._look(_others(before, self._wanted))

    def amend(self, statuses: Mapping[ObjectId, ObjectStatus]) -> None:
        """These must be said instead of what was wanted of the same objects; all others stay."""
        changed = _others(self._wanted, statuses)
        self._wanted.update(statuses)
        self._look(changed)

    def look_again(self, kind: Kind, key: ObjectKey) -> None:
        """Somebody, perhaps we, wrote this object."""
        id_ = ObjectId(kind.name, NamedKey(*key))
        if id_ in self._wanted:
            self._look({id_})

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            left_s = await self.write_due()
            if left_s is not None:
                await asyncio.sleep(left_s)
                self._wake.set()

    async def write_due(self) -> float | None:
        """Writes what is due now, `TURN` at most; in how many seconds more will be, None where nothing is left."""
        now_s = self._clock.now_s()
        due, next_s = self._due(now_s)
        turns = asyncio.Semaphore(WRITES_AT_ONCE)

        async def write(one: _Due) -> bool:
            async with turns:
                return await self._write(one)

        is_written = await asyncio.gather(*(write(one) for one in due))
        is_more_due = next_s <= now_s
        if not all(is_written):
            again_s = now_s + AGAIN_S
            next_s = again_s if is_more_due else min(next_s, again_s)
        elif is_more_due:
            return 0.0
        return None if next_s == float("inf") else max(0.05, next_s - self._clock.now_s())

    def _look(self, ids: set[ObjectId]) -> None:
        if ids:
            self._looked |= ids
            self._wake.set()

    def _due(self, now_s: float) -> tuple[list[_Due], float]:
        """What to write now, and when to look at what was written too recently; forgets what is as it must be.

        Classes and Gateways go before routes: they are few, and people wait for `Programmed`.
        """
        due: list[_Due] = []
        later: set[ObjectId] = set()
        next_s = float("inf")
        looked = sorted(self._looked, key=lambda id_: id_.kind in _ROUTES)
        for place, id_ in enumerate(looked):
            if len(due) == TURN:
                next_s = now_s
                later.update(looked[place:])
                break
            one = self._difference(id_)
            if one is None:
                continue
            pause_s = RIVAL_S if self._overwrites.has_rival(id_, one.wanted) else WRITE_S
            from_s = self._written_s.get(id_, -pause_s) + pause_s
            if now_s < from_s:
                next_s = min(next_s, from_s)
                later.add(id_)
            else:
                self._written_s[id_] = now_s
                self._overwrites.writes(one.wanted, now_s)
                due.append(one)
        self._looked = later
        self._written_s = {id_: at_s for id_, at_s in self._written_s.items() if now_s - at_s < RIVAL_S}
        self._overwrites.forget(now_s)
        return due, next_s

    def _difference(self, id_: ObjectId) -> _Due | None:
        """None where it is said already, or the object is gone or another one."""
        wanted, kind, key = self._wanted.get(id_), _KINDS[id_.kind], (id_.key.namespace, id_.key.name)
        stored = self._store.get(kind, key)
        if wanted is None or stored is None or stored["metadata"].get("uid") != wanted.uid:
            return None
        status = stored.get("status") or {}
        now = merged_status(status, wanted, self._controller, self._clock.wall_s())
        patch = status_patch(status, now)
        if not patch or patch == self._dropped.get(id_):
            return None
        return _Due(wanted, kind, key, str(stored["metadata"]["resourceVersion"]), patch)

    async def _write(self, one: _Due) -> bool:
        """False where it must be tried again though nobody changed the object."""
        patch = {"metadata": {"resourceVersion": one.version}, "status": one.patch}
        try:
            stored = await self._api.patch_status(one.kind, one.key, patch)
        except ClusterError as error:
            return await self._after(one, error)
        self._counts.object_writes[one.kind.name, "written"] += 1
        self._overwrites.wrote(one.wanted, self._clock.now_s())
        self._note_dropped(one, stored)
        self._store.put(one.kind, stored)
        return True

    def _note_dropped(self, one: _Due, stored: Json) -> None:
        """What the API server did not keep, since its definition of the kind is older, is not written again."""
        status = stored.get("status") or {}
        now = merged_status(status, one.wanted, self._controller, self._clock.wall_s())
        patch = status_patch(status, now)
        if patch:
            self._dropped[one.wanted.id] = patch
            LOG.debug("the cluster's %s has no status.%s", one.kind.name, ", status.".join(sorted(patch)))
        else:
            self._dropped.pop(one.wanted.id, None)

    async def _after(self, one: _Due, error: ClusterError) -> bool:
        result = {409: "conflict", 404: "gone"}.get(error.code, "failed")
        self._counts.object_writes[one.kind.name, result] += 1
        if result == "gone":
            return True
        self._looked.add(ObjectId(one.kind.name, NamedKey(*one.key)))
        if result == "failed":
            LOG.warning("status not written, tried again: %s", error)
            return False
        try:
            self._store.put(one.kind, await self._api.get(one.kind, one.key))
        except ClusterError:
            return False
        self._wake.set()
        return True

    def _orphans(self, statuses: Mapping[ObjectId, ObjectStatus]) -> dict[ObjectId, ObjectStatus]:
        """Routes that name none of our Gateways any more, though their status still has entries of ours."""
        found = {}
        for kind in (HTTP_ROUTE, GRPC_ROUTE):
            routes = self._store.objects(kind)
            # nearly all routes are ours: finding the others without a loop takes a third of the time
            for _, key in set(zip(repeat(kind.name), routes)).difference(statuses):
                body, id_ = routes[key], ObjectId(kind.name, NamedKey(*key))
                if has_entries_of(body.get("status") or {}, self._controller):
                    metadata = body["metadata"]
                    found[id_] = ObjectStatus(id_, metadata["uid"], metadata.get("generation", 1), parents=())
        return found


def _others(before: Mapping[ObjectId, ObjectStatus], now: Mapping[ObjectId, ObjectStatus]) -> set[ObjectId]:
    """Of which `now` says something else than `before`; to compare thousands that are the same objects takes long."""
    return {id_ for id_, status in now.items() if (was := before.get(id_)) is not status and was != status}
