"""Endpoints of upstreams, fed as soon as an EndpointSlice changes: only what hangs on that Service is read again."""

import asyncio
from collections.abc import Mapping, Sequence

from app.config.sync.newest import Addresses
from app.operator.cluster.upstream_endpoints import endpoints_of
from app.operator.cluster.world_view import WorldView
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.rules.names import ServiceUpstream, service_of
from app.operator.sync.feeds import Feed

__all__ = ["EndpointRounds", "discovered"]

GATHER_S = 0.005
"""Several slices of a Service change together."""


class EndpointRounds:
    """Feeds `feed` with the endpoints of the upstreams that were compiled last."""

    def __init__(self, view: WorldView, feed: Feed[Addresses]) -> None:
        self._view, self._feed = view, feed
        self._wanted: Sequence[str] = ()
        self._upstreams: dict[str, ServiceUpstream] = {}
        self._by_service: dict[ObjectKey, set[str]] = {}
        self._dirty: set[ObjectKey] = set()
        self._wake = asyncio.Event()

    def want(self, names: Sequence[str]) -> None:
        """These upstreams are all that are discovered; their endpoints are fed before this returns."""
        if names == self._wanted:  # as after nearly every edit of a route
            return
        before, self._wanted = self._upstreams, names
        self._upstreams = {name: place for name in names if (place := service_of(name)) is not None}
        self._by_service = {}
        for name, (service, _) in self._upstreams.items():
            self._by_service.setdefault(service, set()).add(name)
        known = self._feed.values
        self._feed.replace(
            {
                name: known[name] if name in before and name in known else self._endpoints(place)
                for name, place in self._upstreams.items()
            }
        )

    def changed(self, service: ObjectKey) -> None:
        """The Service, or an EndpointSlice of it."""
        if service in self._by_service:
            self._dirty.add(service)
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self.feed_changed()

    def feed_changed(self) -> None:
        """Reads again what changed since the last time."""
        self._wake.clear()
        dirty, self._dirty = self._dirty, set()
        names = [name for service in dirty for name in self._by_service.get(service, ())]
        self._feed.change({name: self._endpoints(self._upstreams[name]) for name in names})

    def _endpoints(self, place: ServiceUpstream) -> Addresses:
        key, port = place
        service = self._view.service(key)
        return () if service is None else endpoints_of(service, port, self._view.slices(key))


def discovered(tables: Mapping[str, object]) -> list[str]:
    """The names of the upstreams in a document whose endpoints come apart."""
    upstreams = tables.get("upstreams")
    listed = upstreams if isinstance(upstreams, list | tuple) else ()
    return [str(one["name"]) for one in listed if one.get("discovered") is True]
