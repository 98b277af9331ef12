"""`tidegate status --kube` and `tidegate explain`: what a cluster's operator and policies say."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import orjson

from app.errors import ClusterError, ConfigFault, ConfigFaults, StartFault
from app.operator.cluster import Cluster, connect_cluster
from app.operator.explain import explain, read_target
from app.policy.units import BadValue

__all__ = ["show_explained", "show_instances"]

_OPERATOR = "app.kubernetes.io/name=tidegate,app.kubernetes.io/component=operator"
_COLUMNS = ("NAMESPACE", "POD", "GATEWAY", "READY", "STATE", "SNAPSHOT", "AGE", "ERROR")


def show_instances(namespace: str | None, *, as_json: bool) -> int:
    """The gateways as the operator of `namespace` (None: KUBECONFIG's) knows them. Raises StartFault."""
    told = _ask(namespace, _instances)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
        return 0
    sys.stdout.write(f"snapshot {told['sequence']}\n")
    sys.stdout.write(_table(_COLUMNS, [_instance_row(one) for one in told["instances"]]))
    return 0


def show_explained(text: str) -> int:
    """What is in force for `NAMESPACE/TARGET`. Raises ConfigFaults and StartFault."""
    try:
        namespace, target = read_target(text)
    except BadValue as bad:
        raise ConfigFaults([ConfigFault("NAMESPACE/TARGET", bad.what, bad.fix)]) from None
    policies = _ask(namespace, lambda cluster: cluster.policies(namespace))
    explained = explain(policies, namespace, target)
    rows = [(row.stanza, row.mode, row.winner, row.says, ", ".join(row.beaten)) for row in explained.rows]
    sys.stdout.write(_table(("STANZA", "MODE", "FROM", "SAYS", "BEATS"), rows))
    for name, why in explained.out:
        sys.stdout.write(f"not in force: {name}: {why}\n")
    return 0


async def _instances(cluster: Cluster) -> Any:
    slices = await cluster.slices(cluster.namespace, _OPERATOR)
    pods = [
        endpoint["targetRef"]["name"]
        for one in slices
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("targetRef") or {}).get("kind") == "Pod"
    ]
    if not pods:
        raise StartFault(f"no operator runs in namespace {cluster.namespace}; name another with --namespace")
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{pods[0]}:9080/proxy/v1/instances"
    return await cluster.get_json(path)


def _ask(namespace: str | None, question: Callable[[Cluster], Coroutine[Any, Any, Any]]) -> Any:
    async def ask() -> Any:
        cluster = connect_cluster(namespace)
        try:
            return await question(cluster)
        finally:
            await cluster.close()

    try:
        return asyncio.run(ask())
    except ClusterError as error:
        raise StartFault(str(error)) from error


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
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        text += "  ".join(cells).rstrip() + "\n"
    return text
