"""`tidegate status --kube`: the gateways of a cluster as its operators know them."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from app.cli.keyboard import quit_on_q
from app.cli.kube.cluster_query import (
    ADMIN_PORT,
    ClusterSession,
    Connect,
    checked,
    connect_once,
    ready_operators,
)
from app.cli.kube.instance_sections import instance_sections
from app.cli.status.output import Output, document_text
from app.cli.status.terminal_text import sections_text
from app.cli.tables import Section
from app.foundation.errors import ConfigFaults, StartFault
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
        with ClusterSession(namespace, connected) as session:
            if watch and sys.stdout.isatty() and output is Output.TABLE:
                _watch_live(lambda: _sections(session.ask(_instances)), pause)
            while True:
                reported = session.ask(_instances)
                sys.stdout.write(
                    document_text(reported, output)
                    if output.is_document
                    else sections_text(_sections(reported), output)
                )
                sys.stdout.flush()
                if not watch:
                    return 0
                pause(_PERIOD_S)
    except KeyboardInterrupt:
        if watch:
            return 0  # the way to end it
        raise


def _watch_live(asked: Callable[[], list[Section]], pause: Callable[[float], None]) -> NoReturn:
    """In place on the terminal, until q or Ctrl-C. Raises what the first question does; a later one is asked again."""
    from app.cli.status.screen import NOT_LIVE, Screen

    known = asked()
    with quit_on_q(), Screen() as screen:
        shown = known
        while True:
            screen.draw(shown)
            pause(_PERIOD_S)
            try:
                shown = known = asked()
            except (ConfigFaults, StartFault) as fault:
                shown = [Section(f"{NOT_LIVE}: {fault}; trying again"), *known]


async def _instances(cluster: KubeClient) -> Any:
    """What each operator says, by its pod."""
    return {
        pod: await cluster.ask_pod(cluster.namespace, pod, ADMIN_PORT, "/v1/instances")
        for pod in await ready_operators(cluster)
    }


def _sections(said: Mapping[str, Any]) -> list[Section]:
    shown: list[Section] = []
    for pod, one in said.items():
        try:
            shown += instance_sections(pod, one)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise StartFault(
                f"pod {pod} is no operator of version {VERSION}; use a tidegate of its version"
            ) from None
    return shown
