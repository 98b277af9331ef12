"""What every render of the chart must be, whatever its profile and its release's name."""

import json

import pytest

from tests.deploy.render import (
    FOREIGN,
    NEWEST,
    OLDEST,
    every_profile,
    objects,
    pods,
    profile,
    rendered,
    validate,
)
from tools.chart import golden_files, made_files

CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
}


# What every render must be


@every_profile
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_valid_for_the_oldest_and_the_newest_kubernetes(name, version):
    known = [one for one in objects(profile(name)) if one["kind"] not in FOREIGN]
    for one in known:
        validate(json.dumps(one), version)
    assert len(known) > 3


@every_profile
def test_a_profile_gives_the_same_bytes_twice(name):
    assert rendered(profile(name)) == rendered(profile(name))


@every_profile
def test_every_pod_satisfies_the_restricted_standard(name):
    for _, pod in pods(objects(profile(name))):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 65532
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert all(port["containerPort"] >= 1024 for port in container.get("ports", []))
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


@every_profile
def test_no_pod_but_the_operators_carries_an_api_token(name):
    for owner, pod in pods(objects(profile(name))):
        assert pod["automountServiceAccountToken"] is owner.endswith("-operator")
        assert pod["enableServiceLinks"] is False


@every_profile
def test_every_object_lies_in_the_releases_namespace_and_is_labelled(name):
    values = profile(name)
    wanted = values.get("namespaceOverride", "tidegate")
    for one in objects(values):
        labels = one["metadata"].get("labels", {})
        if one["kind"] == "CustomResourceDefinition" or one["metadata"]["name"] in {
            "tidegate-extra",
            "tidegate-text",
        }:
            continue
        assert {"app.kubernetes.io/name", "app.kubernetes.io/instance", "helm.sh/chart"} <= labels.keys()
        if one["kind"] not in CLUSTER_WIDE:
            assert one["metadata"]["namespace"] in {wanted, "monitoring"}


@every_profile
def test_selectors_hold_only_what_an_upgrade_never_changes(name):
    for one in objects(profile(name)):
        if one["kind"] in {"Deployment", "StatefulSet"}:
            selector = one["spec"]["selector"]["matchLabels"]
            assert {key.partition("/")[2] for key in selector} == {"name", "instance", "component"}
            assert selector.items() <= one["spec"]["template"]["metadata"]["labels"].items()


@every_profile
def test_every_service_finds_pods_with_a_port_of_that_name(name):
    all_objects = objects(profile(name))
    workloads = [one for one in all_objects if one["kind"] in {"Deployment", "StatefulSet"}]
    for service in [one for one in all_objects if one["kind"] == "Service"]:
        selector = service["spec"]["selector"].items()
        (workload,) = (
            one for one in workloads if selector <= one["spec"]["template"]["metadata"]["labels"].items()
        )
        ports = workload["spec"]["template"]["spec"]["containers"][0]["ports"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= {port["name"] for port in ports}


@every_profile
def test_every_mount_has_its_volume(name):
    for _, pod in pods(objects(profile(name))):
        volumes = {volume["name"] for volume in pod["volumes"]}
        claimed = {"data"}
        for container in pod["containers"]:
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounts <= volumes | claimed
            assert "tmp" in mounts or container["name"] == "side"


@every_profile
def test_probes_ask_for_liveness_and_readiness_apart(name):
    for one in objects(profile(name)):
        if one["kind"] != "Deployment":
            continue
        (container, *_) = one["spec"]["template"]["spec"]["containers"]
        assert container["startupProbe"]["failureThreshold"] == 60
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


@every_profile
def test_no_object_refers_to_a_secret_account_or_configmap_that_neither_the_chart_nor_the_values_name(name):
    values = profile(name)
    all_objects = objects(values)
    made = {one["metadata"]["name"] for one in all_objects}
    given = json.dumps(values)
    issued = {one["spec"]["secretName"] for one in all_objects if one["kind"] == "Certificate"}
    for _, pod in pods(all_objects):
        named = {pod.get("serviceAccountName", "default")}
        for volume in pod["volumes"]:
            named |= {
                volume[kind].get(key)
                for kind, key in (("secret", "secretName"), ("configMap", "name"))
                if kind in volume
            }
        for container in pod["containers"]:
            named |= {
                one["valueFrom"]["secretKeyRef"]["name"]
                for one in container.get("env", [])
                if "secretKeyRef" in one.get("valueFrom", {})
            }
        strangers = {
            one for one in named if one not in made | issued | {"default"} and f'"{one}"' not in given
        }
        assert strangers == set()


def test_the_golden_renders_are_what_the_chart_gives_now():
    assert {path.name: path.read_text() for path in golden_files()} == {
        path.name: text for path, text in golden_files().items()
    }


def test_what_is_made_for_the_chart_is_up_to_date():
    stale = [
        path.name for path, text in made_files().items() if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run `make generate`"


# Names


def test_two_releases_in_a_namespace_share_no_name():
    first = {(one["kind"], one["metadata"]["name"]) for one in objects(name="one", namespace="shop")}
    second = {(one["kind"], one["metadata"]["name"]) for one in objects(name="two", namespace="shop")}
    assert {kind for kind, _ in first & second} == {"CustomResourceDefinition"}


def test_a_release_in_another_namespace_shares_no_name_of_the_cluster():
    here = {one["metadata"]["name"] for one in objects(namespace="a") if one["kind"] in CLUSTER_WIDE}
    there = {one["metadata"]["name"] for one in objects(namespace="b") if one["kind"] in CLUSTER_WIDE}
    assert here & there == {"resiliencepolicies.tidegate.dev"}


def test_names_stay_short_enough_with_the_longest_release_name():
    longest = "a" * 53
    for one in objects(profile("monitoring"), name=longest):
        if one["kind"] not in CLUSTER_WIDE:
            assert len(one["metadata"]["name"]) <= (52 if one["kind"] == "StatefulSet" else 63)
        for value in one["metadata"].get("labels", {}).values():
            assert len(value) <= 63


def test_long_release_names_that_differ_at_the_end_do_not_meet():
    names = [{one["metadata"]["name"] for one in objects(name="a" * 52 + end)} for end in "xy"]
    assert {name for name in names[0] & names[1] if "resiliencepolicies" not in name} == set()


@pytest.mark.parametrize("name", ["123", "0", "1e3"])
def test_a_release_named_like_a_number_keeps_its_labels_texts(name):
    for one in objects(name=name):
        assert all(isinstance(value, str) for value in one["metadata"].get("labels", {}).values())


def test_names_and_namespace_can_be_given():
    names = {one["metadata"]["name"] for one in objects(profile("own-secret"))}
    assert {"edge-gateway", "edge-cache", "edge-operator", "edge-valkey", "edge-snapshot"} <= names
