"""A release of the chart for the routes' bench, in a namespace of its own, by kubectl and helm as people make one.

    async with live_namespace():
        await installed(gateways=2)

What it makes it takes away again, and first what an earlier one left. The definitions of Gateway API must be there.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.e2e.cluster import CHART, CRD
from tests.fakes.process import ROOT

__all__ = ["CLASS", "NAMESPACE", "RELEASE", "command", "installed", "live_namespace"]

NAMESPACE = "tidegate-bench-routes"
RELEASE = "tidegate"
CLASS = NAMESPACE
"""Of its own, as is the controller's name: another release of the cluster has the usual ones."""

_DEFINITION = "httproutes.gateway.networking.k8s.io"
_VALUES = {
    "gateway.rateLimit": "off",
    "gateway.accessLog": "off",
    "cache.enabled": "false",
    "valkey.enabled": "false",
    "tests.enabled": "false",
    "gatewayAPI.enabled": "true",
    "gatewayAPI.serviceType": "ClusterIP",
    "gatewayAPI.ingress": "false",
    "gatewayAPI.className": CLASS,
    "gatewayAPI.controllerName": f"tidegate.dev/{CLASS}",
    # probes, the load and the simulated gateways come from outside
    "gateway.networkPolicy.enabled": "false",
    "operator.networkPolicy.enabled": "false",
    # as in production: without a request for CPU pods get what nothing else on their node wants
    "gateway.resources.requests.cpu": "500m",
    "operator.resources.requests.cpu": "500m",
}


async def command(*words: str) -> str:
    """What it prints. RuntimeError with what it says where it fails; it ends with whoever waits for it."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {err.decode().strip()}")
    return out.decode()


@asynccontextmanager
async def live_namespace() -> AsyncIterator[None]:
    """The namespace, empty at first. RuntimeError where there is no cluster, or it lacks something."""
    for program in ("kubectl", "helm"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not in PATH")
    await command("kubectl", "get", "crd", _DEFINITION)
    await _remove()
    try:
        await command("kubectl", "create", "namespace", NAMESPACE)
        yield
    finally:
        await _remove()


async def installed(gateways: int) -> None:
    """The chart in `live_namespace`, once its pods are ready: so many gateways, and the operator."""
    given = {**_VALUES, "gateway.replicas": str(gateways), **await _definition_values()}
    sets = ",".join(f"{name}={value}" for name, value in given.items())
    words = ["helm", "--namespace", NAMESPACE, "install", RELEASE, str(CHART), "--wait", "--timeout", "150s"]
    await command(*words, "--set", sets, "--set-json", 'gateway.config={"routes":[]}')


async def _definition_values() -> dict[str, str]:
    """The definition of policies goes with the release, unless it was there before."""
    if await command("kubectl", "get", "crd", CRD, "--ignore-not-found"):
        return {"crds.install": "false"}
    return {"crds.install": "true", "crds.keep": "false"}


async def _remove() -> None:
    """The operator goes first: it need not follow how thousands of routes go."""
    await command("helm", "--namespace", NAMESPACE, "uninstall", RELEASE, "--ignore-not-found", "--wait")
    await command("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=300s")
