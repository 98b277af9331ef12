"""The objects of a real API server: written by the operator's own client, seen by its own watch.

async with live_objects() as objects:
    await objects.apply(HTTP_ROUTE, body)
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from lightkube import KubeConfig
from lightkube.config.client_adapter import AsyncClient as connect
from lightkube.config.client_adapter import ConnectionParams

from app.operator.clock import REAL
from app.operator.kube.kinds import ENDPOINT_SLICE, GATEWAY, HTTP_ROUTE, SERVICE, Kind
from app.operator.kube.object_client import ObjectClient, ObjectKey
from app.operator.kube.object_store import ObjectStore
from app.operator.kube.object_watch import ObjectWatch, WatchApi
from app.operator.metrics import OperatorCounts

__all__ = ["LiveObjects", "api_server", "live_objects", "watching"]

KINDS = (GATEWAY, HTTP_ROUTE, SERVICE, ENDPOINT_SLICE)
MANAGER = "tidegate-bench"
TIMEOUT_S = 30.0
SYNC_S = 60.0


class LiveObjects:
    """Server-side apply, and a copy of what the watches showed. They must run, see `live_objects`."""

    def __init__(self, client: ObjectClient) -> None:
        self.version = 0
        self.on_change: Callable[[Kind], None] = lambda _: None
        self.on_event: Callable[[str, int], None] = lambda _, __: None
        self._client = client
        self._store = ObjectStore(KINDS)
        self._store.report_to(_Changes(self))

    def watches(self, api: WatchApi) -> Iterator[ObjectWatch]:
        for kind in KINDS:
            yield ObjectWatch(kind, api, self._store, OperatorCounts(), REAL)

    @property
    def has_synced(self) -> bool:
        return self._store.has_synced

    async def apply(self, kind: Kind, body: Mapping[str, Any]) -> Mapping[str, Any]:
        metadata = body["metadata"]
        return await self._client.apply(kind, (metadata["namespace"], metadata["name"]), body)

    def get(self, kind: Kind, key: ObjectKey) -> Mapping[str, Any] | None:
        return self._store.get(kind, key)

    def seen(self, kind: Kind, key: ObjectKey) -> None:
        """A watch showed a change of that object; its name is empty for those of a whole list."""
        self.version += 1
        body = self._store.get(kind, key)
        if body is not None:
            self.on_event(kind.name, int(body["metadata"]["resourceVersion"]))
        self.on_change(kind)


class _Changes:
    """What the store reports, whatever it is that changed."""

    def __init__(self, objects: LiveObjects) -> None:
        self._objects = objects

    def content(self, kind: Kind, key: ObjectKey) -> None:
        self._objects.seen(kind, key)

    def status(self, kind: Kind, key: ObjectKey) -> None:
        self._objects.seen(kind, key)


def api_server() -> httpx2.AsyncClient:
    """Connects with that of KUBECONFIG; it is not asked to wait between requests."""
    config = KubeConfig.from_env().get()
    assert config is not None
    return connect(config, ConnectionParams(timeout=httpx2.Timeout(TIMEOUT_S)))


@asynccontextmanager
async def live_objects() -> AsyncIterator[LiveObjects]:
    """Of the cluster of KUBECONFIG, of all namespaces; what was there before has been seen."""
    async with api_server() as http:
        client = ObjectClient(http, MANAGER)
        async with watching(LiveObjects(client), client) as objects:
            yield objects


@asynccontextmanager
async def watching(objects: LiveObjects, api: WatchApi) -> AsyncIterator[LiveObjects]:
    """`objects`, whose watches run, once they have listed everything."""
    tasks = [asyncio.ensure_future(watch.run()) for watch in objects.watches(api)]
    try:
        async with asyncio.timeout(SYNC_S):
            while not objects.has_synced:  # noqa: ASYNC110 - another program's state
                await asyncio.sleep(0.02)
        yield objects
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
