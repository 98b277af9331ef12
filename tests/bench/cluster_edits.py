"""Edits of the routes' bench, one after the other, each once all that followed from the last one is over.

What each took is measured in parts, all from the write on: until the API server responded to it, until it gave the
event to watches, until the first simulated gateway had it from the operator, until the real ones responded right, until
the status came, until the simulated gateways had acknowledged it. In memory the event counts when it is written to the
operator's watches; of a real API server, when it comes to a watch of the bench, which is served as the operator's are.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from app.operator.kube.kinds import ENDPOINT_SLICE, HTTP_ROUTE, Kind
from tests.bench.cluster_objects import first_change
from tests.bench.cluster_under_test import Cluster
from tests.bench.probes import CHANGE_S

__all__ = ["Parts", "edits", "endpoint_changes"]


@dataclass
class Parts:
    """Of each edit, in seconds; `round_trip_s`: of a request that changes nothing, just before."""

    written_s: list[float] = field(default_factory=list)
    event_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    last_s: list[float] = field(default_factory=list)
    taken_s: list[float] = field(default_factory=list)
    status_s: list[float] = field(default_factory=list)
    acknowledged_s: list[float] = field(default_factory=list)
    round_trip_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Edit:
    """`write` returns the resource version; responses of route `number` have that field then.

    `has_status`: whether the status that follows is there; None where none does.
    """

    number: int
    write: Callable[[], Awaitable[int]]
    name: str
    value: str
    has_status: Callable[[], bool] | None = None


class _Edits:
    """Of objects of one kind."""

    def __init__(self, cluster: Cluster, kind: Kind) -> None:
        self.parts = Parts()
        self._cluster, self._kind = cluster, kind
        self._sent_s: dict[int, float] = {}
        cluster.site.objects.on_event = self._note

    async def make(self, edit: _Edit) -> None:
        cluster, parts = self._cluster, self.parts
        has_status = edit.has_status or (lambda: True)
        with first_change(cluster.site.objects, self._kind, has_status) as status:
            async with cluster.probing(edit.number) as probes:
                began_s = time.monotonic()
                # the gateways may be right before the API server's response is here
                (version, written_s), seen_s = await asyncio.gather(
                    _timed(edit.write), probes.until(edit.name, edit.value, began_s)
                )
            async with asyncio.timeout(CHANGE_S):
                status_s = await status - began_s
        heard = await cluster.settle(began_s)
        parts.round_trip_s.append(probes.round_trip_s)
        parts.written_s.append(written_s - began_s)
        parts.event_s.append(self._sent_s[version] - began_s)
        parts.first_s.append(seen_s[0])
        parts.last_s.append(seen_s[-1])
        if edit.has_status is not None:
            parts.status_s.append(status_s)
        if heard.taken_s > began_s:
            parts.taken_s.append(heard.taken_s - began_s)
            parts.acknowledged_s.append(heard.acknowledged_s - began_s)

    def _note(self, kind: str, version: int) -> None:
        """The last watch that gets an event counts: in memory there are two of EndpointSlices."""
        if kind == self._kind.name:
            self._sent_s[version] = time.monotonic()


async def _timed(write: Callable[[], Awaitable[int]]) -> tuple[int, float]:
    """What it returns, and when."""
    version = await write()
    return version, time.monotonic()


async def edits(cluster: Cluster) -> Parts:
    """Each of another route, whose responses say something else afterwards."""
    site, options, made = cluster.site, cluster.options, _Edits(cluster, HTTP_ROUTE)
    await cluster.settle()
    for turn in range(options.edits):
        number, edition = 1 + turn * 29 % (options.routes - 1), 1 + turn
        write = partial(site.route, number, edition)
        has_status = partial(site.is_status_of, number, site.generation(HTTP_ROUTE, f"r{number}") + 1)
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
