"""What the routes' bench measures at: the fleet of a cluster, and all that an edit meets there.

Two make one: `memory_cluster.py` with an API server in memory, `live_cluster.py` on a real cluster.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from tests.bench.cluster_objects import GATEWAYS, Site
from tests.bench.pods import Pods
from tests.bench.probes import CHANGE_S, Probes, probing
from tests.bench.simulated_gateways import Heard, Simulated

__all__ = ["Cluster", "Fleet", "GatewayAddress", "Usage"]

PERIOD_S = 1.0
QUIET_S = 0.3


@dataclass(frozen=True)
class GatewayAddress:
    """`host`: its own address, at which its listeners are."""

    name: str
    host: str


@dataclass(frozen=True)
class Usage:
    """CPU seconds so far, and resident memory now."""

    cpu_s: float
    resident_mib: float


class Fleet(Protocol):
    """The operator and the real gateways."""

    @property
    def gateways(self) -> Sequence[GatewayAddress]: ...

    async def usage(self) -> Mapping[str, Usage]:
        """Of `operator`, and of each gateway by its name."""

    async def working_sets_mib(self) -> Mapping[str, float]:
        """Likewise, as the kubelet has them; empty where there is none, or it may not be asked."""

    def waits_s(self) -> Mapping[str, float]:
        """How long each process could have run, and another had the core; empty where nobody knows."""


@dataclass(frozen=True)
class Cluster:
    """All that an edit meets. `began_s`: when operator and gateways were started, and all objects were there."""

    fleet: Fleet
    site: Site
    pods: Pods
    simulated: Simulated
    options: argparse.Namespace
    began_s: float

    def places(self, gateway: str) -> Mapping[str, tuple[str, int]]:
        """Where the real gateways listen for this Gateway, by their names."""
        port = self.site.port_of(gateway)
        return {one.name: (one.host, port) for one in self.fleet.gateways}

    def probing(self, number: int) -> AbstractAsyncContextManager[Probes]:
        """Probes of route `number` at every real gateway."""
        return probing(self.places(f"web-{number % GATEWAYS}"), f"r{number}.example")

    async def last_of_all(self, number: int, name: str, value: str) -> float:
        """Seconds from now until the last real gateway responds so for route `number`."""
        began_s = time.monotonic()
        async with self.probing(number) as probes:
            return max(await probes.until(name, value, began_s))

    async def gateways_cpu_s(self) -> float:
        """Of all real gateways together."""
        usage = await self.fleet.usage()
        return sum(usage[one.name].cpu_s for one in self.fleet.gateways)

    async def settle(self, began_s: float = 0.0) -> Heard:
        """Until nothing was written and no simulated gateway had to do anything for `QUIET_S`, and `PERIOD_S` have
        passed since `began_s`; what the simulated gateways heard of first and acknowledged last since the last time.
        """
        first_s, last_s, version = 0.0, 0.0, None
        async with asyncio.timeout(CHANGE_S):
            while version != (version := self.site.objects.version):
                await asyncio.sleep(QUIET_S)
                heard = await self.simulated.quiet(QUIET_S)
                first_s, last_s = first_s or heard.taken_s, heard.acknowledged_s or last_s
        await asyncio.sleep(began_s + PERIOD_S - time.monotonic())
        return Heard(first_s, last_s)
