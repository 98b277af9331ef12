"""The words, options and help of `tidegate status`."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from app.cli import actions
from app.cli.status import DEFAULT_ADMIN_URL
from app.cli.status.output import Output
from app.cli.status.selection import EVERYTHING, Selection, StatusQuery, Topic
from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.wording import show

__all__ = ["JsonToo", "status"]


class FailOn(StrEnum):
    """What `status` may be told to fail on."""

    OPEN = "open"


class JsonToo(TyperCommand):
    """`--json` is what `-o json` was called first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--output=json" if word == "--json" else word for word in args])


def status(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[breakers|routes|limits [NAME]]",
            help="Only these, or one of them; with limits the NAME of a route or a rule.",
        ),
    ] = None,
    admin: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"The gateway's admin port; {DEFAULT_ADMIN_URL} by default."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second until q or Ctrl-C.")] = False,
    output: Annotated[
        Output,
        typer.Option(
            "--output", "-o", help="wide cuts nothing; json (also --json) and yaml are for programs."
        ),
    ] = Output.TABLE,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with 3 where a breaker that is shown is open.")
    ] = None,
    kube: Annotated[
        bool, typer.Option("--kube", help="Ask a cluster's operator: one row per gateway pod.")
    ] = False,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", metavar="NAME", help="With --kube: the operator's namespace."),
    ] = None,
) -> int:
    """Show what a running gateway does.

    A rejected configuration and its faults, how many workers serve (WORKERS), breakers (state, since, why), routes,
    limits, the configuration in force, and where settings came from. With --watch on a terminal: live, until q
    or Ctrl-C.

    \b
    Examples:
      tidegate status
      tidegate status --admin http://127.0.0.1:9080 --watch
      tidegate status breakers orders -o yaml
      tidegate status limits per-client
      tidegate status --fail-on open -o json
      tidegate status --kube -n shop --watch
    """
    selection = _selection(what or ())
    faults = []
    if watch and fail_on is not None:
        faults.append(ConfigFault("--fail-on", "is for one look, --watch has no end", "leave one out"))
    if kube:
        one_gateway = {"--admin": admin, "--fail-on": fail_on, str(selection.topic): selection.topic}
        faults += _not_of_a_cluster(one_gateway)
    elif namespace is not None:
        faults.append(ConfigFault("--namespace", "is for a cluster", "add --kube, or leave it out"))
    if faults:
        raise ConfigFaults(faults)
    if kube:
        return actions.run_kube_status(namespace, watch=watch, output=output)
    query = StatusQuery(selection, output, fails_on_open=fail_on is FailOn.OPEN)
    return actions.run_status(DEFAULT_ADMIN_URL if admin is None else admin, query, watch=watch)


def _not_of_a_cluster(given: Mapping[str, object]) -> list[ConfigFault]:
    """A fault for each option that was given and that only one gateway can answer."""
    return [
        ConfigFault(option, "is for one gateway, --kube for a cluster", "leave one out")
        for option, value in given.items()
        if value is not None
    ]


def _selection(words: Sequence[str]) -> Selection:
    """What `breakers`, `limits NAME` and the like ask for."""
    if not words:
        return EVERYTHING
    try:
        topic = Topic(words[0])
    except ValueError:
        fix = f"write one of {', '.join(Topic)}, or leave it out"
        raise ConfigFaults([ConfigFault("status", f"knows no {show(words[0])}", fix)]) from None
    if len(words) > 2:
        what = f"is given {len(words) - 1} names"
        raise ConfigFaults([ConfigFault(f"status {topic}", what, "write one, or none for all")])
    return Selection(topic, words[1] if len(words) == 2 else None)
