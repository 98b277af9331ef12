"""The fleet of the routes' bench on a real cluster: where its pods are, and what they use.

What a process uses is read inside its container: a page of metrics of thousands of routes has megabytes, and to make
one costs a gateway time and memory that would be part of the figures. Beside it stands what the kubelet says, where the
API server hands it on.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.resources.core_v1 import Pod

from app.operator.kube.resources import INSTANCE_LABEL
from tests.bench.cluster_under_test import GatewayAddress, Usage
from tests.bench.live_objects import api_server
from tests.bench.live_release import NAMESPACE, RELEASE, command
from tests.bench.operator_scale import usage_of

__all__ = ["LiveFleet", "RunningPod", "live_fleet", "working_sets_of"]

MIB = 2**20

_WORKING_SET = re.compile(r"^container_memory_working_set_bytes\{([^}]*)\} ([0-9.e+]+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class RunningPod:
    name: str
    host: str
    node: str


def working_sets_of(page: str, namespace: str) -> dict[str, float]:
    """MiB by pod of that namespace, from a kubelet's `/metrics/resource`."""
    found: dict[str, float] = {}
    for text, value in _WORKING_SET.findall(page):
        labels = dict(_LABEL.findall(text))
        if labels["namespace"] == namespace:
            found[labels["pod"]] = found.get(labels["pod"], 0.0) + float(value) / MIB
    return found


class LiveFleet:
    """`operator` and `pods` of gateways as they run now. `api`: the API server."""

    def __init__(self, operator: RunningPod, pods: Sequence[RunningPod], api: httpx2.AsyncClient) -> None:
        self.operator = operator
        self.gateways = [GatewayAddress(one.name, one.host) for one in pods]
        self._pods = {"operator": operator} | {one.name: one for one in pods}
        self._api = api

    async def usage(self) -> Mapping[str, Usage]:
        found = await asyncio.gather(*(_usage(one.name) for one in self._pods.values()))
        return dict(zip(self._pods, found, strict=True))

    async def working_sets_mib(self) -> Mapping[str, float]:
        sets: dict[str, float] = {}
        for node in sorted({one.node for one in self._pods.values()}):
            page = await self._api.get(f"/api/v1/nodes/{node}/proxy/metrics/resource")
            sets |= working_sets_of(page.text, NAMESPACE) if page.is_success else {}
        found = {name: sets.get(one.name) for name, one in self._pods.items()}
        known = {name: value for name, value in found.items() if value is not None}
        return known if len(known) == len(found) else {}

    def waits_s(self) -> Mapping[str, float]:
        return {}


@asynccontextmanager
async def live_fleet(client: AsyncClient) -> AsyncIterator[LiveFleet]:
    """Of the release, whose pods are ready."""
    (operator,) = await _running(client, "operator")
    async with api_server() as api:
        yield LiveFleet(operator, await _running(client, "gateway"), api)


async def _usage(pod: str) -> Usage:
    """Of its first process, which has no others."""
    words = ("kubectl", "--namespace", NAMESPACE, "exec", pod, "--", "cat", "/proc/1/stat", "/proc/1/statm")
    stat, statm = (await command(*words)).splitlines()
    return Usage(*usage_of(stat, statm))


async def _running(client: AsyncClient, component: str) -> list[RunningPod]:
    labels: dict[str, Any] = {INSTANCE_LABEL: RELEASE, "app.kubernetes.io/component": component}
    found = []
    async for pod in client.list(Pod, namespace=NAMESPACE, labels=labels):
        metadata, spec, status = pod.metadata, pod.spec, pod.status
        assert metadata is not None
        assert spec is not None
        assert status is not None
        if metadata.deletionTimestamp is None:
            found.append(RunningPod(str(metadata.name), str(status.podIP), str(spec.nodeName)))
    return sorted(found, key=lambda one: one.name)
