"""`tidegate tap -n NAMESPACE`: follows the decisions of a cluster's gateways as they come."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from app.cli.decision_stream import DecisionStream, Silent, TapQuery
from app.cli.kube.cluster_query import ClusterSession, Connect, checked, connect_once
from app.cli.kube.gateways import ask_pods, gateway_pods
from app.cli.tap import follow
from app.foundation.errors import ClusterError, StartFault
from app.operator.kube.client import KubeClient
from app.schema.names import dns_label

__all__ = ["tap_namespace"]

_PERIOD_S = 1.0
_WAIT_S = 2.0
"""For one gateway; where it stopped reading is kept, so that nothing is lost when it responds later."""


def tap_namespace(
    namespace: str,
    query: TapQuery,
    *,
    connected: Connect = connect_once,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Until q or Ctrl-C; gateways that come are followed too. 1 where none responds at the start.

    Raises ConfigFaults and StartFault.
    """
    checked("--namespace", lambda: dns_label(namespace))
    stream = DecisionStream(query, named=True)

    async def question(cluster: KubeClient) -> dict[str, Any]:
        replies = await ask_pods(cluster, await gateway_pods(cluster), stream.path, within_s=_WAIT_S)
        return {
            pod: Silent(str(reply)) if isinstance(reply, ClusterError) else reply
            for pod, reply in replies.items()
        }

    def poll() -> Mapping[str, Any]:
        try:
            found: dict[str, Any] = session.ask(question)
        except StartFault as fault:
            if stream.hears_nobody is not None:
                raise
            return dict.fromkeys(stream.sources, Silent(str(fault)))
        return found

    with ClusterSession(namespace, connected) as session:
        return follow(stream, poll, query.output, lambda: pause(_PERIOD_S))
