"""What each command does. Each imports what it needs itself, so that one command does not pay for another."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from app.cli.fault_report import report
from app.foundation.errors import ConfigFault, ConfigFaults

if TYPE_CHECKING:
    from app.cli.decision_stream import TapQuery
    from app.cli.status.output import Output
    from app.cli.status.selection import StatusQuery
    from app.config.check import CheckedFile

__all__ = [
    "run_cache",
    "run_check",
    "run_dashboard",
    "run_demo",
    "run_explain",
    "run_gateway",
    "run_keys_new",
    "run_kube_status",
    "run_kube_tap",
    "run_kube_why",
    "run_operator",
    "run_status",
    "run_tap",
    "run_why",
]


def run_gateway(config: str | None) -> int:
    from app.settings import load_settings

    env: Mapping[str, str] = os.environ
    if config is not None:
        if not config:
            raise ConfigFaults([ConfigFault("--config", "names no file", "write --config FILE")])
        env = {**env, "CONFIG_FILE": config}
    settings = load_settings(env)

    from app.gateway.process import run_gateway as run

    return run(settings)


def run_demo() -> int:
    from app.demo.up import run_up

    return run_up(os.environ)


def run_cache() -> int:
    import runpy

    # By name, since the two programs do not know each other; in this process, since `sys.path` is right here.
    sys.argv = ["cache"]
    runpy.run_module("cache", run_name="__main__", alter_sys=True)
    return 0


def run_operator() -> int:
    from app.cli import extras

    extras.need(extras.OPERATOR, "operator")
    from app.operator.settings import load_operator_settings

    settings = load_operator_settings(os.environ)

    from app.operator.process import run_operator as run

    return run(settings)


def run_kube_status(namespace: str | None, *, watch: bool, output: "Output") -> int:
    from app.cli import extras

    extras.need(extras.KUBERNETES_CLIENT, "status --kube")
    from app.cli.kube.instances import show_instances

    return show_instances(namespace, output=output, watch=watch)


def run_explain(target: str, config: str | None = None) -> int:
    if config is not None:
        from app.cli.file_explanation import show_file_explained

        return show_file_explained(config, target)
    from app.operator.policy.explain import read_target
    from app.schema.faults import BadValue

    try:
        read_target(target)  # a wrong argument is told before a missing package
    except BadValue as bad:
        raise ConfigFaults([ConfigFault("NAMESPACE/TARGET", bad.what, bad.fix)]) from None
    from app.cli import extras

    extras.need(extras.KUBERNETES_CLIENT, "explain")
    from app.cli.kube.explanation import show_explained

    return show_explained(target)


def run_status(admin_url: str, query: "StatusQuery", *, watch: bool) -> int:
    from app.cli.status.admin_client import show_status

    return show_status(admin_url, query, watch=watch)


def run_kube_why(namespace: str, request_id: str) -> int:
    from app.cli import extras

    extras.need(extras.KUBERNETES_CLIENT, "why --namespace")
    from app.cli.kube.why import explain_request_in

    return explain_request_in(namespace, request_id)


def run_tap(admin_url: str, query: "TapQuery") -> int:
    from app.cli.tap import tap_gateway

    return tap_gateway(admin_url, query)


def run_kube_tap(namespace: str, query: "TapQuery") -> int:
    from app.cli import extras

    extras.need(extras.KUBERNETES_CLIENT, "tap --namespace")
    from app.cli.kube.tap import tap_namespace

    return tap_namespace(namespace, query)


def run_why(admin_url: str, request_id: str) -> int:
    from app.cli.why import explain_request

    return explain_request(admin_url, request_id)


def run_dashboard(namespace: str | None, pod: str | None, port: int, *, opens: bool) -> int:
    from app.cli import extras

    extras.need(extras.KUBERNETES_CLIENT, "dashboard")
    from app.cli.kube.dashboard import opens_browser, show_dashboard

    return show_dashboard(namespace, pod, port, opens=opens_browser() if opens else None)


def run_check(paths: Sequence[str], output: str = "text", *, is_strict: bool = False) -> int:
    """0 where nothing is wrong, else 2; `is_strict`: a warning is wrong too, and so is nothing to check.

    `output`: one of `CheckOutput`.
    """
    from app.cli.check_output import CheckOutput, annotations, as_json
    from app.config.check import check_paths
    from app.operator.routes.offline import ManifestObjects

    findings = check_paths(paths, os.environ, ManifestObjects())
    is_clean = not findings.warnings and any(file.checked for file in findings.files)
    is_valid = not findings.faults and (is_clean or not is_strict)
    code = 0 if is_valid else 2
    if output == CheckOutput.JSON:
        sys.stdout.write(as_json(findings, is_valid=is_valid))
        return code
    if output == CheckOutput.GITHUB:
        sys.stdout.write(annotations(findings))
    else:
        for severity, found in (("warning", findings.warnings), ("error", findings.faults)):
            for one in found:
                report(f"{severity}: {one}")
    if is_strict and findings.warnings and not findings.faults:
        report(f"error: --strict: warnings count as errors; there {_are(len(findings.warnings))}")
    if not findings.faults:
        for file in findings.files:
            _report_checked(file)
    return code


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


def _report_checked(file: "CheckedFile") -> None:
    others = f"{file.skipped} object{'s' if file.skipped != 1 else ''} of other kinds skipped"
    if not file.checked:
        report(f"warning: {file.name}: nothing was checked, {others}")
    else:
        sys.stdout.write(f"{file.name}: valid{f', {others}' if file.skipped else ''}\n")


def run_keys_new(name: str, tier: str | None = None, expires: str | None = None) -> int:
    """`tier`, `expires` (RFC 3339): of the entry to store, None for none."""
    from app.keys.making import hash_line, new_key
    from app.schema.faults import BadValue
    from app.schema.instants import parse_instant_s
    from app.schema.names import dns_subdomain, tier_name
    from app.settings import load_pepper

    given: list[tuple[str, str | None, Callable[[str], object]]] = [
        ("NAME", name, dns_subdomain),
        ("--tier", tier, tier_name),
        ("--expires", expires, parse_instant_s),
    ]
    faults = []
    for place, text, read in given:
        try:
            if text is not None:
                read(text)
        except BadValue as bad:
            faults.append(ConfigFault(place, bad.what, bad.fix))
    if faults:
        raise ConfigFaults(faults)
    pepper = load_pepper(os.environ)
    key = new_key()
    line = hash_line(key, pepper)
    sys.stdout.write(f"key: {key}\nhash: {line}\n")
    sys.stdout.flush()
    more = "" if tier is None else f', tier: "{tier}"'
    more += "" if expires is None else f", notAfter: {expires}"
    report("The key is shown this once. Its hash goes into the configuration file or the keys file:")
    report(f'  keys: [{{name: {name}, hash: "{line}"{more}}}]')
    return 0
