"""Part two of docs/tutorial.md, followed as written."""

import os
import sys
from pathlib import Path

import pytest

from tests.docs.page import ROOT, Shell, commands, run_elsewhere
from tests.e2e.cluster import CRD, run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
NAMESPACE = "shop"
PAGE = (ROOT / "docs" / "tutorial.md").read_text()


async def test_every_command_of_part_two_prints_what_the_page_shows(space, tmp_path):
    steps = list(commands([block for _, block in run_elsewhere(PAGE)]))
    made = steps.pop(0)  # by `space`, under the restricted standard
    assert made.line == f"kubectl create namespace {NAMESPACE}"
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
