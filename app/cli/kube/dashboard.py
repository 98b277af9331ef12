"""`tidegate dashboard`: the fleet's page, or that of one gateway, through the API server and a port of this machine."""

import asyncio
import os
import sys
import webbrowser
from collections.abc import Awaitable, Callable

from app.cli.fault_report import report
from app.cli.kube.cluster_query import Connect, ask, check_namespace, checked, connect_once, ready_operators
from app.cli.kube.forward_target import Target
from app.cli.kube.gateways import gateway_pods
from app.cli.kube.local_port import LOOPBACK, LocalPort
from app.cli.kube.pod_tunnels import PodTunnels
from app.foundation.errors import ClusterError, ConfigFault, ConfigFaults, StartFault
from app.operator.kube.client import KubeClient
from app.schema.names import dns_label, dns_subdomain

__all__ = ["opens_browser", "show_dashboard"]

_LOOK = b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_LOOK_S = 10.0
_MAX_NAMES = 10

Wait = Callable[[], Awaitable[object]]


async def _for_ever() -> None:
    await asyncio.Event().wait()


def show_dashboard(
    namespace: str | None,
    pod: str | None,
    port: int,
    *,
    opens: Callable[[str], bool] | None = None,
    connected: Connect = connect_once,
    until: Wait = _for_ever,
) -> int:
    """Until Ctrl-C. `pod` None: the operator's; `opens`: shows a browser the URL.

    Raises ConfigFaults and StartFault.
    """
    if namespace is not None:
        checked("--namespace", lambda: dns_label(namespace))
    if pod is not None:
        checked("POD", lambda: dns_subdomain(pod))

    async def question(cluster: KubeClient) -> None:
        chosen = pod or await _operator(cluster)
        target = Target(cluster.namespace, chosen)
        tunnels = PodTunnels(cluster, connected, target, is_operator=pod is None)
        try:
            await _look(tunnels, target)
        except ClusterError as error:
            if error.code != 404:
                raise
            await check_namespace(cluster)
            raise ConfigFaults([_unknown(target)]) from error
        local = LocalPort(tunnels.open, target)
        try:
            number = await local.start(port)
        except OSError as error:
            why = error.strerror or str(error)
            raise StartFault(
                f"--port: {LOOPBACK}:{port} cannot be opened: {why}; name another one"
            ) from error
        try:
            url = f"http://{LOOPBACK}:{number}/monitor" + ("" if pod else "/?dashboard")
            what = f"gateway {chosen}" if pod else f"the fleet, by its operator {chosen}"
            sys.stdout.write(f"{what} in namespace {cluster.namespace}: {url}\nCtrl-C ends it.\n")
            sys.stdout.flush()
            if opens is not None:
                await asyncio.to_thread(opens, url)
            await until()
        finally:
            await local.close()

    try:
        ask(namespace, connected, question)
    except KeyboardInterrupt:
        return 0  # the way to end it
    return 0


def opens_browser() -> Callable[[str], bool] | None:
    """What opens a browser where somebody sees it; None elsewhere."""
    has_screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return webbrowser.open if has_screen and sys.stdout.isatty() else None


async def _operator(cluster: KubeClient) -> str:
    """The first that is ready. Where none runs, it is said which gateways can be looked at one by one."""
    try:
        first, *others = await ready_operators(cluster)
    except StartFault as fault:
        raise StartFault(f"{fault}{await _single_gateways(cluster)}") from fault
    if others:
        report(f"{1 + len(others)} operators run here; {first} is shown, the others: {', '.join(others)}")
    return first


async def _single_gateways(cluster: KubeClient) -> str:
    try:
        pods = [name for name, _ in await gateway_pods(cluster)]
    except (ClusterError, ConfigFaults, StartFault):
        return ""
    listed = ", ".join(pods[:_MAX_NAMES]) + (" …" if len(pods) > _MAX_NAMES else "")
    return f"; or look at one gateway: tidegate dashboard -n {cluster.namespace} {pods[0]} (gateways here: {listed})"


async def _look(tunnels: PodTunnels, target: Target) -> None:
    """Whether the pod's admin port responds: said at once rather than by the browser. Raises what is wrong."""
    logs = f"see kubectl -n {target.namespace} logs {target.pod}"
    try:
        async with asyncio.timeout(_LOOK_S):
            tunnel = await tunnels.open(target)
            try:
                await tunnel.send(_LOOK)
                first = await tunnel.receive()
            except ClusterError as error:  # the cluster is there: it is the pod that nothing listens in
                raise StartFault(f"{error}; {logs}") from error
            finally:
                await tunnel.close()
    except TimeoutError:
        first = b""
    if not first.startswith(b"HTTP/1."):
        raise StartFault(f"the admin port of pod {target.pod} does not respond; {logs}")


def _unknown(target: Target) -> ConfigFault:
    fix = f"`kubectl -n {target.namespace} get pods -l app.kubernetes.io/component=gateway` lists them"
    return ConfigFault("POD", f"there is no gateway {target.pod}", fix)
