"""The gateways of a namespace, asked through the API server's proxy to their pods."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from app.cli.decision_stream import Silent
from app.cli.kube.cluster_query import ADMIN_PORT, check_namespace
from app.foundation.errors import ClusterError, StartFault
from app.operator.kube.client import KubeClient

__all__ = ["Pod", "ask_pods", "gateway_pods"]

Pod = tuple[str, int]
"""Name, and the port of its admin API."""

_GATEWAYS = "app.kubernetes.io/part-of=tidegate,tidegate.dev/job=gateway"
_AT_ONCE = 16
_USERS_FAULT = (401, 403)


async def gateway_pods(cluster: KubeClient) -> list[Pod]:
    """≥ 1, also those that take no traffic now. Raises ConfigFaults and StartFault."""
    namespace = cluster.namespace
    found: dict[str, int] = {}
    for one in await cluster.slices(namespace, _GATEWAYS):
        ports = {port.get("name"): port.get("port") for port in one.get("ports") or ()}
        for endpoint in one.get("endpoints") or ():
            target = endpoint.get("targetRef") or {}
            if target.get("kind") == "Pod":
                found[target["name"]] = ports.get("admin") or ADMIN_PORT
    if found:
        return sorted(found.items())
    await check_namespace(cluster)
    raise StartFault(f"no gateway runs in namespace {namespace}; name its namespace with --namespace")


async def ask_pods(
    cluster: KubeClient, pods: Sequence[Pod], path_of: Callable[[str], str], *, within_s: float | None = None
) -> dict[str, Any]:
    """By pod the JSON of its response, `Silent`, or the ClusterError of a 404.

    `within_s`: how long the others wait for one pod; None: as long as the client does.

    Raises ClusterError where the user has no right to ask pods, or is not logged in.
    """
    slots = asyncio.Semaphore(_AT_ONCE)

    async def ask_one(pod: Pod) -> Any:
        name, port = pod
        async with slots:
            try:
                async with asyncio.timeout(within_s):
                    return await cluster.ask_pod(cluster.namespace, name, port, path_of(name))
            except TimeoutError:
                return Silent(f"it did not respond within {within_s:g} s")
            except ClusterError as error:
                if error.code in _USERS_FAULT:
                    raise
                return error if error.code == 404 else Silent(str(error))

    replies = await asyncio.gather(*(ask_one(pod) for pod in pods))
    return {name: reply for (name, _), reply in zip(pods, replies, strict=True)}
