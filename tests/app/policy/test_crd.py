"""The CustomResourceDefinition: what is committed is what the model makes, and tools can read it."""

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from app.policy.crd import crd, crd_text
from app.policy.parse import parse_spec
from tools.pages import FILES, README


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_committed_is_what_is_generated(path):
    assert path.read_text() == FILES[path](), "run make generate"


def test_the_text_reads_back_as_the_definition():
    assert yaml.safe_load(crd_text()) == crd()


def test_its_identity_is_the_promised_one():
    definition: Any = crd()
    names = definition["spec"]["names"]
    (version,) = definition["spec"]["versions"]
    assert definition["metadata"]["name"] == "resiliencepolicies.tidegate.dev"
    assert definition["metadata"]["labels"]["gateway.networking.k8s.io/policy"] == "Inherited"
    assert (names["kind"], names["shortNames"], names["categories"]) == (
        "ResiliencePolicy",
        ["rsp"],
        ["tidegate"],
    )
    assert (version["name"], version["subresources"]) == ("v1alpha1", {"status": {}})
    assert version["selectableFields"] == [{"jsonPath": ".spec.mode"}]
    columns = version["additionalPrinterColumns"]
    assert [column["name"] for column in columns if "priority" not in column] == [
        "Mode", "Accepted", "Programmed", "Applied", "Breaker", "Down", "Age",
    ]  # fmt: skip
    assert [column["name"] for column in columns if "priority" in column] == [
        "Probes Failed", "Target", "Reason", "Snapshot",
    ]  # fmt: skip


def test_nothing_in_the_text_breaks_the_style_of_manifests():
    assert max(map(len, crd_text().splitlines())) <= 250
    assert "preserve-unknown-fields" not in crd_text()


def test_the_definition_is_plain_json():
    assert json.loads(json.dumps(crd())) == crd()


def test_the_schema_stays_off_the_gateways_start_path():
    code = "import sys, app.gateway.process; print([m for m in sys.modules if 'policy.schema' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=README.parent, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_manifests_of_the_documentation_are_good():
    page = (README.parent / "docs" / "policies.md").read_text()
    blocks = [yaml.safe_load(block.partition("```")[0]) for block in page.split("```yaml\n")[1:]]
    assert len(blocks) >= 2
    assert all(parse_spec(block["spec"]).targets for block in blocks)
