"""The cluster of the routes' bench without one: an API server in memory, the operator and gateways as processes."""

import argparse
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.operator.kube.kinds import GATEWAY_CLASS, NAMESPACE, Kind
from app.operator.kube.resources import Pod, TokenBearer
from app.operator.routes.settings import CONTROLLER
from tests.bench.cluster_objects import Objects, Site, SiteNames
from tests.bench.cluster_under_test import Cluster, GatewayAddress, Usage
from tests.bench.operator_scale import usage
from tests.bench.pods import Pods, running_pods
from tests.bench.simulated_gateways import Simulated, simulated_gateways
from tests.fakes.fleet import Fleet, running_fleet
from tests.fakes.kubernetes_server import KubernetesServer

__all__ = ["memory_cluster"]

CONFIG = "routes: []\n"
OPERATOR = {"GATEWAY_API": "true", "GATEWAY_SERVICE_TYPE": "ClusterIP"}
NAMES = SiteNames()


class MemoryObjects:
    """Those of the API server in memory, whose writes are over at once."""

    def __init__(self, server: KubernetesServer) -> None:
        self._server, self._objects = server, server.objects
        self._objects.on_sent = self._sent
        self.on_event: Callable[[str, int], None] = lambda _, __: None

    @property
    def on_change(self) -> Callable[[Kind], None]:
        return self._objects.on_change

    @on_change.setter
    def on_change(self, hear: Callable[[Kind], None]) -> None:
        self._objects.on_change = hear

    @property
    def version(self) -> int:
        """Of pods and policies, too."""
        return self._objects.version + self._server.cluster.version

    async def apply(self, kind: Kind, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._objects.apply(kind, body)

    def get(self, kind: Kind, key: tuple[str, str]) -> Mapping[str, Any] | None:
        return self._objects.get(kind, key)

    def _sent(self, body: Mapping[str, Any]) -> None:
        self.on_event(body["kind"], int(body["metadata"]["resourceVersion"]))


class MemoryFleet:
    """Processes of this machine; `pods`: those that carry the load."""

    def __init__(self, fleet: Fleet, pods: Pods) -> None:
        self.gateways = [GatewayAddress(one.name, one.host) for one in fleet.gateways]
        self._pids = {"operator": fleet.operator.pid}
        self._pids |= {one.name: one.child.pid for one in fleet.gateways}
        self._others = {"pods and load": pods.process.pid, "API server": os.getpid()}

    async def usage(self) -> Mapping[str, Usage]:
        return {name: Usage(*usage(pid)) for name, pid in self._pids.items()}

    async def working_sets_mib(self) -> Mapping[str, float]:
        return {}

    def waits_s(self) -> Mapping[str, float]:
        """Of main threads (proc(5), schedstat)."""
        return {
            name: int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
            for name, pid in (self._pids | self._others).items()
        }


@asynccontextmanager
async def memory_cluster(options: argparse.Namespace, folder: Path) -> AsyncIterator[Cluster]:
    """The operator finds all objects there when it starts."""
    began_s = time.monotonic()
    sites: list[Site] = []
    async with running_pods() as pods:
        pod = await pods.open()

        async def fill(server: KubernetesServer) -> None:
            server.objects.missing.clear()
            server.objects.apply(NAMESPACE, {"metadata": {"name": NAMES.namespace}})
            made = {"metadata": {"name": NAMES.gateway_class}, "spec": {"controllerName": CONTROLLER}}
            server.objects.apply(GATEWAY_CLASS, made)
            objects: Objects = MemoryObjects(server)
            sites.append(Site(objects, options, NAMES, pod))
            await sites[0].fill()

        async with (
            running_fleet(
                folder,
                options.gateways,
                lambda _: CONFIG,
                prepare=fill,
                host=lambda number: f"127.0.77.{1 + number}",
                operator_env=OPERATOR,
            ) as fleet,
            _simulated(fleet, folder, options.simulated) as simulated,
        ):
            yield Cluster(MemoryFleet(fleet, pods), sites[0], pods, simulated, options, began_s)


@asynccontextmanager
async def _simulated(fleet: Fleet, folder: Path, count: int) -> AsyncIterator[Simulated]:
    """Further gateways, which poll and say that they applied everything."""
    cluster, pods = fleet.server.cluster, {}
    for number in range(count):
        name = f"polling-{number}"
        pod = Pod(f"uid-{name}", name, NAMES.namespace, "edge")
        pods[f"a.b.{pod.uid}"] = pod
        cluster.tokens[f"a.b.{pod.uid}"] = TokenBearer(NAMES.namespace, "tidegate-gateway", name, pod.uid)
        cluster.add_pod(pod)
    async with simulated_gateways(fleet.sync_url, (folder / "ca.crt").read_text(), pods) as running:
        yield running
