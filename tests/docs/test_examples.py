"""Every example, and every configuration and policy that the documentation shows, is valid."""

import re
import subprocess

import pytest
import yaml

from app.config.check import check_paths
from tests.docs.page import ROOT, blocks

FOREIGN = {"kustomization.yaml", "orders.yaml", "values.yaml"}  # kustomize, Kubernetes and Helm
EXAMPLES = sorted(
    path
    for path in [*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("charts/tidegate/examples/*.yaml")]
    if path.name not in FOREIGN
)
PAGES_OWN = ("first-route/", "tutorial/")
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
SHOWN = [
    pytest.param(block.text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text()))
    if block.kind == "yaml"
]


def shown_as_file(text):
    """A stanza or a spec alone becomes a policy; references to files that are not here are left out."""
    text = text.replace("…", "x")
    value = yaml.safe_load(text)
    if not {"rateLimit", "spec"} & set(value) or "kind" in value:
        return text
    if "rateLimit" in value:
        value = {"spec": {"targetRefs": [{"kind": "Gateway"}], **value}}
    identity = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "ResiliencePolicy"}
    return yaml.safe_dump({**identity, "metadata": {"name": "shown"}, **value})


@pytest.mark.parametrize("path", EXAMPLES, ids=[str(path.relative_to(ROOT)) for path in EXAMPLES])
def test_an_example_is_valid(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys.yaml").write_text("[]\n")  # made in the tutorial
    (tmp_path / path.name).write_text(path.read_text())
    findings = check_paths([path.name], {})
    assert (findings.faults, findings.warnings) == ((), ())


@pytest.mark.parametrize("text", SHOWN)
def test_what_a_page_shows_is_valid(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "networkPolicy" in text:
        pytest.skip("values of the chart: tests/deploy")
    (tmp_path / "keys.yaml").write_text("[]\n")
    (tmp_path / "canary-token").write_text("secret-of-the-canary\n")
    text = text.replace("/etc/tidegate/canary-token", "canary-token")
    (tmp_path / "shown.yaml").write_text(shown_as_file(text))
    assert check_paths(["shown.yaml"], {}).faults == ()


def test_the_values_of_the_tutorial_hold_a_valid_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = yaml.safe_load((ROOT / "examples/tutorial/values.yaml").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values["gateway"]["config"]))
    assert check_paths(["config.yaml"], {}).faults == ()


def test_the_index_names_every_example():
    listed = set(re.findall(r"\]\(([\w/.-]+\.yaml)\)", (ROOT / "examples/README.md").read_text()))
    there = {str(path.relative_to(ROOT / "examples")) for path in ROOT.glob("examples/**/*.yaml")}
    assert listed == {name for name in there if not name.startswith(PAGES_OWN)}


def test_no_page_hides_a_command_in_an_indented_block():
    found = subprocess.run(
        ["git", "grep", "-nE", "^ +```(sh|console)", "--", "*.md"], cwd=ROOT, capture_output=True, check=False
    )
    assert found.stdout == b""
