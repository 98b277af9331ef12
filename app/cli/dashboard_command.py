"""The words, options and help of `tidegate dashboard`."""

from typing import Annotated

import typer

from app.cli import actions

__all__ = ["dashboard"]


def dashboard(
    pod: Annotated[
        str | None,
        typer.Argument(metavar="POD", help="Only this gateway's page; without it that of the whole fleet."),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            metavar="NAME",
            help="The operator's namespace, or the pod's; else KUBECONFIG's.",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(min=0, max=65_535, metavar="PORT", help="Port on this machine; a free one by default."),
    ] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the URL and open no browser.")] = False,
) -> int:
    """Open the page of a cluster's gateways.

    Opens a port on this machine (127.0.0.1) that leads to the operator's page over all gateways through the API server
    of KUBECONFIG, as kubectl port-forward does, and shows it in a browser. A gateway's own page is a click away, at
    POD.NAMESPACE.localhost. Needs the rights get and create on pods/portforward, and list on endpointslices. Ends with
    Ctrl-C.

    \b
    Examples:
      tidegate dashboard -n shop
      tidegate dashboard -n shop tidegate-gateway-6d9f7-abcde
      tidegate dashboard -n shop --port 9080 --no-open
    """
    return actions.run_dashboard(namespace, pod, port, opens=not no_open)
