"""docs/kubernetes.md, followed as written."""

import re

import pytest

from tests.coverage_gate import ROOT
from tests.e2e.cluster import CRD, run
from tests.fakes.process import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
NAMESPACE = "tidegate"

_RUN = re.compile(r"<!-- run: ([a-z]+) -->\n(.*?)<!-- /run -->", re.DOTALL)
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands():
    """Every command between `run` marks, in order."""
    text = (ROOT / "docs/kubernetes.md").read_text()
    return "".join(block for _, part in _RUN.findall(text) for block in _BLOCK.findall(part))


def test_the_guide_works_as_written(space):
    told = commands()
    assert told.count("kubectl -n tidegate wait") == 3
    if run("kubectl", "get", "crd", CRD, "--ignore-not-found"):
        told = told.replace("--create-namespace", "--take-ownership", 1)
    told = told.replace("18080", str(free_port()))  # the guide's own may be taken here
    told = re.sub(
        r"^! (.*)$", r"if \1; then exit 9; fi", told, flags=re.MULTILINE
    )  # `set -e` overlooks a `!`
    script = f"set -euxo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{told}"
    print(run("bash", "-c", script, seconds=380))
