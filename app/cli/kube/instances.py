"""`tidegate status --kube`: the gateways of a cluster as its operators know them."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from app.cli.keyboard import quit_on_q
from app.cli.kube.cluster_query import ADMIN_PORT, Connect, ask, checked, connect_once, ready_operators
from app.cli.kube.instance_sections import instance_sections
from app.cli.status.output import Output, document_text, sections_text
from app.cli.tables import Section
from app.foundation.errors import StartFault
from app.foundation.version import VERSION
from app.operator.kube.client import KubeClient
from app.schema.names import dns_label

__all__ = ["show_instances"]

_PERIOD_S = 1.0


def show_instances(
    namespace: str | None,
    *,
    output: Output = Output.TABLE,
    watch: bool = False,
    connected: Connect = connect_once,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """The gateways as the operators of `namespace` (None: KUBECONFIG's) know them; `watch`: until Ctrl-C,
    on a terminal also q.

    Raises ConfigFaults and StartFault.
    """
    if namespace is not None:
        checked("--namespace", lambda: dns_label(namespace))
    try:
        with quit_on_q() if watch and sys.stdout.isatty() else nullcontext():
            while True:
                reported = ask(namespace, connected, _instances)
                sys.stdout.write(
                    document_text(reported, output)
                    if output.is_document
                    else _instances_text(reported, output)
                )
                sys.stdout.flush()
                if not watch:
                    return 0
                pause(_PERIOD_S)
    except KeyboardInterrupt:
        if watch:
            return 0  # the way to end it
        raise


async def _instances(cluster: KubeClient) -> Any:
    """What each operator says, by its pod."""
    return {
        pod: await cluster.ask_pod(cluster.namespace, pod, ADMIN_PORT, "/v1/instances")
        for pod in await ready_operators(cluster)
    }


def _instances_text(said: Mapping[str, Any], output: Output) -> str:
    shown: list[Section] = []
    for pod, one in said.items():
        try:
            shown += instance_sections(pod, one)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise StartFault(
                f"pod {pod} is no operator of version {VERSION}; use a tidegate of its version"
            ) from None
    return sections_text(shown, output)
