"""`tidegate status --kube` and `tidegate explain`: what a cluster's operator and policies say.

Reads only, with the rights of whoever asks. Faults of the command line are ConfigFaults (exit 2), what the
cluster refuses is a StartFault (exit 1); both say what would be right.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from app.cli.run import tell
from app.clock import wall_s
from app.errors import ClusterError, ConfigFault, ConfigFaults, StartFault
from app.operator.cluster import Cluster, connect_cluster
from app.operator.explain import Explained, explain, is_known, read_target
from app.policy.merge import target_text
from app.policy.model import TargetRef
from app.policy.names import dns_label
from app.policy.units import BadValue
from app.version import VERSION

__all__ = ["show_explained", "show_instances"]

_OPERATORS = "app.kubernetes.io/part-of=tidegate,app.kubernetes.io/component=operator"
_ADMIN_PORT = 9080
_PERIOD_S = 1.0
_MAX_NAMES = 10
_COLUMNS = ("NAMESPACE", "POD", "GATEWAY", "READY", "STATE", "SNAPSHOT", "AGE", "ERROR")

T = TypeVar("T")
Connect = Callable[[str | None], Cluster]
Known = Mapping[str, Sequence[str]]


def _connect(namespace: str | None) -> Cluster:
    return connect_cluster(namespace, tries=1)  # somebody waits, and can ask again


def show_instances(
    namespace: str | None,
    *,
    as_json: bool,
    watch: bool = False,
    connected: Connect = _connect,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """The gateways as the operators of `namespace` (None: KUBECONFIG's) know them; `watch`: until Ctrl-C.

    Raises ConfigFaults and StartFault.
    """
    if namespace is not None:
        _checked("--namespace", lambda: dns_label(namespace))
    try:
        while True:
            told = _ask(namespace, connected, _instances)
            sys.stdout.write(orjson.dumps(told).decode() + "\n" if as_json else _instances_text(told))
            sys.stdout.flush()
            if not watch:
                return 0
            pause(_PERIOD_S)
    except KeyboardInterrupt:
        if watch:
            return 0  # the way to end it
        raise


def show_explained(text: str, *, connected: Connect = _connect) -> int:
    """What is in force for `NAMESPACE/TARGET`. Raises ConfigFaults and StartFault."""
    namespace, target = _checked("NAMESPACE/TARGET", lambda: read_target(text))

    async def question(cluster: Cluster) -> tuple[Explained, Known | str]:
        policies = await cluster.policies(namespace)
        if not policies and await cluster.has_namespace(namespace) is False:
            fix = "name one that `kubectl get namespaces` shows"
            raise ConfigFaults([ConfigFault("NAMESPACE/TARGET", f"there is no namespace {namespace}", fix)])
        return explain(policies, namespace, target, wall_s()), await _known_targets(cluster, namespace)

    explained, known = _ask(namespace, connected, question)
    notes = _judged(target, explained, known)
    rows = [
        (f"{row.stanza} {row.where}".strip(), row.mode, row.winner, ", ".join(row.beaten), row.says)
        for row in explained.rows
    ]
    sys.stdout.write(_table(("STANZA", "MODE", "FROM", "BEATS", "SAYS"), rows))
    for name, why in explained.out:
        sys.stdout.write(_printable(f"not in force: {name}: {why}") + "\n")
    for note in notes:
        tell(note)
    return 0


def _judged(target: TargetRef, explained: Explained, known: Known | str) -> list[str]:
    """What to add about whether there is such a target. Raises ConfigFaults where nobody knows it."""
    shown = target_text(target)
    if isinstance(known, str):
        return [f"whether a gateway has {shown} was not asked: {known}"]
    if is_known(target, known):
        return []
    names = sorted(known.get(f"{target.kind.lower()}s", ()))
    told = ", ".join(names[:_MAX_NAMES]) + (" …" if len(names) > _MAX_NAMES else "")
    fix = f"{target.kind}s here: {told or 'none'}"
    if explained.is_named:
        return [f"no gateway has {shown}, though a policy names it; {fix}"]
    raise ConfigFaults([ConfigFault("NAMESPACE/TARGET", f"no gateway has {shown}", fix)])


async def _known_targets(cluster: Cluster, namespace: str) -> Known | str:
    """The names of gateways, routes and upstreams; or why they are not known."""
    try:
        for pod in await _operators(cluster):
            told = await cluster.ask_pod(namespace, pod, _ADMIN_PORT, "/v1/targets")
            if isinstance(told, dict) and namespace in told:
                return dict(told[namespace])
    except (ClusterError, StartFault) as fault:
        return str(fault)
    return f"no gateway of namespace {namespace} has called its operator yet"


async def _instances(cluster: Cluster) -> Any:
    """What each operator says, by its pod."""
    return {
        pod: await cluster.ask_pod(cluster.namespace, pod, _ADMIN_PORT, "/v1/instances")
        for pod in await _operators(cluster)
    }


async def _operators(cluster: Cluster) -> list[str]:
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
    if await cluster.has_namespace(namespace) is False:
        fix = "name one that `kubectl get namespaces` shows"
        raise ConfigFaults([ConfigFault("--namespace", f"there is no namespace {namespace}", fix)])
    raise StartFault(f"no operator runs in namespace {namespace}; name its namespace with --namespace")


def _ask(
    namespace: str | None, connected: Connect, question: Callable[[Cluster], Coroutine[Any, Any, Any]]
) -> Any:
    async def ask() -> Any:
        cluster = connected(namespace)
        try:
            return await question(cluster)
        finally:
            await cluster.close()

    try:
        return asyncio.run(ask())
    except ClusterError as error:
        raise StartFault(f"{error}; {_cure(error)}") from error


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


def _checked(path: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except BadValue as bad:
        raise ConfigFaults([ConfigFault(path, bad.what, bad.fix)]) from None


def _instances_text(told: Mapping[str, Any]) -> str:
    text = ""
    for pod, one in told.items():
        try:
            rows = [_instance_row(instance) for instance in one["instances"]]
            text += f"operator {pod}: snapshot {one['sequence']}\n" + _table(_COLUMNS, rows)
        except (KeyError, TypeError, ValueError):
            raise StartFault(
                f"pod {pod} does not answer as an operator of version {VERSION} does; use its version"
            ) from None
    return text


def _instance_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    silent_s = one["silent_s"]
    return (
        one["namespace"],
        one["pod"],
        one["gateway"] or "",
        "yes" if one["is_required"] else "no",
        one["state"],
        str(one["sequence"]),
        "never" if silent_s is None else f"{silent_s:.0f}s",
        one["error"],
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    text = ""
    for line in lines:
        cells = (_printable(cell).ljust(width) for cell, width in zip(line, widths, strict=True))
        text += "  ".join(cells).rstrip() + "\n"
    return text


def _printable(text: str) -> str:
    """What pods and policies say must not move the cursor."""
    return "".join(char if char.isprintable() else " " for char in text)
