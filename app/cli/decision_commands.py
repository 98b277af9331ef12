"""The words, options and help of `tidegate why` and `tidegate tap`."""

from typing import Annotated

import typer

from app.cli import actions
from app.cli.decision_stream import TapOutput, TapQuery
from app.cli.status import DEFAULT_ADMIN_URL
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.reasons import Reason
from app.schema.wording import nearest, show

__all__ = ["tap", "why"]

Admin = Annotated[
    str | None,
    typer.Option(metavar="URL", help=f"The gateway's admin port; {DEFAULT_ADMIN_URL} by default."),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAMESPACE",
        help="Ask all gateways of this namespace, through the API server of KUBECONFIG.",
    ),
]


def why(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The X-Request-ID of a response.")],
    admin: Admin = None,
    namespace: Namespace = None,
) -> int:
    """Tell what became of a request.

    Client, route and which would have been next, limits, breaker, each attempt with its times, and which policy
    decided. A gateway keeps its last 10,000 rejections and failures, and a sample of the rest; an id that is not
    among them exits with 1.

    \b
    Examples:
      tidegate why 5f2b6c1d9a3e4f708192000000000017
      tidegate why order-4711 --admin http://127.0.0.1:9080
      tidegate why order-4711 -n shop
    """
    if namespace is not None:
        _only_one(admin)
        return actions.run_kube_why(namespace, request_id)
    return actions.run_why(DEFAULT_ADMIN_URL if admin is None else admin, request_id)


def tap(
    admin: Admin = None,
    namespace: Namespace = None,
    reason: Annotated[
        str, typer.Option(metavar="WORD", help="Only with this reason, such as rate_limited.")
    ] = "",
    route: Annotated[str, typer.Option(metavar="NAME", help="Only of this route.")] = "",
    client: Annotated[str, typer.Option(metavar="NAME", help="Only of this client.")] = "",
    breaker: Annotated[str, typer.Option(metavar="NAME", help="Only those that met this breaker.")] = "",
    output: Annotated[
        TapOutput, typer.Option("--output", "-o", help="json: one object on each line, for programs.")
    ] = TapOutput.TABLE,
) -> int:
    """Follow decisions about requests as they come.

    A line for each: when, status, reason, route, client, how long it took, what it met. Every rejection and failure is
    there, and of other requests a sample: the first 50 of each second and one in 16 of the rest. What comes faster
    than it can be shown is counted ("… 312 more"). Ends with q or Ctrl-C; when a gateway goes away it says so and
    tries again.

    \b
    Examples:
      tidegate tap
      tidegate tap --reason rate_limited --client acme
      tidegate tap --breaker orders -o json | jq -r .requestId
      tidegate tap -n shop --route orders
    """
    _check_reason(reason)
    query = TapQuery(reason, route, client, breaker, output)
    if namespace is not None:
        _only_one(admin)
        return actions.run_kube_tap(namespace, query)
    return actions.run_tap(DEFAULT_ADMIN_URL if admin is None else admin, query)


def _check_reason(word: str) -> None:
    words = [str(reason) for reason in Reason]
    if word in ("", *words):
        return
    likely = nearest(word, words)
    fix = f"did you mean {likely}?" if likely else f"write one of {', '.join(words)}"
    raise ConfigFaults([ConfigFault("--reason", f"knows no {show(word)}", fix)])


def _only_one(admin: str | None) -> None:
    if admin is not None:
        raise ConfigFaults(
            [ConfigFault("--admin", "is for one gateway, --namespace for a cluster", "leave one out")]
        )
