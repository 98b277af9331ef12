"""`tidegate explain` for an object of the cluster: policies of all namespaces, and what the operator knows of it."""

from typing import Any

from app.cli.kube.cluster_query import ADMIN_PORT, Connect, ask, every_operator
from app.foundation.clock import wall_s
from app.foundation.errors import ClusterError, ConfigFault, ConfigFaults
from app.operator.kube.client import KubeClient
from app.operator.kube.resources import PolicyObject
from app.operator.policy.explain import Explained
from app.operator.policy.explain_objects import Neighbours, explain_object
from app.operator.serving.admin_api import ATTACHMENT_PATH
from app.policy.merge import target_text
from app.policy.model import TargetRef
from app.policy.objects import object_name

__all__ = ["object_explained"]

_MAX_NAMES = 10
_FORBIDDEN = 403


def object_explained(namespace: str, target: TargetRef, connected: Connect) -> tuple[Explained, list[str]]:
    """What is in force for `target` in `namespace`, and what to add. Raises ConfigFaults and StartFault."""
    name = object_name(target, namespace)

    async def question(cluster: KubeClient) -> tuple[list[PolicyObject], list[str], Any]:
        policies, notes = await _policies(cluster, namespace)
        return policies, notes, await _attachment(cluster, name)

    policies, notes, attachment = ask(namespace, connected, question)
    if isinstance(attachment, str):
        neighbours = Neighbours()
        notes.append(f"what {target_text(target)} is attached to was not asked: {attachment}")
    else:
        neighbours = _neighbours(attachment)
    explained = explain_object(policies, namespace, target, neighbours, wall_s())
    if not isinstance(attachment, str):
        notes += _judged(namespace, target, attachment, explained)
    return explained, notes


async def _policies(cluster: KubeClient, namespace: str) -> tuple[list[PolicyObject], list[str]]:
    """Those of all namespaces, as far as the user may see them."""
    try:
        return await cluster.policies("*"), []
    except ClusterError as error:
        if error.code != _FORBIDDEN:
            raise
    note = f"only policies of {namespace} are shown: you have no right to list those of all namespaces"
    return await cluster.policies(namespace), [note]


async def _attachment(cluster: KubeClient, name: str) -> dict[str, Any] | str:
    """What an operator that serves Gateway API says of the object; or why it is not known."""
    why = "no operator is ready"
    try:
        for namespace, pod in await every_operator(cluster):
            said = await cluster.ask_pod(namespace, pod, ADMIN_PORT, ATTACHMENT_PATH + name)
            if not isinstance(said, dict) or not said.get("known"):
                why = f"operator {namespace}/{pod} does not know the cluster's routes yet"
            elif said.get("served"):
                return said
            else:
                why = f"operator {namespace}/{pod} serves no Gateway API"
    except ClusterError as error:
        return str(error)
    return why


def _neighbours(attachment: dict[str, Any]) -> Neighbours:
    releases = attachment["releases"]
    return Neighbours(
        namespace=attachment["namespace"],
        release=releases[0] if len(releases) == 1 else None,
        gateways=tuple(attachment["gateways"]),
        services=tuple(attachment["services"]),
    )


def _judged(namespace: str, target: TargetRef, attachment: dict[str, Any], explained: Explained) -> list[str]:
    """What to add about whether requests meet it. Raises ConfigFaults where there is no such object."""
    shown = target_text(target)
    if attachment["gateways"]:
        gateways = ", ".join(name.partition("/")[2] for name in attachment["gateways"])
        return [f"requests meet {shown} at {gateways}"]
    if attachment["exists"]:
        return [f"no request meets {shown}: no Gateway of Tidegate takes any for it"]
    names = [name.rpartition("/")[2] for name in attachment["others"]]
    listed = ", ".join(names[:_MAX_NAMES]) + (" …" if len(names) > _MAX_NAMES else "")
    what, fix = f"there is no {shown} in namespace {namespace}", f"{target.kind}s there: {listed or 'none'}"
    if explained.is_named:
        return [f"{what}, though a policy names it; {fix}"]
    raise ConfigFaults([ConfigFault("NAMESPACE/TARGET", what, fix)])
