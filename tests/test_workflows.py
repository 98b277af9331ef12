"""The workflows and `.ci/run` call what exists, run the same steps, and take nothing that can change."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.render import OLDEST
from tests.fakes.process import ROOT

FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}
WORKFLOWS: dict[str, Any] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {(name, job): body for name, flow in WORKFLOWS.items() for job, body in flow["jobs"].items()}
CI = (ROOT / ".ci" / "run").read_text()
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PYTHONS = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())

every_workflow = pytest.mark.parametrize("name", WORKFLOWS)
every_job = pytest.mark.parametrize("job", JOBS, ids="-".join)


def commands(*names: str) -> str:
    """All shell lines of these workflows."""
    steps = [step for (name, _), body in JOBS.items() if name in names for step in body["steps"]]
    return "\n".join(step["run"] for step in steps if "run" in step)


def made(text: str) -> set[str]:
    """Make targets that a script calls, in `.ci/run` by `step`."""
    return set(re.findall(r"^(?: *- run: *|\s*)(?:make|step) ([a-z][\w-]*)", text, re.MULTILINE))


@pytest.mark.parametrize("text", [commands(*WORKFLOWS), CI], ids=["workflows", "run"])
def test_every_make_target_that_is_called_exists(text):
    assert made(text)
    assert made(text) <= TARGETS


@pytest.mark.parametrize("text", [commands(*WORKFLOWS), CI], ids=["workflows", "run"])
def test_every_script_that_is_called_is_there_and_can_be_run(text):
    scripts = set(re.findall(r"(?<![\w./])(?:tests|charts)/[\w/.-]+\.sh\b", text))
    assert scripts
    assert [script for script in scripts if not os.access(ROOT / script, os.X_OK)] == []


def test_what_a_workflow_speaks_of_is_there():
    text = "\n".join(TEXTS.values())
    pages = re.findall(r"\bdocs/[\w-]+\.md", text)
    paths = [path.removesuffix("/**") for path in WORKFLOWS["kind"][True]["push"]["paths"]]
    assert "docs/releasing.md" in pages
    assert [path for path in [*pages, *paths] if not (ROOT / path).exists()] == []


def test_a_machine_without_these_services_runs_the_same():
    assert made(CI) <= made(commands("ci", "kind"))
    assert made(commands("ci", "kind")) - made(CI) == {"monitor"}


@every_workflow
def test_every_action_is_pinned_by_commit_and_says_its_version(name):
    uses = re.findall(r"uses: *(.*)", TEXTS[name])
    assert uses
    assert [one for one in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", one)] == []


@every_workflow
def test_a_workflow_may_read_only_and_its_pipes_fail(name):
    flow = WORKFLOWS[name]
    assert flow["permissions"] == {"contents": "read"}
    assert flow["defaults"] == {"run": {"shell": "bash"}}
    assert flow["concurrency"]


@every_job
def test_a_job_ends_and_leaves_no_token_behind(job):
    body = JOBS[job]
    assert 0 < body["timeout-minutes"] <= 60
    checkouts = [step for step in body["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("job", [("ci", "test"), ("ci", "slow"), ("nightly", "proofs")], ids="-".join)
def test_where_the_tests_run_there_are_a_browser_and_prometheus(job):
    steps = "\n".join(step.get("run", "") for step in JOBS[job]["steps"])
    assert JOBS[job]["env"]["CHROMIUM"]
    assert "apt-get install -y -qq --no-install-recommends prometheus" in steps


def test_tests_run_on_every_python_that_is_promised():
    assert JOBS["ci", "test"]["strategy"]["matrix"]["python"] == PYTHONS
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert requires == f">={PYTHONS[0]}"


def test_the_cluster_is_the_oldest_and_a_newer_kubernetes_by_digest_with_both_helms():
    matrix = JOBS["kind", "e2e"]["strategy"]["matrix"]
    oldest, newest = matrix["kubernetes"]
    assert oldest == OLDEST
    assert int(newest.split(".")[1]) > int(oldest.split(".")[1])
    assert [helm.split(".")[0] for helm in matrix["helm"]] == ["v3", "v4"]
    for entry in matrix["include"]:
        assert re.fullmatch(r"kindest/node:v[\d.]+@sha256:[0-9a-f]{64}", entry["node"])
        assert f":v{entry['kubernetes']}." in entry["node"]


def test_zizmor_finds_nothing():
    program = Path(sys.executable).with_name("zizmor")
    words = [str(program), "--offline", "--no-progress", "--format", "plain", str(ROOT / ".github")]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_every_place_with_dependencies_is_kept_up_to_date():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    told = {
        (one["package-ecosystem"], folder)
        for one in updates
        for folder in one.get("directories", [one.get("directory")])
    }
    assert told == {
        ("github-actions", "/"),
        ("pip", "/"),
        ("docker", "/app"),
        ("docker", "/cache"),
        ("docker-compose", "/"),
        ("npm", "/app/admin/frontend"),
        ("gomod", "/tests/interop/go"),
    }
    assert (ROOT / "app/admin/frontend/package-lock.json").exists()
    assert (ROOT / "tests/interop/go/go.sum").exists()
