"""Whether `Programmed` is ever said before every gateway serves: the routes' bench probes at that very moment."""

import asyncio
import time

from app.operator.cluster.route_statuses import WRITE_S
from app.operator.kube.kinds import GATEWAY
from tests.bench.cluster_objects import first_change
from tests.bench.cluster_under_test import Cluster
from tests.bench.probes import CHANGE_S
from tests.fakes.client import RawClient

__all__ = ["Flips"]


class Flips:
    """Probes every real gateway at the moment that the status of `flip` says True.

    `early`: what they found that did not serve it yet; `unreachable`: how many served it, but did not reach the pod.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.early: list[str] = []
        self.done = self.unreachable = 0
        self.took_s: list[float] = []
        self._cluster, self._site = cluster, cluster.site

    async def turn(self, number: int) -> None:
        """Once the operator may write the status again: it writes one object's twice a second at most."""
        await asyncio.sleep(WRITE_S)
        site = self._site
        generation = site.generation(GATEWAY, "flip") + 1
        with first_change(site.objects, GATEWAY, lambda: site.is_programmed("flip", generation)) as moment:
            began_s = time.monotonic()
            await site.flip(number)
            async with asyncio.timeout(CHANGE_S):
                self.took_s.append(await moment - began_s)
        places, host = self._cluster.places("flip"), f"flip{number}.example"
        await asyncio.gather(*(self._probe(name, place, host) for name, place in places.items()))
        self.done += 1

    async def _probe(self, name: str, place: tuple[str, int], host: str) -> None:
        address, port = place
        try:
            async with RawClient(port, address, timeout_s=CHANGE_S) as client:
                response = await client.request("GET", "/", [("Host", host)])
                found = f"{response.status} {response.get('Tidegate-Reason')}"
        except OSError as error:
            found = str(error)
        if found == "502 upstream_connect":
            self.unreachable += 1
        elif not found.startswith("200"):
            self.early.append(f"{name}, {host} at {port}: {found}")
