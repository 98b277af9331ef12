"""The command line's words, options and help (typer); what the commands do stands in `actions.py`."""

import itertools
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.completion import (  # type: ignore[attr-defined]  # it has no public names for these
    completion_init,
    get_completion_script,
)
from typer.core import TyperCommand
from typer.exceptions import TyperException

from app.cli import actions
from app.cli.fault_report import report
from app.cli.status import DEFAULT_ADMIN_URL
from app.cli.status.output import Output
from app.cli.status.selection import EVERYTHING, Selection, StatusQuery, Topic
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.version import VERSION, build, interpreter
from app.schema.wording import show

__all__ = ["dispatch"]

_PROGRAM, _COMPLETION_VARIABLE = "tidegate", "_TIDEGATE_COMPLETE"

tidegate = typer.Typer(
    name=_PROGRAM,
    help="An API gateway whose circuit breakers and rate limits are tuned while traffic flows.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,  # a command of its own, as kubectl has it: it edits no file of the user
    rich_markup_mode=None,  # plain text, also in a pipe
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="Make API keys.", rich_markup_mode=None)
tidegate.add_typer(keys, name="keys")


class FailOn(StrEnum):
    """What `status` may be told to fail on."""

    OPEN = "open"


class _JsonToo(TyperCommand):
    """`--json` is what `-o json` was called first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--output=json" if word == "--json" else word for word in args])


class Shell(StrEnum):
    """The shells that `completion` knows."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def dispatch(argv: Sequence[str]) -> int:
    """Runs the command that `argv` (without the program's name) asks for; its exit code."""
    completion_init()
    try:
        code = tidegate(
            args=list(argv), prog_name=_PROGRAM, complete_var=_COMPLETION_VARIABLE, standalone_mode=False
        )
    except typer.Abort:
        return 130
    except TyperException as wrong:
        context = getattr(wrong, "ctx", None)
        words = itertools.takewhile(lambda word: not word.startswith("-"), argv)
        command = context.command_path if context else " ".join((_PROGRAM, *words))
        report(f"error: {_usage_fault(wrong)} See {command} --help")
        return 2
    return code if isinstance(code, int) else 0


def _usage_fault(wrong: TyperException) -> str:
    """What is wrong with the command line, as a sentence."""
    text = wrong.format_message().rstrip(".").replace("Value error, ", "")  # pydantic's words
    likely = getattr(wrong, "possibilities", None)
    if likely:
        return f"{text.partition(' (')[0]}. Did you mean {' or '.join(sorted(likely))}?"
    return text if text.endswith("?") else f"{text}."


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"tidegate {VERSION}\nbuild: {build()}\npython: {interpreter()}\n")
        raise typer.Exit


@tidegate.callback(invoke_without_command=True)
def _whole(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    _help_if_alone(context)


@keys.callback(invoke_without_command=True)
def _keys(context: typer.Context) -> None:
    _help_if_alone(context)


def _help_if_alone(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


@tidegate.command("up")
def up() -> int:
    """Run everything on this machine.

    Starts a Valkey server, the cache service, a demo upstream that can be made to fail, and the gateway, on
    this machine only. Ctrl-C stops all of it. The gateway's configuration is .tidegate/gateway.yaml: edit it,
    a change is in force within 2 seconds and is kept.

    \b
    Examples:
      tidegate up
      PORT=8000 ADMIN_PORT=9000 tidegate up
      HOST=0.0.0.0 RATE_LIMIT=off tidegate up

    \b
    Variables (every one of the gateway's applies: docs/configuration.md):
      HOST            address to listen on; 127.0.0.1 by default, 0.0.0.0 for all
      PORT            public port; 8080 by default, 0 for a free one
      ADMIN_PORT      port of the admin API; 9080 by default, 0 for none
      API_KEY         your own key, instead of a made one
      RATE_LIMIT      requests per client, such as 100-M (the default); off for none
      TIDEGATE_STATE  folder of keys, data and configuration; .tidegate by default
    """
    return actions.run_demo()


@tidegate.command("gateway")
def gateway(
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Routes, upstreams, policies, keys; same as CONFIG_FILE."),
    ] = None,
) -> int:
    """Run the gateway alone.

    All other settings are environment variables; docs/configuration.md lists them.

    \b
    Examples:
      API_KEY="$(openssl rand -hex 32)" CACHE_SERVICE_URL=http://localhost:8081 tidegate gateway
      tidegate gateway --config tidegate.yaml
    """
    return actions.run_gateway(config)


@tidegate.command("cache")
def cache() -> int:
    """Run the cache service alone.

    Its settings are environment variables; docs/cache.md lists them.

    \b
    Examples:
      tidegate cache
      PORT=8081 REDIS_URL=redis://localhost:6379/0 tidegate cache
    """
    return actions.run_cache()


@tidegate.command("operator")
def operator() -> int:
    """Run the Kubernetes operator alone.

    ResiliencePolicies in the cluster tune running gateways. The operator talks to the cluster of KUBECONFIG,
    or to that of the pod it runs in. Its settings are environment variables; docs/operator.md lists them.

    \b
    Examples:
      tidegate operator
      POD_NAMESPACE=shop GATEWAY_SERVICE_ACCOUNTS=shop-gateway tidegate operator
    """
    return actions.run_operator()


@tidegate.command("check")
def check(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="Configuration files, manifests, folders, or - for standard input."
        ),
    ],
) -> int:
    """Validate configuration files offline.

    Reads gateway configurations and ResiliencePolicy manifests, and reports all faults at once. A folder
    stands for its .yaml and .yml files, - for standard input. Manifests of other kinds are skipped and
    counted, so a rendered chart can be checked.

    \b
    Examples:
      tidegate check tidegate.yaml
      tidegate check tidegate.yaml policies/
      helm template charts/tidegate | tidegate check -
    """
    return actions.run_check(files)


@tidegate.command("status", cls=_JsonToo)
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

    A rejected configuration and its faults, breakers (state, since, why), routes, limits, the configuration in
    force, and where settings came from. With --watch on a terminal: live, until q or Ctrl-C.

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
        others = {"--admin": admin, "--fail-on": fail_on, str(selection.topic): selection.topic}
        faults += [
            ConfigFault(option, "is for one gateway, --kube for a cluster", "leave one out")
            for option, given in others.items()
            if given is not None
        ]
    elif namespace is not None:
        faults.append(ConfigFault("--namespace", "is for a cluster", "add --kube, or leave it out"))
    if faults:
        raise ConfigFaults(faults)
    if kube:
        return actions.run_kube_status(namespace, watch=watch, output=output)
    query = StatusQuery(selection, output, fails_on_open=fail_on is FailOn.OPEN)
    return actions.run_status(DEFAULT_ADMIN_URL if admin is None else admin, query, watch=watch)


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


@tidegate.command("explain")
def explain(
    target: Annotated[
        str, typer.Argument(metavar="NAMESPACE/TARGET", help="Such as shop/Route/orders or shop/Gateway.")
    ],
) -> int:
    """Show which policies are in force for a target.

    Lists the ResiliencePolicies in the cluster of KUBECONFIG that apply to a route, an upstream or a gateway:
    which of them win and which they override. The settings below them, from a gateway's own file and
    environment, are shown by `GET /v1/config` of its admin port.

    \b
    Examples:
      tidegate explain shop/Route/orders
      tidegate explain shop/Upstream/cache
      tidegate explain shop/Gateway
    """
    return actions.run_explain(target)


@keys.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The client's name, a DNS subdomain.")],
) -> int:
    """Make an API key.

    Prints the key once, and the hash to store: an HMAC where KEY_PEPPER or KEY_PEPPER_FILE is set.

    \b
    Examples:
      tidegate keys new acme
      KEY_PEPPER_FILE=/etc/tidegate/pepper tidegate keys new acme
    """
    return actions.run_keys_new(name)


@tidegate.command("completion")
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> int:
    """Print a script that completes commands.

    It completes commands, options and file names in the shell that runs it.

    \b
    Examples:
      source <(tidegate completion bash)
      tidegate completion zsh > "${fpath[1]}/_tidegate"
      tidegate completion fish > ~/.config/fish/completions/tidegate.fish
    """
    script = get_completion_script(prog_name=_PROGRAM, complete_var=_COMPLETION_VARIABLE, shell=shell.value)
    sys.stdout.write(script.strip() + "\n")
    return 0


@tidegate.command("version")
def version() -> None:
    """Print the version.

    It also says how this build was made, and which interpreter runs it.

    \b
    Examples:
      tidegate version
      tidegate --version
    """
    _print_version(True)
