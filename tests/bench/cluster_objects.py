"""The cluster's objects of the routes' bench (`routes_of_a_cluster`), and how they change."""

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.operator.kube.kinds import (
    ENDPOINT_SLICE,
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    NAMESPACE,
    SERVICE,
    Kind,
)
from tests.fakes.kubernetes_server import KubernetesServer
from tests.fakes.objects import FakeObjects

__all__ = ["GATEWAYS", "Site", "first_change"]

GATEWAYS = 3


class Site:
    """The cluster's objects, as people and controllers change them. `pod`: the port of every Service's at first."""

    def __init__(self, objects: FakeObjects, options: argparse.Namespace, pod: int) -> None:
        self.objects, self.options, self.pod = objects, options, pod

    def fill(self, server: KubernetesServer) -> None:
        self.objects = server.objects
        server.objects.missing.clear()
        controller = {"controllerName": "tidegate.dev/gateway-controller"}
        self.objects.apply(NAMESPACE, {"metadata": {"name": "shop"}})
        self.objects.apply(GATEWAY_CLASS, {"metadata": {"name": "tidegate"}, "spec": controller})
        for number in range(GATEWAYS):
            self.gateway(f"web-{number}", {"name": "http", "port": 80, "protocol": "HTTP"})
        self.flip(0)
        for number in range(self.options.services):
            self.objects.apply(
                SERVICE, _body(f"s{number}", {"ports": [{"port": 80}], "selector": {"a": "b"}})
            )
            self.endpoints(number, self.pod)
        for number in range(self.options.routes):
            self.route(number, 0)
        rule = {"backendRefs": [{"name": "s0", "port": 80}]}
        self.objects.apply(HTTP_ROUTE, _body("flip", {"parentRefs": [{"name": "flip"}], "rules": [rule]}))

    def gateway(self, name: str, *listeners: Mapping[str, Any]) -> None:
        self.objects.apply(
            GATEWAY, _body(name, {"gatewayClassName": "tidegate", "listeners": list(listeners)})
        )

    def flip(self, turn: int) -> int:
        """The Gateway `flip` takes another host at another port; its generation since."""
        listener = {
            "name": "http",
            "port": 8000 + turn % 5,
            "protocol": "HTTP",
            "hostname": f"flip{turn}.example",
        }
        self.gateway("flip", listener)
        return int(self.stored(GATEWAY, "flip")["metadata"]["generation"])

    def route(self, number: int, edition: int) -> int:
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
        stored = self.objects.apply(HTTP_ROUTE, _body(f"r{number}", spec))
        return int(stored["metadata"]["resourceVersion"])

    def endpoints(self, number: int, pod: int) -> int:
        """The Service s<number> has this endpoint from now on; the resource version of its EndpointSlice since."""
        endpoint = {"addresses": ["127.0.0.1"], "conditions": {"ready": True}}
        body = _body(f"s{number}-0", None)
        body["metadata"]["labels"] = {"kubernetes.io/service-name": f"s{number}"}
        ports = [{"port": pod, "protocol": "TCP"}]
        stored = self.objects.apply(
            ENDPOINT_SLICE, {**body, "addressType": "IPv4", "endpoints": [endpoint], "ports": ports}
        )
        return int(stored["metadata"]["resourceVersion"])

    def stored(self, kind: Any, name: str) -> Mapping[str, Any]:
        found = self.objects.get(kind, ("shop", name))
        assert found is not None, name
        return found

    def port_of(self, gateway: str) -> int:
        """Where gateways listen for the only listener of this Gateway."""
        return int(self.stored(SERVICE, f"tidegate-{gateway}")["spec"]["ports"][0]["targetPort"])

    def is_status_of(self, number: int) -> bool:
        """Whether the status of route r<number> is of its spec as it is now."""
        generation = self.stored(HTTP_ROUTE, f"r{number}")["metadata"]["generation"]
        parents = self.objects.status(HTTP_ROUTE, ("shop", f"r{number}")).get("parents") or ()
        said = [one["observedGeneration"] for parent in parents for one in parent["conditions"]]
        return bool(said) and min(said) >= generation

    def is_programmed(self, gateway: str, generation: int = 0) -> bool:
        conditions = self.objects.status(GATEWAY, ("shop", gateway)).get("conditions", ())
        return any(
            one["type"] == "Programmed"
            and one["status"] == "True"
            and one["observedGeneration"] >= generation
            for one in conditions
        )


@contextmanager
def first_change(
    objects: FakeObjects, kind: Kind, condition: Callable[[], bool]
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


def _body(name: str, spec: Mapping[str, Any] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"metadata": {"namespace": "shop", "name": name}}
    return body if spec is None else {**body, "spec": spec}
