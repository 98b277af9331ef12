"""The command line's words, options and help (typer); what the commands do stands in `actions.py`."""

import itertools
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import (  # type: ignore[attr-defined]  # it has no public names for these
    completion_init,
    get_completion_script,
)
from typer.exceptions import TyperException

from app.cli import actions
from app.cli.check_output import CheckOutput
from app.cli.dashboard_command import dashboard
from app.cli.decision_commands import tap, why
from app.cli.fault_report import report
from app.cli.status_command import JsonToo, status
from app.foundation.version import VERSION, build, interpreter

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


class Shell(StrEnum):
    """The shells that `completion` knows."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def dispatch(argv: Sequence[str]) -> int:
    """Runs the command that `argv` (without the program's name) asks for; its exit code."""
    if argv[:1] == ["help"]:  # as kubectl and git have it
        argv = [*argv[1:], "--help"]
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
    output: Annotated[
        CheckOutput,
        typer.Option("--output", "-o", help="json for programs, github for annotations of a workflow."),
    ] = CheckOutput.TEXT,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on warnings too, and on nothing to check.")
    ] = False,
) -> int:
    """Validate configuration files offline.

    Reads gateway configurations and ResiliencePolicy manifests, and reports all faults at once. A folder
    stands for its .yaml and .yml files, - for standard input. Manifests of other kinds are skipped and
    counted, so a rendered chart can be checked; the configuration in its ConfigMap is looked into. What is valid
    but hardly meant is a warning.

    \b
    Examples:
      tidegate check tidegate.yaml
      tidegate check tidegate.yaml policies/
      tidegate check --strict -o github deploy/
      helm template charts/tidegate | tidegate check -
    """
    return actions.run_check(files, output, is_strict=strict)


tidegate.command("status", cls=JsonToo)(status)
tidegate.command("dashboard")(dashboard)


tidegate.command("why")(why)
tidegate.command("tap")(tap)


@tidegate.command("explain")
def explain(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAMESPACE/TARGET",
            help="Such as shop/Route/orders, shop/Gateway or shop/HTTPRoute/web; with --config Route/orders.",
        ),
    ],
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Explain this configuration file (- for standard input), no cluster."
        ),
    ] = None,
) -> int:
    """Show which policies are in force for a target.

    Lists the ResiliencePolicies in the cluster of KUBECONFIG that apply to a route, an upstream, a gateway, or an
    object of the cluster (HTTPRoute, GRPCRoute, a rule of one, Service, and Gateway as gtw): which of them win and
    which they override. The settings below them, from a gateway's own file and
    environment, are shown by `GET /v1/config` of its admin port.

    With --config it lists the same for the policies of a file, with the environment and what is built in below
    them, and asks no cluster.

    \b
    Examples:
      tidegate explain shop/Route/orders
      tidegate explain shop/Upstream/cache
      tidegate explain shop/Gateway
      tidegate explain shop/HTTPRoute/web/cart
      tidegate explain shop/gtw/edge
      tidegate explain --config tidegate.yaml Route/orders
    """
    return actions.run_explain(target, config)


@keys.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The client's name, a DNS subdomain.")],
    tier: Annotated[
        str | None, typer.Option(metavar="TIER", help="The client's tier, for limits by tier.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the key ends, such as 2027-01-31T12:00:00Z.")
    ] = None,
) -> int:
    """Make an API key.

    Prints the key once, and the hash to store: an HMAC where KEY_PEPPER or KEY_PEPPER_FILE is set.

    \b
    Examples:
      tidegate keys new acme
      tidegate keys new acme --tier gold --expires 2027-01-31T12:00:00Z
      KEY_PEPPER_FILE=/etc/tidegate/pepper tidegate keys new acme
    """
    return actions.run_keys_new(name, tier, expires)


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
