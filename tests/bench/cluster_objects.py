"""The cluster's objects of the routes' bench (`routes_of_a_cluster`), and how they change."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from app.operator.kube.kinds import ENDPOINT_SLICE, GATEWAY, HTTP_ROUTE, SERVICE, Kind

__all__ = ["GATEWAYS", "Objects", "Site", "SiteNames", "first_change"]

GATEWAYS = 3
WRITERS = 16  # an API server has fair queues, but one of a test machine has two cores, too

Json = Mapping[str, Any]


class Objects(Protocol):
    """What an API server holds, as far as a watch has shown it.

    `on_change` hears the kind of each change, `on_event` the name of the kind and the resource version of each event
    that was sent to a watch.
    """

    on_change: Callable[[Kind], None]
    on_event: Callable[[str, int], None]

    @property
    def version(self) -> int:
        """Rises with every change, whoever made it."""

    async def apply(self, kind: Kind, body: Json) -> Json:
        """Creates it, or changes all but its status; as stored. `get` may find the earlier one a little longer."""

    def get(self, kind: Kind, key: tuple[str, str]) -> Json | None:
        """By namespace and name."""


@dataclass(frozen=True)
class SiteNames:
    """`namespace` of all objects, `gateway_class` of the Gateways; `address` of all pods, each at its own port."""

    namespace: str = "shop"
    gateway_class: str = "tidegate"
    address: str = "127.0.0.1"


class Site:
    """The cluster's objects, as people and controllers change them. `pod`: the port of every Service's at first."""

    def __init__(self, objects: Objects, options: argparse.Namespace, names: SiteNames, pod: int) -> None:
        self.objects, self.options, self.names, self.pod = objects, options, names, pod

    async def fill(self) -> None:
        """All of them, `WRITERS` at a time."""
        await _each(self._all())

    def _all(self) -> Iterator[Callable[[], Awaitable[object]]]:
        for number in range(GATEWAYS):
            yield partial(self.gateway, f"web-{number}", {"name": "http", "port": 80, "protocol": "HTTP"})
        yield partial(self.flip, 0)
        for number in range(self.options.services):
            yield partial(self._service, number)
            yield partial(self.endpoints, number, self.pod)
        for number in range(self.options.routes):
            yield partial(self.route, number, 0)
        rule = {"backendRefs": [{"name": "s0", "port": 80}]}
        flip = self._body("flip", {"parentRefs": [{"name": "flip"}], "rules": [rule]})
        yield partial(self.objects.apply, HTTP_ROUTE, flip)

    async def gateway(self, name: str, *listeners: Json) -> None:
        spec = {"gatewayClassName": self.names.gateway_class, "listeners": list(listeners)}
        await self.objects.apply(GATEWAY, self._body(name, spec))

    async def flip(self, turn: int) -> None:
        """The Gateway `flip` takes another host at another port."""
        listener = {
            "name": "http",
            "port": 8000 + turn % 5,
            "protocol": "HTTP",
            "hostname": f"flip{turn}.example",
        }
        await self.gateway("flip", listener)

    async def route(self, number: int, edition: int) -> int:
        """The route of host r<number>.example, whose responses say their edition; its resource version since."""
        header = {"set": [{"name": "X-Edition", "value": str(edition)}]}
        spec = {
            "parentRefs": [{"name": f"web-{number % GATEWAYS}"}],
            "hostnames": [f"r{number}.example"],
            "rules": [
                {
                    "filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": header}],
                    "backendRefs": [{"name": f"s{number % self.options.services}", "port": 80}],
                }
            ],
        }
        return _version(await self.objects.apply(HTTP_ROUTE, self._body(f"r{number}", spec)))

    async def _service(self, number: int) -> None:
        """Headless, since few clusters have a thousand addresses to give; without a selector, `endpoints` says all."""
        spec = {"clusterIP": "None", "ports": [{"port": 80}]}
        await self.objects.apply(SERVICE, self._body(f"s{number}", spec))

    async def endpoints(self, number: int, pod: int) -> int:
        """The Service s<number> has this endpoint from now on; the resource version of its EndpointSlice since."""
        endpoint = {"addresses": [self.names.address], "conditions": {"ready": True}}
        body = self._body(f"s{number}-0")
        body["metadata"]["labels"] = {
            "kubernetes.io/service-name": f"s{number}",
            "endpointslice.kubernetes.io/managed-by": "tidegate-bench",
        }
        body |= {"addressType": "IPv4", "endpoints": [endpoint], "ports": [{"port": pod, "protocol": "TCP"}]}
        return _version(await self.objects.apply(ENDPOINT_SLICE, body))

    def stored(self, kind: Kind, name: str) -> Json:
        found = self.objects.get(kind, (self.names.namespace, name))
        assert found is not None, name
        return found

    def generation(self, kind: Kind, name: str) -> int:
        return int(self.stored(kind, name)["metadata"]["generation"])

    def port_of(self, gateway: str) -> int:
        """Where gateways listen for the only listener of this Gateway."""
        return int(self.stored(SERVICE, f"tidegate-{gateway}")["spec"]["ports"][0]["targetPort"])

    def is_status_of(self, number: int, generation: int = 1) -> bool:
        """Whether the status of route r<number> is of this generation or a later one."""
        status = self.stored(HTTP_ROUTE, f"r{number}").get("status") or {}
        parents = status.get("parents") or ()
        said = [one["observedGeneration"] for parent in parents for one in parent["conditions"]]
        return bool(said) and min(said) >= generation

    def is_programmed(self, gateway: str, generation: int = 1) -> bool:
        status = self.stored(GATEWAY, gateway).get("status") or {}
        return any(
            one["type"] == "Programmed"
            and one["status"] == "True"
            and one["observedGeneration"] >= generation
            for one in status.get("conditions") or ()
        )

    def _body(self, name: str, spec: Json | None = None) -> dict[str, Any]:
        body: dict[str, Any] = {"metadata": {"namespace": self.names.namespace, "name": name}}
        return body if spec is None else {**body, "spec": spec}


@contextmanager
def first_change(
    objects: Objects, kind: Kind, condition: Callable[[], bool]
) -> Iterator[asyncio.Future[float]]:
    """The moment of the first change of an object of `kind` from now on after which `condition` holds."""
    moment: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    hear = objects.on_change

    def look(changed: Kind) -> None:
        if changed is kind and not moment.done() and condition():
            moment.set_result(time.monotonic())
        hear(changed)

    objects.on_change = look
    try:
        yield moment
    finally:
        objects.on_change = hear


async def _each(writes: Iterable[Callable[[], Awaitable[object]]]) -> None:
    rest = iter(writes)

    async def write() -> None:
        for one in rest:
            await one()

    async with asyncio.TaskGroup() as writers:
        for _ in range(WRITERS):
            writers.create_task(write())


def _version(body: Json) -> int:
    return int(body["metadata"]["resourceVersion"])
