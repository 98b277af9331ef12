"""List and watch of one kind: the store holds what the API server holds, also after anything that breaks a watch.

A list, then a watch from the list's version. A watch that ends, breaks or falls silent goes on where it was; one
whose version is too old (410) starts again from a list. And a list is made every half hour without any cause.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from typing import Any, Protocol

from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.kube.kinds import Kind
from app.operator.kube.object_client import Page, WatchEvent
from app.operator.kube.object_store import ObjectStore
from app.operator.metrics import OperatorCounts

__all__ = ["LOOK_AGAIN_S", "RELIST_S", "ObjectWatch", "WatchApi"]

LOG = logging.getLogger("tidegate.operator")

SILENCE_S = 90.0
"""The API server sends a bookmark every minute; a watch that is silent for longer is dead."""
RELIST_S = 1_800.0
LOOK_AGAIN_S = 30.0
"""For a kind that the cluster does not have, or that may not be read."""

_WATCH_S = (240, 300)  # one ends by itself; not all at once
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MISSES = 3
"""So many 404 in a row make a kind that was there one that is not: an API server may lack kinds at its start."""


class WatchApi(Protocol):
    """What an `ObjectClient` does; every call may raise ClusterError."""

    async def page(self, kind: Kind, version: str, more: str = "") -> Page: ...

    def watch(
        self, kind: Kind, version: str, since: str, *, for_s: int, silence_s: float
    ) -> AsyncGenerator[WatchEvent, None]: ...


class ObjectWatch:
    """Keeps one kind of `store` up to date."""

    def __init__(
        self, kind: Kind, api: WatchApi, store: ObjectStore, counts: OperatorCounts, clock: Clock
    ) -> None:
        self._kind, self._api, self._store = kind, api, store
        self._counts, self._clock = counts, clock
        self._version = kind.versions[0]
        self._since: str | None = None
        self._relist_s = 0.0
        self._was_listed = self._is_denied = False
        self._failures = self._misses = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if self._since is None or self._clock.now_s() >= self._relist_s:
                    self._since = await self._list()
                if not await self._follow(self._since):
                    await asyncio.sleep(self._backoff_s())
            except ClusterError as error:
                await asyncio.sleep(self._after(error))

    async def _list(self) -> str:
        """Takes over a whole list; its resource version."""
        for version in self._kind.versions:
            try:
                bodies, since = await self._pages(version)
            except ClusterError as error:
                if error.code != 404 or version == self._kind.versions[-1]:
                    raise
            else:
                self._version = version
                break
        self._counts.watch_restarts += self._was_listed
        self._was_listed, self._is_denied, self._misses = True, False, 0
        self._relist_s = self._clock.now_s() + RELIST_S
        self._store.replace(self._kind, bodies)
        return since

    async def _pages(self, version: str) -> tuple[list[Any], str]:
        bodies: list[Any] = []
        page = await self._api.page(self._kind, version)
        bodies.extend(page.items)
        while page.more:
            page = await self._api.page(self._kind, version, page.more)
            bodies.extend(page.items)
        return bodies, page.version

    async def _follow(self, since: str) -> bool:
        """Takes over what changes, until the watch ends; whether anything came."""
        events = self._api.watch(
            self._kind,
            self._version,
            since,
            for_s=random.randint(*_WATCH_S),  # noqa: S311 - no secret depends on it
            silence_s=SILENCE_S,
        )
        has_heard = False
        try:
            async for event in events:
                has_heard, self._failures = True, 0
                self._take(event)
                self._since = event.body["metadata"]["resourceVersion"]
        finally:
            await events.aclose()
        return has_heard

    def _take(self, event: WatchEvent) -> None:
        if event.type == "DELETED":
            metadata = event.body["metadata"]
            self._store.remove(self._kind, (metadata.get("namespace") or "", metadata["name"]))
        elif event.type != "BOOKMARK":
            self._store.put(self._kind, event.body)

    def _after(self, error: ClusterError) -> float:
        """Notes a failure; how long to wait after it."""
        if error.code == 410:
            self._since = None
            return self._backoff_s()
        if error.code == 404:
            return self._after_miss()
        if error.code in (401, 403):
            self._since = None
            if not self._is_denied:
                LOG.error("%s; the operator's role must allow to list and watch it", error)
            self._is_denied = True
            return LOOK_AGAIN_S
        pause_s = self._backoff_s()
        if self._failures in (2, 10) or self._failures % 100 == 0:
            LOG.warning("trying again: %s", error)
        return pause_s

    def _after_miss(self) -> float:
        self._since = None
        self._misses += 1
        if self._was_listed and self._misses < _MISSES:
            return self._backoff_s()
        if self._was_listed or self._misses == 1:
            LOG.info("the cluster has no kind %s", self._kind.name)
        self._was_listed = False
        self._store.replace(self._kind, ())
        return LOOK_AGAIN_S

    def _backoff_s(self) -> float:
        """Longer after each failure in a row; full jitter, so that not all come back together."""
        self._failures += 1
        longest = _BACKOFF_S[min(self._failures, len(_BACKOFF_S)) - 1]
        return random.uniform(longest / 4, longest)  # noqa: S311 - no secret depends on it
