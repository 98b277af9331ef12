"""Whether `Programmed` is ever said before every gateway serves: the routes' bench probes at that very moment."""

import asyncio
import time

from app.operator.kube.kinds import GATEWAY
from tests.bench.cluster_objects import Site, first_change
from tests.bench.probes import CHANGE_S
from tests.fakes.client import RawClient
from tests.fakes.fleet import Fleet, FleetGateway

__all__ = ["Flips"]


class Flips:
    """Probes every real gateway at the moment that the status of `flip` says True.

    `early`: what they found that did not serve it yet; `unreachable`: how many served it, but did not reach the pod.
    """

    def __init__(self, fleet: Fleet, site: Site) -> None:
        self.early: list[str] = []
        self.done = self.unreachable = 0
        self.took_s: list[float] = []
        self._fleet, self._site = fleet, site

    async def turn(self, number: int) -> None:
        site = self._site
        generation = int(site.stored(GATEWAY, "flip")["metadata"]["generation"]) + 1
        with first_change(site.objects, GATEWAY, lambda: site.is_programmed("flip", generation)) as moment:
            began_s = time.monotonic()
            site.flip(number)
            async with asyncio.timeout(CHANGE_S):
                self.took_s.append(await moment - began_s)
        port, host = site.port_of("flip"), f"flip{number}.example"
        await asyncio.gather(*(self._probe(one, port, host) for one in self._fleet.gateways))
        self.done += 1

    async def _probe(self, gateway: FleetGateway, port: int, host: str) -> None:
        try:
            async with RawClient(port, gateway.host, timeout_s=CHANGE_S) as client:
                response = await client.request("GET", "/", [("Host", host)])
                found = f"{response.status} {response.get('Tidegate-Reason')}"
        except OSError as error:
            found = str(error)
        if found == "502 upstream_connect":
            self.unreachable += 1
        elif not found.startswith("200"):
            self.early.append(f"{gateway.name}, {host} at {port}: {found}")
