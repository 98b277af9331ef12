"""`tidegate explain`: which ResiliencePolicies are in force for a target, who won and who lost."""

import sys
from collections.abc import Mapping, Sequence

from app.cli.fault_report import report
from app.cli.kube.cluster_query import ADMIN_PORT, Connect, ask, checked, connect_once, ready_operators
from app.cli.kube.object_explanation import object_explained
from app.cli.tables import columns_text, printable
from app.foundation.clock import wall_s
from app.foundation.errors import ClusterError, ConfigFault, ConfigFaults, StartFault
from app.operator.kube.client import KubeClient
from app.operator.policy.explain import Explained, explain, is_known, read_target
from app.policy.merge import target_text
from app.policy.model import TargetRef

__all__ = ["show_explained"]

_MAX_NAMES = 10

Known = Mapping[str, Sequence[str]]


def show_explained(text: str, *, connected: Connect = connect_once) -> int:
    """What is in force for `NAMESPACE/TARGET`. Raises ConfigFaults and StartFault."""
    namespace, target = checked("NAMESPACE/TARGET", lambda: read_target(text))
    if target.is_object:
        explained, notes = object_explained(namespace, target, connected)
    else:
        explained, notes = _own_explained(namespace, target, connected)
    rows = [
        (f"{row.stanza} {row.part}".strip(), row.mode, row.winner, ", ".join(row.losers), row.spec_json)
        for row in explained.rows
    ]
    sys.stdout.write(columns_text(("STANZA", "MODE", "FROM", "BEATS", "SAYS"), rows))
    for name, why in explained.not_in_force:
        sys.stdout.write(printable(f"not in force: {name}: {why}") + "\n")
    for note in notes:
        report(note)
    return 0


def _own_explained(namespace: str, target: TargetRef, connected: Connect) -> tuple[Explained, list[str]]:
    """For a part of a gateway's own configuration."""

    async def question(cluster: KubeClient) -> tuple[Explained, Known | str]:
        policies = await cluster.policies(namespace)
        if not policies and await cluster.has_namespace(namespace) is False:
            fix = "name one that `kubectl get namespaces` shows"
            raise ConfigFaults([ConfigFault("NAMESPACE/TARGET", f"there is no namespace {namespace}", fix)])
        return explain(policies, namespace, target, wall_s()), await _known_targets(cluster, namespace)

    explained, known = ask(namespace, connected, question)
    return explained, _judged(target, explained, known)


def _judged(target: TargetRef, explained: Explained, known: Known | str) -> list[str]:
    """What to add about whether there is such a target. Raises ConfigFaults where nobody knows it."""
    shown = target_text(target)
    if isinstance(known, str):
        return [f"whether a gateway has {shown} was not asked: {known}"]
    if is_known(target, known):
        return []
    names = sorted(known.get(f"{target.kind.lower()}s", ()))
    listed = ", ".join(names[:_MAX_NAMES]) + (" …" if len(names) > _MAX_NAMES else "")
    fix = f"{target.kind}s here: {listed or 'none'}"
    if explained.is_named:
        return [f"no gateway has {shown}, though a policy names it; {fix}"]
    raise ConfigFaults([ConfigFault("NAMESPACE/TARGET", f"no gateway has {shown}", fix)])


async def _known_targets(cluster: KubeClient, namespace: str) -> Known | str:
    """The names of gateways, routes and upstreams; or why they are not known."""
    try:
        for pod in await ready_operators(cluster):
            listed = await cluster.ask_pod(namespace, pod, ADMIN_PORT, "/v1/targets")
            if isinstance(listed, dict) and namespace in listed:
                return dict(listed[namespace])
    except (ClusterError, StartFault) as fault:
        return str(fault)
    return f"no gateway of namespace {namespace} has called its operator yet"
