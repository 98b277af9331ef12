"""Keeps the Gateways' Services and their EndpointSlices as they must be, by server-side apply.

What the operator did not make is never touched: a Service of somebody else that has a Gateway's name stays, and the log
says so. Nothing is written where the API server has it already.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from app.foundation.errors import ClusterError
from app.operator.cluster.service_bodies import gateway_slices, says, service_body, slice_bodies
from app.operator.kube.kinds import ENDPOINT_SLICE, SERVICE, Kind
from app.operator.kube.object_client import ObjectKey
from app.operator.kube.object_store import ObjectStore
from app.operator.kube.resources import selected_labels
from app.operator.metrics import OperatorCounts
from app.operator.routes.compiled import OWNED_LABEL, GatewayService

__all__ = ["GatewayServices", "ServiceApi"]

LOG = logging.getLogger("tidegate.operator")

Json = Mapping[str, Any]

WRITES_AT_ONCE = 4
AGAIN_S = 1.0
MAX_AGAIN_S = 30.0


class ServiceApi(Protocol):
    """What an `ObjectClient` does; raises ClusterError."""

    async def apply(self, kind: Kind, key: ObjectKey, body: Json, version: str = "v1") -> Json: ...

    async def delete(self, kind: Kind, key: ObjectKey, uid: str, version: str = "v1") -> None: ...


class GatewayServices:
    """`namespace`: the operator's, where the gateways' pods are; `selector`: labels of the gateways' own Services."""

    def __init__(
        self, api: ServiceApi, store: ObjectStore, namespace: str, selector: str, counts: OperatorCounts
    ) -> None:
        self._api, self._store, self._namespace, self._counts = api, store, namespace, counts
        self._selector = selected_labels(selector)
        self._wanted: Mapping[Any, GatewayService] | None = None
        self._applied: dict[tuple[str, ObjectKey], Json] = {}
        self._strangers: set[ObjectKey] = set()
        self._wake = asyncio.Event()

    def want(self, services: Mapping[Any, GatewayService]) -> None:
        """These must exist, and no others of ours."""
        if services != self._wanted:  # as after hardly any edit of a route
            self._wanted = services
            self._wake.set()

    def changed(self, kind: Kind, key: ObjectKey) -> None:
        """A Service or EndpointSlice of the cluster; most are none of ours."""
        if key[0] == self._namespace or (kind.name, key) in self._applied or kind is SERVICE:
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = AGAIN_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            if await self.write_due():
                pause_s = AGAIN_S
                continue
            self._wake.set()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, MAX_AGAIN_S)

    async def write_due(self) -> bool:
        """Writes what is not as it must be; whether all of it could be written."""
        if self._wanted is None:
            return True
        bodies = self._bodies(self._wanted)
        due = [(kind, key, body) for (kind, key), body in bodies.items() if self._is_due(kind, key, body)]
        gone = [
            (kind, key, str(one["metadata"]["uid"]))
            for kind in (SERVICE, ENDPOINT_SLICE)
            for key, one in self._store.objects(kind).items()
            if (kind, key) not in bodies and self._is_ours(one)
        ]
        turns = asyncio.Semaphore(WRITES_AT_ONCE)
        written = await asyncio.gather(*(self._apply(turns, *one) for one in due))
        deleted = await asyncio.gather(*(self._delete(turns, *one) for one in gone))
        return all(written) and all(deleted)

    def _bodies(self, wanted: Mapping[Any, GatewayService]) -> dict[tuple[Kind, ObjectKey], Json]:
        slices = self._store.objects(ENDPOINT_SLICE).values()
        pods = gateway_slices(slices, self._namespace, self._selector)
        bodies: dict[tuple[Kind, ObjectKey], Json] = {}
        for service in wanted.values():
            key = (service.key.namespace, service.key.name)
            if self._is_strange(key):
                continue
            bodies[SERVICE, key] = service_body(service, self._namespace)
            for name, body in slice_bodies(service, pods, self._namespace).items():
                bodies[ENDPOINT_SLICE, name] = body
        return bodies

    def _is_strange(self, key: ObjectKey) -> bool:
        """Whether somebody else made a Service of this name."""
        stored = self._store.get(SERVICE, key)
        if stored is None or self._is_ours(stored):
            self._strangers.discard(key)
            return False
        if key not in self._strangers:
            self._strangers.add(key)
            LOG.error(
                "Service %s/%s was not made by this operator: its Gateway gets no address until it is deleted "
                "or renamed",
                *key,
            )
        return True

    def _is_ours(self, stored: Json) -> bool:
        labels = stored["metadata"].get("labels") or {}
        return bool(labels.get(OWNED_LABEL) == self._namespace)

    def _is_due(self, kind: Kind, key: ObjectKey, body: Json) -> bool:
        """What an earlier operator said of it and we do not is unknown, so each is applied once at the start."""
        if self._applied.get((kind.name, key)) != body:
            return True
        stored = self._store.get(kind, key)
        return stored is None or not says(stored, body)

    async def _apply(self, turns: asyncio.Semaphore, kind: Kind, key: ObjectKey, body: Json) -> bool:
        async with turns:
            try:
                stored = await self._api.apply(kind, key, body)
            except ClusterError as error:
                return self._failed(error)
        self._counts.object_writes[kind.name, "written"] += 1
        self._applied[kind.name, key] = body
        self._store.put(kind, stored)
        return True

    async def _delete(self, turns: asyncio.Semaphore, kind: Kind, key: ObjectKey, uid: str) -> bool:
        self._applied.pop((kind.name, key), None)
        async with turns:
            try:
                await self._api.delete(kind, key, uid)
            except ClusterError as error:
                return error.code in (404, 409) or self._failed(error)
        self._counts.object_writes[kind.name, "deleted"] += 1
        self._store.remove(kind, key)
        return True

    def _failed(self, error: ClusterError) -> bool:
        self._counts.object_writes[error.what.partition(" ")[0], "failed"] += 1
        LOG.warning("tried again: %s", error)
        return False
