"""The chart, rendered without a cluster: every profile is valid and safe, and releases do not meet."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.deploy.render import (
    CHART,
    FOREIGN,
    NEWEST,
    OLDEST,
    environment,
    found,
    objects,
    pods,
    profile,
    rendered,
    secret_file,
    validate,
)
from tools.chart import golden_files, made_files
from tools.chart_values import read_values

PROFILES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
METADATA = yaml.safe_load((CHART / "Chart.yaml").read_text())

INTERPRETER = {"PYTHONPATH", "PYTHONSAFEPATH"}  # of the development profile

every_profile = pytest.mark.parametrize("name", PROFILES)


def gateway(values: dict[str, Any], **release: str) -> dict[str, Any]:
    """The gateway's Deployment spec."""
    made = found(objects(values, **release), "Deployment", "tidegate-gateway")["spec"]
    return dict(made)


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


# What the settings become


def test_the_program_gets_what_the_values_say():
    values = {
        "gateway": {"rateLimit": "5-S", "auth": "none", "accessLog": "off", "drainDelaySeconds": 7},
        "valkey": {"enabled": False},
        "redis": {"url": "redis://r:6379/1"},
    }
    (container,) = gateway(values)["template"]["spec"]["containers"]
    got = environment(container)
    assert (
        got.items()
        >= {
            "RATE_LIMIT": "5-S",
            "AUTH": "none",
            "ACCESS_LOG": "off",
            "DRAIN_DELAY": "7s",
            "REDIS_URL": "redis://r:6379/1",
            "EXPOSE": "none",
            "ADMIN_HOST": "0.0.0.0",  # noqa: S104 - compared with
            "CACHE_SERVICE_URL": "http://tidegate-cache:8081",
        }.items()
    )
    assert "API_KEY" not in got


def test_the_gateway_sends_the_token_that_the_cache_service_wants():
    values = {"cache": {"token": {"existingSecret": "cache-secret"}}}
    spec = gateway(values)["template"]["spec"]
    (container,) = spec["containers"]
    assert environment(container)["CACHE_TOKEN_FILE"] == "/etc/tidegate/cache-token/cache-token"
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "cache-token")
    assert (mount["mountPath"], mount["readOnly"]) == ("/etc/tidegate/cache-token", True)
    (volume,) = (one for one in spec["volumes"] if one["name"] == "cache-token")
    assert volume["secret"] == {
        "secretName": "cache-secret",
        "items": [{"key": "cache-token", "path": "cache-token"}],
    }
    config = {"upstreams": {"o": {"endpoints": ["http://o"]}}, "routes": [{"name": "o", "upstream": "o"}]}
    without = gateway({"cache": {"enabled": False, **values["cache"]}, "gateway": {"config": config}})
    assert "CACHE_TOKEN_FILE" not in environment(without["template"]["spec"]["containers"][0])
    assert "cache-token" not in [one["name"] for one in without["template"]["spec"]["volumes"]]


def test_the_gateway_takes_every_variable_that_the_chart_sets():
    from app.variables import VARIABLES

    known = {variable.name for variable in VARIABLES} | INTERPRETER
    for name in PROFILES:
        for one in objects(profile(name)):
            if (
                one["kind"] == "Deployment"
                and one["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
            ):
                (container, *_) = one["spec"]["template"]["spec"]["containers"]
                got = environment(container)
                expanded = set(re.findall(r"\$\((\w+)\)", json.dumps(got)))  # to be put into others
                assert got.keys() - expanded <= known


def test_the_operator_takes_every_variable_that_the_chart_sets():
    from app.operator.settings import operator_settings_table_markdown

    known = (
        set(re.findall(r"^\| `([A-Z_]+)` \|", operator_settings_table_markdown(), re.MULTILINE)) | INTERPRETER
    )
    for name in PROFILES:
        for one in objects(profile(name)):
            if (
                one["kind"] == "Deployment"
                and one["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"
            ):
                (container,) = one["spec"]["template"]["spec"]["containers"]
                assert environment(container).keys() <= known


def test_gateways_of_other_namespaces_and_names_of_the_page_are_what_the_values_list():
    accounts = {"namespaced": False, "gatewayServiceAccounts": ["team-a/edge", "team-b/edge"]}
    made = objects({"operator": {"watch": accounts}, "gateway": {"monitorHosts": ["a.example", "b.example"]}})
    found_in = {}
    for component in ("operator", "gateway"):
        deployment = found(made, "Deployment", f"tidegate-{component}")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        found_in[component] = environment(container)
    names = found_in["operator"]["GATEWAY_SERVICE_ACCOUNTS"]
    assert names == "tidegate-gateway,team-a/edge,team-b/edge"
    assert found_in["gateway"]["MONITOR_HOSTS"] == "a.example,b.example"


def test_the_configuration_the_chart_writes_is_valid_for_the_gateway(tmp_path):
    from app.config.check import Findings, check_paths

    values = profile("no-operator")
    text = found(objects(values), "ConfigMap", "tidegate-gateway")["data"]["tidegate.yaml"]
    path = tmp_path / "tidegate.yaml"
    path.write_text(text)
    assert check_paths([str(path)], {}) == Findings(())


@pytest.mark.parametrize("path", sorted((CHART / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_is_a_policy_that_the_gateway_takes(path):
    from app.config.check import Findings, check_paths

    assert check_paths([str(path)], {}) == Findings(())


def test_the_values_for_production_bound_memory_and_share_limits_by_a_redis_of_yours():
    values = yaml.safe_load((CHART / "values-prod.yaml").read_text())
    made = objects(values | {"tests": {"enabled": False}})
    for owner, pod in pods(made):
        resources = pod["containers"][0]["resources"]
        assert resources["limits"] == {"memory": resources["requests"]["memory"]}, owner
    assert "StatefulSet" not in {one["kind"] for one in made}
    names = sorted(one["metadata"]["name"] for one in made if one["kind"] == "NetworkPolicy")
    assert names == ["tidegate-cache", "tidegate-gateway", "tidegate-operator"]


def test_large_numbers_reach_the_configuration_as_they_are():
    rule = {"name": "all", "key": "Global", "requests": 1_000_000, "period": "1m"}
    spec = {"targetRefs": [{"kind": "Gateway"}], "rateLimit": {"rules": [rule]}}
    config = {"policies": [{"name": "all", "spec": spec}]}
    made = found(objects({"gateway": {"config": config}}), "ConfigMap", "tidegate-gateway")
    assert yaml.safe_load(made["data"]["tidegate.yaml"]) == config


def test_an_empty_configuration_keeps_the_file_so_that_routes_can_come_without_a_restart():
    spec = gateway({})["template"]["spec"]
    assert environment(spec["containers"][0])["CONFIG_FILE"] == "/etc/tidegate/config/tidegate.yaml"
    mount = next(one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "config")
    assert "subPath" not in mount


def test_a_change_of_routes_or_of_the_cluster_restarts_no_gateway():
    before = gateway({"gateway": {"apiKey": {"existingSecret": "k"}}})
    route = {"name": "a", "match": {"path": {"prefix": "/"}}, "upstream": "cache"}
    after = gateway({"gateway": {"apiKey": {"existingSecret": "k"}, "config": {"routes": [route]}}})
    assert before == after


@every_profile
def test_no_pod_carries_a_label_that_a_new_chart_alone_would_change(name):
    for one in objects(profile(name)):
        if one["kind"] in {"Deployment", "StatefulSet"}:
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & labels.keys()


def test_a_changed_key_value_restarts_nothing_since_gateways_read_the_mounted_file_again():
    specs = [
        gateway({"gateway": {"apiKey": {"value": value}}})["template"] for value in ("one-key", "two-key")
    ]
    assert specs[0] == specs[1]
    assert "one-key" not in json.dumps(specs[0])


@pytest.mark.parametrize(
    ("values", "owner", "variable", "entry"),
    [
        ({}, "gateway", "API_KEY_FILE", ("tidegate-api-key", "api-key")),
        ({"gateway": {"apiKey": {"existingSecret": "mine"}}}, "gateway", "API_KEY_FILE", ("mine", "api-key")),
        (
            {"gateway": {"adminToken": {"existingSecret": "mine"}}},
            "gateway",
            "ADMIN_TOKEN_FILE",
            ("mine", "admin-token"),
        ),
        (
            {"cache": {"token": {"existingSecret": "mine"}}},
            "gateway",
            "CACHE_TOKEN_FILE",
            ("mine", "cache-token"),
        ),
        (
            {"cache": {"token": {"existingSecret": "mine"}}},
            "cache",
            "CACHE_TOKEN_FILE",
            ("mine", "cache-token"),
        ),
        *(
            (values, owner, "REDIS_URL_FILE", entry)
            for owner in ("gateway", "cache")
            for values, entry in (
                ({}, ("tidegate-valkey-password", "url")),
                ({"redis": {"existingSecret": "mine"}, "valkey": {"enabled": False}}, ("mine", "url")),
                ({"valkey": {"password": {"existingSecret": "mine", "urlKey": "at"}}}, ("mine", "at")),
            )
        ),
    ],
)
def test_a_secret_is_mounted_as_a_file(values, owner, variable, entry):
    pod = dict(pods(objects(values)))[f"tidegate-{owner}"]
    assert secret_file(pod, variable) == entry
    assert variable.removesuffix("_FILE") not in environment(pod["containers"][0])


def test_the_pods_of_helm_test_read_the_key_from_a_file_too():
    tests = {name: pod for name, pod in pods(objects()) if "test-" in name}
    assert tests
    assert {secret_file(pod, "API_KEY_FILE") for pod in tests.values()} == {("tidegate-api-key", "api-key")}


OWN_SECRETS = {
    "gateway": {"adminToken": {"existingSecret": "t"}},
    "redis": {"existingSecret": "r"},
    "valkey": {"enabled": False},
}


@pytest.mark.parametrize("values", [{}, OWN_SECRETS])
def test_no_program_of_ours_gets_a_secret_in_a_variable(values):
    assert [
        (owner, one["name"])
        for owner, pod in pods(objects(values))
        if owner != "tidegate-valkey"
        for one in pod["containers"][0].get("env", [])
        if "secretKeyRef" in one.get("valueFrom", {})
    ] == []


def test_the_notes_say_how_to_open_the_monitor_and_where_the_documentation_is():
    notes = rendered({"gateway": {"adminToken": {"existingSecret": "mine"}}})["NOTES.txt"]
    assert "kubectl -n tidegate port-forward deployment/tidegate-gateway 9080\n" in notes
    assert "http://localhost:9080/monitor" in notes
    assert "get secret mine -o" in notes
    assert "Documentation: docs/README.md" in notes
    assert (CHART.parents[1] / "docs/README.md").exists()


def test_a_key_is_made_when_none_is_given_and_each_render_makes_another():
    texts = [rendered()["gateway/api-key-secret.yaml"] for _ in range(2)]
    secrets = [yaml.safe_load(text)["data"]["api-key"] for text in texts]
    assert secrets[0] != secrets[1]
    assert all(len(secret) >= 60 for secret in secrets)


@pytest.mark.parametrize(
    "values",
    [
        {"gateway": {"apiKey": {"existingSecret": "mine"}}},
        {"gateway": {"keys": {"existingSecret": "mine"}}},
        {"gateway": {"auth": "none"}},
    ],
    ids=["a key of yours", "a keys file", "no auth"],
)
def test_no_key_is_made_where_one_is_given_or_none_is_wanted(values):
    assert [one for one in objects(values) if one["metadata"]["name"] == "tidegate-api-key"] == []


@pytest.mark.parametrize(
    ("workers", "cpu", "expected"),
    [
        (1, "4", None),
        (3, None, "3"),
        ("auto", "2", "2"),
        ("auto", 4, "4"),
        ("auto", "2500m", "2"),
        ("auto", "3.9", "3"),
        ("auto", "500m", None),
        ("auto", "1999m", None),
        ("auto", "100", "64"),
    ],
)
def test_workers_are_a_number_or_the_whole_cores_of_the_request(workers, cpu, expected):
    resources = {"requests": {"cpu": cpu}} if cpu is not None else {}
    spec = gateway({"gateway": {"workers": workers, "resources": resources}})
    assert environment(spec["template"]["spec"]["containers"][0]).get("WORKERS") == expected


def test_a_keys_file_is_mounted_as_a_folder_and_named_in_the_configuration():
    made = objects(profile("hpa"))
    config = yaml.safe_load(found(made, "ConfigMap", "tidegate-gateway")["data"]["tidegate.yaml"])
    (container,) = found(made, "Deployment", "tidegate-gateway")["spec"]["template"]["spec"]["containers"]
    assert config == {"keysFile": "/etc/tidegate/keys/keys.yaml"}
    assert environment(container)["KEY_PEPPER_FILE"] == "/etc/tidegate/keys/pepper"
    assert {"name": "keys", "mountPath": "/etc/tidegate/keys", "readOnly": True} in container["volumeMounts"]


@pytest.mark.parametrize(
    "values",
    [{}, profile("no-operator") | {"cache": {"enabled": False, "token": {"existingSecret": "mine"}}}],
    ids=["no token", "no cache service"],
)
def test_gateways_hold_no_token_that_nobody_wants(values):
    assert "cache-token" not in json.dumps(gateway(values))


def test_what_a_process_fills_has_no_data_that_an_upgrade_could_overwrite():
    made = objects()
    for kind, name in (("ConfigMap", "tidegate-snapshot"), ("Secret", "tidegate-sync-ca")):
        assert not {"data", "stringData", "binaryData"} & found(made, kind, name).keys()


def test_gateways_get_a_token_for_the_operator_only():
    volumes = {one["name"]: one for one in gateway({})["template"]["spec"]["volumes"]}
    (source,) = volumes["token"]["projected"]["sources"]
    assert source["serviceAccountToken"] == {
        "audience": "tidegate-operator",
        "expirationSeconds": 600,
        "path": "token",
    }


def test_the_snapshot_volume_is_a_folder_and_may_be_absent():
    volumes = {one["name"]: one for one in gateway({})["template"]["spec"]["volumes"]}
    assert volumes["snapshot"]["configMap"] == {"name": "tidegate-snapshot", "optional": True}


def test_the_gateway_looks_for_the_snapshot_and_the_ca_where_the_operator_puts_them():
    from app.config.sync.snapshot import CA_KEY, SNAPSHOT_KEY

    (container,) = gateway({})["template"]["spec"]["containers"]
    got = environment(container)
    assert got["SNAPSHOT_FILE"] == f"/etc/tidegate/snapshot/{SNAPSHOT_KEY}"
    assert got["CONTROL_PLANE_CA_FILE"] == f"/etc/tidegate/snapshot/{CA_KEY}"


def test_a_digest_wins_over_the_tag_and_a_mirror_comes_before_every_repository():
    images = {
        owner: pod["containers"][0]["image"]
        for owner, pod in pods(objects(profile("cert-manager") | {"tests": {"enabled": False}}))
    }
    digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    assert images == {
        "tidegate-gateway": f"registry.example.com/mirror/tidegate@{digest}",
        "tidegate-cache": "registry.example.com/mirror/tidegate-cache:0.1.0",
        "tidegate-operator": "registry.example.com/mirror/tidegate:0.1.0",
        "tidegate-valkey": "registry.example.com/mirror/valkey/valkey:8.1-alpine",
    }


@pytest.mark.parametrize("name", ["tidegate-gateway", "tidegate-cache"])
def test_the_pods_are_given_more_time_than_draining_takes(name):
    spec = found(objects({}), "Deployment", name)["spec"]["template"]["spec"]
    got = environment(spec["containers"][0])
    seconds = [int(got[name].removesuffix("s")) for name in ("DRAIN_DELAY", "DRAIN_TIMEOUT")]
    assert spec["terminationGracePeriodSeconds"] >= sum(seconds) + 5


def test_a_rollout_never_takes_a_gateway_away_before_its_successor_is_ready():
    spec = gateway({})
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["minReadySeconds"] == 3


def test_one_operator_at_a_time():
    spec = found(objects(), "Deployment", "tidegate-operator")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("name", ["hpa", "keda"])
def test_replicas_are_left_to_what_scales(name):
    assert "replicas" not in gateway(profile(name))


def test_pods_spread_softly_over_zones_and_nodes_by_their_own_labels():
    template = gateway({})["template"]
    spread = template["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for one in spread:
        assert one["whenUnsatisfiable"] == "ScheduleAnyway"
        assert one["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


def test_the_admin_port_is_in_no_public_service():
    service = found(objects(), "Service", "tidegate-gateway")
    assert [port["name"] for port in service["spec"]["ports"]] == ["http"]


def test_the_operators_endpoint_slices_are_those_of_the_public_service_alone():
    made = objects()
    (container,) = found(made, "Deployment", "tidegate-operator")["spec"]["template"]["spec"]["containers"]
    wanted = dict(part.split("=") for part in environment(container)["GATEWAY_SELECTOR"].split(","))
    services = [
        one["metadata"]["name"]
        for one in made
        if one["kind"] == "Service" and wanted.items() <= one["metadata"]["labels"].items()
    ]
    assert services == ["tidegate-gateway"]


def test_what_only_one_thing_may_do_is_told_where_the_chart_is_described():
    assert METADATA["annotations"]["artifacthub.io/license"] == "MIT"
    examples = yaml.safe_load(METADATA["annotations"]["artifacthub.io/crdsExamples"])
    assert [one["metadata"]["name"] for one in examples] == ["cache-breaker", "limits", "shadow-limits"]


def test_the_versions_of_chart_program_and_images_are_one():
    from app.foundation.version import VERSION

    dockerfiles = [(CHART.parents[1] / name / "Dockerfile").read_text() for name in ("app", "cache")]
    assert METADATA["appVersion"] == METADATA["version"] == VERSION
    assert [re.findall(r"^ARG VERSION=(.+)$", text, re.MULTILINE) for text in dockerfiles] == [[VERSION]] * 2


def test_every_value_is_documented_and_has_a_place_in_the_schema():
    values = read_values(CHART / "values.yaml")
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert {value.path[0] for value in values} == set(yaml.safe_load((CHART / "values.yaml").read_text()))
    assert set(schema["properties"]) == {value.path[0] for value in values}


def test_the_chart_lints_strictly():
    helm = pytest.importorskip("helm_python", reason="helm-python-sdk has no wheel for this machine")
    report = helm.chart.lint(str(CHART), strict=True)
    assert [one for one in report["messages"] if one["severity"] > 1] == []


def test_the_notes_tell_how_to_read_the_key_and_what_to_do_next():
    notes = rendered()["NOTES.txt"]
    assert "get secret tidegate-api-key" in notes
    assert "helm -n tidegate test tidegate" in notes
    assert "kubectl -n tidegate wait rsp/limits --for=condition=Ready" in notes


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"gateway": {"auth": "none"}}, "gateway.auth is none"),
        ({"valkey": {"enabled": False}}, "there is no Redis"),
        ({"valkey": {"persistence": {"enabled": False}}}, "valkey.persistence is off"),
        (
            {"gateway": {"expose": "metrics", "service": {"type": "LoadBalancer"}}},
            "strangers can read it",
        ),
        (
            {
                "apiVersionsOverride": ["monitoring.coreos.com/v1"],
                "monitoring": {"serviceMonitor": {"enabled": True}},
            },
            "monitoring.serviceMonitor.labels has no `release`",
        ),
    ],
)
def test_risky_values_are_warned_of(values, warning):
    assert warning in rendered(values)["NOTES.txt"]
    assert "WARNING" not in rendered()["NOTES.txt"]
