"""Edits of the routes' bench, one after the other, each once all that followed from the last one is over.

What each took is measured in parts, all from the write on: until the API server gave the event to the operator's
watches, until the gateways responded right, until the status came, until the simulated gateways had acknowledged it.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.operator.kube.kinds import ENDPOINT_SLICE, HTTP_ROUTE, Kind
from tests.bench.cluster_objects import GATEWAYS, Site, first_change
from tests.bench.pods import Pods
from tests.bench.probes import CHANGE_S, Probes, probing
from tests.bench.simulated_gateways import Simulated
from tests.fakes.fleet import Fleet

__all__ = ["Cluster", "Parts", "edits", "endpoint_changes", "places"]

PERIOD_S = 1.0
QUIET_S = 0.3


def places(fleet: Fleet, port: int) -> Mapping[str, tuple[str, int]]:
    """Where the real gateways listen for it, by their names."""
    return {one.name: (one.host, port) for one in fleet.gateways}


@dataclass(frozen=True)
class Cluster:
    """All that an edit meets."""

    fleet: Fleet
    site: Site
    pods: Pods
    simulated: Simulated
    options: argparse.Namespace

    def probing(self, number: int) -> AbstractAsyncContextManager[Probes]:
        """Probes of route `number` at every real gateway."""
        port = self.site.port_of(f"web-{number % GATEWAYS}")
        return probing(places(self.fleet, port), f"r{number}.example")

    async def last_of_all(self, number: int, name: str, value: str) -> float:
        """Seconds from now until the last real gateway responds so for route `number`."""
        began_s = time.monotonic()
        async with self.probing(number) as probes:
            return max(await probes.until(name, value, began_s))

    async def settle(self, began_s: float = 0.0) -> float:
        """Until nothing was written and no simulated gateway had to do anything for `QUIET_S`, and `PERIOD_S` have
        passed since `began_s`; when the last of the simulated gateways had acknowledged something.
        """
        last_s, versions = 0.0, None
        async with asyncio.timeout(CHANGE_S):
            while versions != (versions := (self.site.objects.version, self.fleet.server.cluster.version)):
                await asyncio.sleep(QUIET_S)
                last_s = await self.simulated.quiet(QUIET_S)
        await asyncio.sleep(began_s + PERIOD_S - time.monotonic())
        return last_s


@dataclass
class Parts:
    """Of each edit, in seconds; `round_trip_s`: of a request that changes nothing, just before."""

    event_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    last_s: list[float] = field(default_factory=list)
    status_s: list[float] = field(default_factory=list)
    acknowledged_s: list[float] = field(default_factory=list)
    round_trip_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Edit:
    """`write` returns the resource version; responses of route `number` have that field then.

    `has_status`: whether the status that follows is there; None where none does.
    """

    number: int
    write: Callable[[], int]
    name: str
    value: str
    has_status: Callable[[], bool] | None = None


class _Edits:
    """Of objects of one kind."""

    def __init__(self, cluster: Cluster, kind: Kind) -> None:
        self.parts = Parts()
        self._cluster, self._kind = cluster, kind
        self._sent_s: dict[int, float] = {}
        cluster.site.objects.on_sent = self._note

    async def make(self, edit: _Edit) -> None:
        cluster, parts = self._cluster, self.parts
        has_status = edit.has_status or (lambda: True)
        with first_change(cluster.site.objects, self._kind, has_status) as status:
            async with cluster.probing(edit.number) as probes:
                began_s = time.monotonic()
                version = edit.write()
                seen_s = await probes.until(edit.name, edit.value, began_s)
            async with asyncio.timeout(CHANGE_S):
                status_s = await status - began_s
        acknowledged_s = await cluster.settle(began_s)
        parts.round_trip_s.append(probes.round_trip_s)
        parts.event_s.append(self._sent_s[version] - began_s)
        parts.first_s.append(seen_s[0])
        parts.last_s.append(seen_s[-1])
        if edit.has_status is not None:
            parts.status_s.append(status_s)
        if acknowledged_s > began_s:
            parts.acknowledged_s.append(acknowledged_s - began_s)

    def _note(self, body: Mapping[str, Any]) -> None:
        """The last watch that gets an event counts: there are two of EndpointSlices."""
        if body["kind"] == self._kind.name:
            self._sent_s[int(body["metadata"]["resourceVersion"])] = time.monotonic()


async def edits(cluster: Cluster) -> Parts:
    """Each of another route, whose responses say something else afterwards."""
    site, options, made = cluster.site, cluster.options, _Edits(cluster, HTTP_ROUTE)
    await cluster.settle()
    for turn in range(options.edits):
        number, edition = 1 + turn * 29 % (options.routes - 1), 1 + turn
        write = partial(site.route, number, edition)
        has_status = partial(site.is_status_of, number)
        await made.make(_Edit(number, write, "X-Edition", str(edition), has_status))
    return made.parts


async def endpoint_changes(cluster: Cluster) -> Parts:
    """Each from one pod to the other and back."""
    site, options, made = cluster.site, cluster.options, _Edits(cluster, ENDPOINT_SLICE)
    other = await cluster.pods.open()
    await cluster.settle()
    for turn in range(options.edits):
        number = 1 + turn // 2 * 31 % (min(options.services, options.routes) - 1)
        pod = site.pod if turn % 2 else other
        await made.make(_Edit(number, partial(site.endpoints, number, pod), "X-Pod", str(pod)))
    return made.parts
