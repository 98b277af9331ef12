"""What the routes' bench measures under load: hundreds of edits at a time, and what a request costs at rest."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tests.bench.cluster_objects import GATEWAYS, Site
from tests.bench.cluster_under_test import Cluster
from tests.bench.pods import Loaded, Pods

__all__ = ["Storm", "cost_of_a_request", "storm"]

CLIENTS = 4
GRACE_S = 2.0  # how long a pod still serves after its endpoint went: a preStop hook
ROLL_S = 0.5
WARM_S = 1.0
LOAD_S = 5.0


@dataclass(frozen=True)
class Storm:
    """`loaded`: what the load found; `rolled_s`: when each pod became the endpoint, by its port, in order."""

    loaded: Loaded
    rolled_s: Mapping[int, float]

    def lags_s(self) -> list[float]:
        """Of each pod, until the last gateway sent a request to it or to one that came after it."""
        order = list(self.rolled_s)
        lags_s = []
        for place, pod in enumerate(order):
            used_s = [
                min(seen_s[one] for one in order[place:] if one in seen_s)
                for seen_s in self.loaded.seen_s.values()
                if any(one in seen_s for one in order[place:])
            ]
            if len(used_s) == len(self.loaded.seen_s):
                lags_s.append(max(used_s) - self.rolled_s[pod])
        return lags_s


async def storm(cluster: Cluster) -> Storm:
    """Routes change while the pod behind the loaded route is replaced again and again."""
    site, pods, options = cluster.site, cluster.pods, cluster.options
    rolled_s: dict[int, float] = {}
    await _roll(site, pods, rolled_s)
    await cluster.last_of_all(0, "X-Pod", str(list(rolled_s)[-1]))
    await pods.load(cluster.places("web-0"), ["r0.example"], CLIENTS)
    is_over = asyncio.Event()
    rolling = asyncio.ensure_future(_roll_on(site, pods, rolled_s, is_over))
    began_s = time.monotonic()
    for turn in range(options.storm):
        await site.route(1 + turn % (options.routes - 1), 100_000 + turn)
        await asyncio.sleep(began_s + (1 + turn) * options.storm_s / options.storm - time.monotonic())
    last = 1 + (options.storm - 1) % (options.routes - 1)
    await cluster.last_of_all(last, "X-Edition", str(100_000 + options.storm - 1))
    is_over.set()
    await rolling
    loaded = await pods.loaded()
    # its endpoint goes before the pod does, for whoever uses the Service next
    await site.endpoints(0, site.pod)
    await cluster.last_of_all(0, "X-Pod", str(site.pod))
    await pods.close(list(rolled_s)[-1])
    return Storm(loaded, rolled_s)


async def cost_of_a_request(cluster: Cluster) -> tuple[float, int]:
    """CPU seconds that gateways take for a request while nothing changes, and of how many.

    They are for all routes of a Gateway in turn, so that no memo of a few hosts stands in for a look-up.
    """
    await cluster.settle()
    where = cluster.places("web-0")
    hosts = [f"r{number}.example" for number in range(0, cluster.options.routes, GATEWAYS)]
    for load_s in (WARM_S, LOAD_S):
        before_s = await cluster.gateways_cpu_s()
        await cluster.pods.load(where, hosts, CLIENTS)
        await asyncio.sleep(load_s)
        loaded = await cluster.pods.loaded()
        used_s = await cluster.gateways_cpu_s() - before_s
    return used_s / loaded.kinds.total(), loaded.kinds["200"]


async def _roll_on(site: Site, pods: Pods, rolled_s: dict[int, float], is_over: asyncio.Event) -> None:
    while not is_over.is_set():
        await _roll(site, pods, rolled_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(ROLL_S):
                await is_over.wait()


async def _roll(site: Site, pods: Pods, rolled_s: dict[int, float]) -> None:
    """A new pod takes the place of the last one, which serves a little longer."""
    before, pod = list(rolled_s)[-1:], await pods.open()
    rolled_s[pod] = time.monotonic()
    await site.endpoints(0, pod)
    for one in before:
        await pods.close(one, after_s=GRACE_S)
