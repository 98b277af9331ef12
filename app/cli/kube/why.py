"""`tidegate why -n NAMESPACE`: which of a cluster's gateways had a request, and what became of it there."""

import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from app.admin.decision_sentences import decision_sentences
from app.cli.decision_stream import Silent
from app.cli.fault_report import report
from app.cli.kube.cluster_query import Connect, ask, checked, connect_once
from app.cli.kube.gateways import ask_pods, gateway_pods
from app.cli.tables import printable
from app.foundation.errors import ClusterError, StartFault
from app.foundation.version import VERSION
from app.operator.kube.client import KubeClient
from app.schema.names import dns_label

__all__ = ["explain_request_in"]


def explain_request_in(namespace: str, request_id: str, *, connected: Connect = connect_once) -> int:
    """1 where no gateway of `namespace` keeps that id. Raises ConfigFaults and StartFault."""
    checked("--namespace", lambda: dns_label(namespace))
    path = f"/v1/decisions/{quote(request_id, safe='')}"

    async def question(cluster: KubeClient) -> dict[str, Any]:
        return await ask_pods(cluster, await gateway_pods(cluster), lambda _: path)

    replies = ask(namespace, connected, question)
    explained = {pod: reply for pod, reply in replies.items() if not isinstance(reply, Silent | ClusterError)}
    text = "".join(f"gateway {pod}:\n{_sentences(pod, decision)}" for pod, decision in explained.items())
    sys.stdout.write(text)
    for pod, reply in replies.items():
        if isinstance(reply, Silent) or (isinstance(reply, ClusterError) and not explained):
            report(f"{'warning' if explained else 'error'}: {pod}: {_why_not(reply)}")
    return 0 if explained else 1


def _sentences(pod: str, decision: Mapping[str, Any]) -> str:
    try:
        lines = decision_sentences(decision).splitlines()
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StartFault(
            f"pod {pod} is no gateway of version {VERSION}; use a tidegate of its version"
        ) from None
    return "".join(f"  {printable(line)}\n" for line in lines)


def _why_not(reply: Silent | ClusterError) -> str:
    if isinstance(reply, Silent):
        return reply.why
    try:
        return str(orjson.loads(reply.cause)["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return str(reply)
