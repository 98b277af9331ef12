"""The resource on a real API server: what it refuses, what it says, how it reads.

In a namespace of its own, which is deleted; the definition is applied server-side and stays.
"""

import json
import subprocess
import uuid
from pathlib import Path

import pytest
import yaml

from app.policy.parse import parse_spec

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "policy"
BAD = yaml.safe_load((GOLDEN / "bad.yaml").read_text())
GOOD = yaml.safe_load((GOLDEN / "good.yaml").read_text())

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def kubectl(*arguments: str, text: str = "") -> tuple[int, str]:
    """Exit code, and all that was said."""
    done = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def must(*arguments: str, text: str = "") -> str:
    code, said = kubectl(*arguments, text=text)
    assert code == 0, said
    return said


def manifest(sample, namespace="default"):
    return json.dumps(
        {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "ResiliencePolicy",
            "metadata": {"name": sample["name"], "namespace": namespace},
            "spec": sample["spec"],
        }
    )


@pytest.fixture(scope="module")
def namespace():
    crd = str(ROOT / "k8s" / "crds" / "resiliencepolicies.yaml")
    must("apply", "--server-side", "--field-manager", "tidegate-crd-test", "--force-conflicts", "-f", crd)
    must("wait", "--for=condition=Established", "--timeout=30s", "crd/resiliencepolicies.tidegate.dev")
    name = f"policy-{uuid.uuid4().hex[:8]}"
    must("create", "namespace", name)
    yield name
    must("delete", "namespace", name, "--wait=false")


def test_the_api_server_finds_no_fault_in_the_schema(namespace):
    definition = json.loads(must("get", "crd", "resiliencepolicies.tidegate.dev", "-o", "json"))
    state = {each["type"]: each["status"] for each in definition["status"]["conditions"]}
    assert state["Established"] == "True"
    assert state.get("NonStructuralSchema", "False") == "False"


@pytest.mark.parametrize("sample", BAD, ids=[sample["name"] for sample in BAD])
def test_a_bad_object_is_refused_with_its_cure(namespace, sample):
    code, said = kubectl("create", "--dry-run=server", "-f", "-", text=manifest(sample, namespace))
    assert code != 0
    assert sample["cure"] in said


@pytest.mark.parametrize("sample", GOOD, ids=[sample["name"] for sample in GOOD])
def test_a_good_object_is_accepted_and_what_is_stored_means_the_same(namespace, sample):
    stored = must("create", "-o", "json", "-f", "-", text=manifest(sample, namespace))
    assert parse_spec(json.loads(stored)["spec"]) == parse_spec(sample["spec"])


def test_an_unquoted_on_is_refused_with_the_cure(namespace):
    text = manifest({"name": "bare", "spec": {"targetRefs": [{"kind": "Gateway"}], "retry": {"attempts": 1}}})
    bare = yaml.safe_dump(json.loads(text)).replace("attempts: 1", "attempts: 1\n    on: [502]")
    code, said = kubectl(
        "create",
        "--dry-run=server",
        "-n",
        namespace,
        "-f",
        "-",
        text=bare.replace("namespace: default", f"namespace: {namespace}"),
    )
    assert code != 0
    assert 'on must be written in quotes, "on"' in said


def test_explain_reads_like_documentation(namespace):
    said = must("explain", "rsp.spec.circuitBreaker")
    assert "When to stop sending requests to an upstream that fails" in said
    assert "consecutiveFailures" in said
    assert "Failures in a row that open the breaker" in said
    assert "every ready gateway pod" in " ".join(must("explain", "rsp.status.conditions").split())


def test_lists_show_the_columns_by_short_name_category_and_mode(namespace):
    shadow = {
        "name": "shadowed",
        "spec": {
            "targetRefs": [{"kind": "Gateway"}],
            "mode": "Shadow",
            "circuitBreaker": {"consecutiveFailures": 1},
        },
    }
    must("create", "-f", "-", text=manifest(shadow, namespace))
    head = must("get", "rsp", "-n", namespace).splitlines()[0].split()
    assert head == ["NAME", "MODE", "ACCEPTED", "PROGRAMMED", "APPLIED", "BREAKER", "DOWN", "AGE"]
    wide = must("get", "rsp", "-n", namespace, "-o", "wide").splitlines()[0].split()
    assert wide[-3:] == ["TARGET", "REASON", "SNAPSHOT"]
    found = must(
        "get", "tidegate", "-n", namespace, "--field-selector", "spec.mode=Shadow", "-o", "name"
    ).split()
    assert "resiliencepolicy.tidegate.dev/shadowed" in found
    assert "resiliencepolicy.tidegate.dev/every-stanza" not in found


def test_a_status_is_written_beside_the_spec_and_bumps_no_generation(namespace):
    sample = {"name": "stated", "spec": {"targetRefs": [{"kind": "Gateway"}], "timeout": {"request": "1s"}}}
    must("create", "-f", "-", text=manifest(sample, namespace))
    status = {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-01-31T12:00:00Z",
                "reason": "Programmed",
                "message": "3 of 3 gateways applied",
            }
        ],
        "snapshot": {"sequence": 7, "hash": "ab", "appliedTime": "2026-01-31T12:00:00Z"},
        "gateways": {
            "desired": 3,
            "applied": 3,
            "rejected": 0,
            "pending": 0,
            "summary": "3/3",
            "failing": [],
        },
        "breakers": [
            {
                "name": "orders",
                "state": "open",
                "since": "2026-01-31T12:00:00Z",
                "notClosedSince": "2026-01-31T11:59:37Z",
                "failedProbes": 2,
                "replicas": {"closed": 1, "open": 2, "half_open": 0},
                "reason": "failure_rate",
            }
        ],
        "breakerSummary": "orders open 2/3",
    }
    must(
        "patch",
        "rsp",
        "stated",
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps({"status": status}),
    )
    must("wait", "rsp/stated", "-n", namespace, "--for=condition=Ready", "--timeout=5s")
    stored = json.loads(must("get", "rsp", "stated", "-n", namespace, "-o", "json"))
    assert stored["status"] == status
    assert stored["metadata"]["generation"] == 1
    row = must("get", "rsp", "stated", "-n", namespace).splitlines()[1].split()
    assert {"Enforce", "3/3"} <= set(row)
