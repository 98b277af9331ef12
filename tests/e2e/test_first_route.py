"""docs/first-route.md, followed as written."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.page import ROOT, Shell, commands, run_elsewhere
from tests.e2e.cluster import CRD, run

pytestmark = [pytest.mark.gateway_api, pytest.mark.timeout(600)]
NAMESPACE = "tidegate"
ROUTES_IN = "shop"
PAGE = (ROOT / "docs" / "first-route.md").read_text()
GATEWAY_API = "gatewayclasses.gateway.networking.k8s.io"


@pytest.fixture
def _kinds() -> None:
    """The page takes them from the network; here they must be in the cluster already."""
    assert run("kubectl", "get", "crd", GATEWAY_API, "--ignore-not-found"), (
        "install the kinds of the Gateway API first: conformance crds standard"
    )


@pytest.fixture
def _routes_gone() -> Iterator[None]:
    yield
    run("kubectl", "delete", "namespace", ROUTES_IN, "--ignore-not-found", seconds=180)


@pytest.mark.usefixtures("space", "_kinds", "_routes_gone")
async def test_every_command_of_the_page_prints_what_it_shows(tmp_path):
    steps = list(commands([block for _, block in run_elsewhere(PAGE)]))
    taken = steps.pop(0)
    assert taken.line.startswith("kubectl apply --server-side -f https://")
    replaced = {}
    if run("kubectl", "get", "crd", CRD, "--ignore-not-found"):
        replaced = {"helm install tidegate": "helm install tidegate --take-ownership"}
    env = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "KUBECONFIG": os.environ.get("KUBECONFIG", ""),
    }
    async with Shell(ROOT, env, replaced, timeout_s=180, pipe=tmp_path / "typed") as shell:
        for step in steps:
            print(f"$ {step.line}\n{await shell.run(step)}")
