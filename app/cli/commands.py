"""The command line's words, options and help (typer); what the commands do stands in `actions.py`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from app.cli import actions
from app.cli.fault_report import report
from app.cli.status import DEFAULT_ADMIN_URL
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.version import VERSION, build, interpreter

__all__ = ["dispatch"]

tidegate = typer.Typer(
    name="tidegate",
    help="An API gateway whose circuit breakers and rate limits are tuned while traffic flows.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    rich_markup_mode=None,  # plain text, also in a pipe
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="Make API keys.", rich_markup_mode=None)
tidegate.add_typer(keys, name="keys")


def dispatch(argv: Sequence[str]) -> int:
    """Runs the command that `argv` (without the program's name) asks for; its exit code."""
    try:
        code = tidegate(args=list(argv), prog_name="tidegate", standalone_mode=False)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        return 130
    except TyperException as wrong:
        context = getattr(wrong, "ctx", None)
        command = context.command_path if context else "tidegate"
        report(f"{command}: {wrong.format_message().rstrip('.')}; see {command} --help")
        return 2
    return code if isinstance(code, int) else 0


@tidegate.command("up")
def up() -> int:
    """Runs everything on this machine; Ctrl-C stops it.

    A Valkey server, the cache service, a demo upstream that can be made to fail, and the gateway.

    \b
    Examples:
      tidegate up
      PORT=8000 ADMIN_PORT=9000 tidegate up
    """
    return actions.run_demo()


@tidegate.command("gateway")
def gateway(
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Routes, upstreams, policies, keys; same as CONFIG_FILE."),
    ] = None,
) -> int:
    """Runs the gateway alone.

    Its other settings are environment variables: see the README.

    \b
    Examples:
      API_KEY=my-key CACHE_SERVICE_URL=http://localhost:8081 tidegate gateway
      tidegate gateway --config tidegate.yaml
    """
    return actions.run_gateway(config)


@tidegate.command("cache")
def cache() -> int:
    """Runs the cache service alone.

    \b
    Examples:
      tidegate cache
      PORT=8081 REDIS_URL=redis://localhost:6379/0 tidegate cache
    """
    return actions.run_cache()


@tidegate.command("operator")
def operator() -> int:
    """Runs the operator alone: ResiliencePolicies tune running gateways.

    Talks to the cluster of KUBECONFIG, or of the pod it runs in. Its settings are environment variables.

    \b
    Examples:
      tidegate operator
      POD_NAMESPACE=shop GATEWAY_SERVICE_ACCOUNTS=shop-gateway tidegate operator
    """
    return actions.run_operator()


@tidegate.command("check")
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Configuration files or manifests.")],
) -> int:
    """Validates configuration files offline.

    Takes ResiliencePolicy manifests too, and tells all faults at once.

    \b
    Examples:
      tidegate check tidegate.yaml
      tidegate check tidegate.yaml policies/*.yaml
    """
    return actions.run_check(files)


@tidegate.command("status")
def status(
    admin: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"The gateway's admin port; {DEFAULT_ADMIN_URL} by default."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every second until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    kube: Annotated[
        bool, typer.Option("--kube", help="Ask a cluster's operator: one row for each gateway pod.")
    ] = False,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", metavar="NAME", help="With --kube: the operator's.")
    ] = None,
) -> int:
    """Shows what a running gateway does.

    Routes, breakers (state, since, why), limits, config sequence, and where settings came from.

    \b
    Examples:
      tidegate status
      tidegate status --admin http://127.0.0.1:9080 --watch
      tidegate status --json
      tidegate status --kube -n shop --watch
    """
    if kube and admin is not None:
        raise ConfigFaults(
            [ConfigFault("--admin", "is for one gateway, --kube for a cluster", "leave one out")]
        )
    if kube:
        return actions.run_kube_status(namespace, watch=watch, as_json=as_json)
    if namespace is not None:
        raise ConfigFaults([ConfigFault("--namespace", "is for a cluster", "add --kube, or leave it out")])
    return actions.run_status(DEFAULT_ADMIN_URL if admin is None else admin, watch=watch, as_json=as_json)


@tidegate.command("explain")
def explain(
    target: Annotated[
        str, typer.Argument(metavar="NAMESPACE/TARGET", help="Such as shop/Route/orders or shop/Gateway.")
    ],
) -> int:
    """Tells which ResiliencePolicies are in force for a target, who won and who lost.

    Asks the cluster of KUBECONFIG. What a gateway's own file and environment say below them is shown by
    `GET /v1/config` of its admin port.

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
    """Makes an API key.

    Prints the key once, and the hash to store: an HMAC where KEY_PEPPER or KEY_PEPPER_FILE is set.

    \b
    Examples:
      tidegate keys new acme
      KEY_PEPPER_FILE=/etc/tidegate/pepper tidegate keys new acme
    """
    return actions.run_keys_new(name)


@tidegate.command("version")
def version() -> int:
    """Prints the version.

    And how this build was made, and which interpreter runs it.

    \b
    Examples:
      tidegate version
    """
    sys.stdout.write(f"tidegate {VERSION}\nbuild: {build()}\npython: {interpreter()}\n")
    return 0
