"""The cluster of the routes' bench as a real one, that of KUBECONFIG: the chart on it, and simulated gateways beside.

`kubectl` and `helm` are in PATH, the images are where the pods find them (`tests/e2e/images.sh`), the definitions of
Gateway API are there, the user may do everything, and this machine reaches the pods at their addresses, and they reach
it. The endpoints of all Services are on this machine.
"""

import argparse
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from lightkube import AsyncClient
from lightkube.resources.core_v1 import ConfigMap, Node

from app.config.sync.snapshot import CA_KEY
from app.operator.kube.kinds import ENDPOINT_SLICE
from app.operator.kube.resources import INSTANCE_LABEL, Pod
from tests.bench.cluster_objects import Objects, Site, SiteNames
from tests.bench.cluster_under_test import Cluster
from tests.bench.live_fleet import LiveFleet, live_fleet
from tests.bench.live_objects import live_objects
from tests.bench.live_release import CLASS, NAMESPACE, RELEASE, installed, live_namespace
from tests.bench.operator_scale import add_pod, token_of
from tests.bench.pods import running_pods
from tests.bench.simulated_gateways import Simulated, simulated_gateways
from tests.fakes.cluster import GATEWAY_LABELS

__all__ = ["live_cluster"]

SYNC_PORT = 8082


@asynccontextmanager
async def live_cluster(options: argparse.Namespace) -> AsyncIterator[Cluster]:
    """The operator finds all objects there when it starts. All of it is taken away again."""
    client = AsyncClient(namespace=NAMESPACE, timeout=httpx2.Timeout(30.0))
    try:
        address = options.pods_at or await _facing_address(client)
        names = SiteNames(NAMESPACE, CLASS, address)
        async with live_namespace(), live_objects() as objects, running_pods(address) as pods:
            site = Site(objects, options, names, await pods.open())
            await site.fill()
            began_s = time.monotonic()
            await installed(options.gateways)
            async with (
                live_fleet(client) as fleet,
                _simulated(client, objects, fleet, options.simulated) as simulated,
            ):
                yield Cluster(fleet, site, pods, simulated, options, began_s)
    finally:
        await client.close()


async def _facing_address(client: AsyncClient) -> str:
    """Of this machine, from which it reaches the first node, so one at which pods may reach it."""
    node = await anext(aiter(client.list(Node)))
    assert node.status is not None
    addresses = {one.type: one.address for one in node.status.addresses or ()}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((addresses["InternalIP"], 9))  # sends nothing
        return str(asking.getsockname()[0])


@asynccontextmanager
async def _simulated(
    client: AsyncClient, objects: Objects, fleet: LiveFleet, count: int
) -> AsyncIterator[Simulated]:
    """Gateways whose pods are never scheduled, and which an EndpointSlice calls ready, so that the operator waits for
    them as for the others; no Service leads to them.
    """
    pods = [await add_pod(client, f"polling-{number}") for number in range(count)]
    await objects.apply(ENDPOINT_SLICE, _slice_of(pods))
    tokens = {await token_of(client, pod): pod for pod in pods}
    config = await client.get(ConfigMap, f"{RELEASE}-snapshot")
    ca = (config.data or {})[CA_KEY]
    name = f"{RELEASE}-operator.{NAMESPACE}.svc"
    async with simulated_gateways(f"https://{fleet.operator.host}:{SYNC_PORT}", ca, tokens, name) as running:
        yield running


def _slice_of(pods: list[Pod]) -> dict[str, object]:
    endpoints = [
        {
            "addresses": [f"192.0.2.{number}"],  # RFC 5737: nobody's
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        }
        for number, pod in enumerate(pods, 1)
    ]
    labels = {**GATEWAY_LABELS, INSTANCE_LABEL: RELEASE}
    metadata = {"namespace": NAMESPACE, "name": "polling", "labels": labels}
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, "ports": []}
