"""One question to the cluster of KUBECONFIG, with the rights of the user who asks; it only reads.

Faults of the command line are ConfigFaults (exit 2), what the cluster rejects is a StartFault (exit 1); both
say what would be right.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from app.foundation.errors import ClusterError, ConfigFault, ConfigFaults, StartFault
from app.operator.kube.client import KubeClient, connect_kube
from app.schema.faults import BadValue

__all__ = [
    "ADMIN_PORT",
    "ClusterSession",
    "Connect",
    "ask",
    "check_namespace",
    "checked",
    "connect_once",
    "every_operator",
    "ready_operators",
]

ADMIN_PORT = 9080
"""Where an operator's pod serves its admin API."""

_OPERATORS = "app.kubernetes.io/part-of=tidegate,app.kubernetes.io/component=operator"

T = TypeVar("T")
Connect = Callable[[str | None], KubeClient]


def connect_once(namespace: str | None) -> KubeClient:
    """A connection without retries: somebody waits, and can ask again."""
    return connect_kube(namespace, tries=1)


def ask(
    namespace: str | None, connected: Connect, question: Callable[[KubeClient], Coroutine[Any, Any, Any]]
) -> Any:
    """What `question` returns about the cluster. Raises ConfigFaults and StartFault."""
    with ClusterSession(namespace, connected) as session:
        return session.ask(question)


class ClusterSession:
    """Questions in turn over one connection, which is made again after a fault: its user may log in again."""

    def __init__(self, namespace: str | None, connected: Connect) -> None:
        self._namespace, self._connected = namespace, connected
        self._cluster: KubeClient | None = None
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._runner:
            self._runner.run(self._close())

    def ask(self, question: Callable[[KubeClient], Coroutine[Any, Any, Any]]) -> Any:
        """As `ask`."""
        try:
            return self._runner.run(self._asked(question))
        except ClusterError as error:
            self._runner.run(self._close())
            raise StartFault(f"{error}; {_cure(error)}") from error

    async def _asked(self, question: Callable[[KubeClient], Coroutine[Any, Any, Any]]) -> Any:
        if self._cluster is None:
            self._cluster = self._connected(self._namespace)
        return await question(self._cluster)

    async def _close(self) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            await cluster.close()


def checked(path: str, read: Callable[[], T]) -> T:
    """What `read` returns; its BadValue becomes the ConfigFaults of the argument `path`."""
    try:
        return read()
    except BadValue as bad:
        raise ConfigFaults([ConfigFault(path, bad.what, bad.fix)]) from None


async def check_namespace(cluster: KubeClient) -> None:
    """Raises ConfigFaults where the cluster's namespace does not exist, as far as its user may look."""
    if await cluster.has_namespace(cluster.namespace) is False:
        fix = "name one that `kubectl get namespaces` shows"
        raise ConfigFaults([ConfigFault("--namespace", f"there is no namespace {cluster.namespace}", fix)])


async def ready_operators(cluster: KubeClient) -> list[str]:
    """The pods of the operators that are ready, one a release; ≥ 1. Raises ConfigFaults and StartFault."""
    namespace = cluster.namespace
    endpoints = [
        (endpoint["targetRef"]["name"], (endpoint.get("conditions") or {}).get("ready") is not False)
        for one in await cluster.slices(namespace, _OPERATORS)
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("targetRef") or {}).get("kind") == "Pod"
    ]
    ready = sorted({pod for pod, is_ready in endpoints if is_ready})
    if ready:
        return ready
    if endpoints:
        pod = endpoints[0][0]
        raise StartFault(
            f"the operator in namespace {namespace} is not ready; see kubectl -n {namespace} logs {pod}"
        )
    await check_namespace(cluster)
    raise StartFault(f"no operator runs in namespace {namespace}; name its namespace with --namespace")


async def every_operator(cluster: KubeClient) -> list[tuple[str, str]]:
    """Namespace and name of each ready pod of an operator, whatever its namespace. Raises ClusterError."""
    found = {
        (one["metadata"]["namespace"], endpoint["targetRef"]["name"])
        for one in await cluster.slices("*", _OPERATORS)
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("targetRef") or {}).get("kind") == "Pod"
        and (endpoint.get("conditions") or {}).get("ready") is not False
    }
    return sorted(found)


def _cure(error: ClusterError) -> str:
    if error.code == 0:
        return "is the cluster of KUBECONFIG up, and reachable from here?"
    if error.code == 401:
        return "log in again, or take another user in KUBECONFIG"
    if error.code == 403:
        return "ask for the right, or take another user in KUBECONFIG"
    if error.code == 404:
        return "is Tidegate installed in this cluster? See kubectl get crd resiliencepolicies.tidegate.dev"
    return (
        "see kubectl get pods, and the operator's log; a network policy may keep the API server from its port"
    )
