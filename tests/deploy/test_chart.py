"""The chart, rendered without a cluster: every profile is valid and safe, and releases do not meet."""

import json
import re

import pytest
import yaml

from app.config.sync.snapshot_parts import ALL_PARTS, PART_KEY
from tests.deploy.render import (
    CHART,
    PROFILES,
    environment,
    every_profile,
    found,
    gateway,
    objects,
    pods,
    profile,
    rendered,
)
from tools.chart_values import read_values

METADATA = yaml.safe_load((CHART / "Chart.yaml").read_text())

INTERPRETER = {"PYTHONPATH", "PYTHONSAFEPATH"}  # of the development profile


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


def test_the_snapshot_volume_is_a_folder_and_may_be_absent():
    volumes = {one["name"]: one for one in gateway({})["template"]["spec"]["volumes"]}
    whole, *parts = (one["configMap"] for one in volumes["snapshot"]["projected"]["sources"])
    assert whole == {"name": "tidegate-snapshot", "optional": True}
    assert all(part["optional"] for part in parts)


def test_parts_of_a_large_snapshot_are_mounted_where_the_gateway_looks_and_are_the_operators_to_write():
    volumes = {one["name"]: one for one in gateway({})["template"]["spec"]["volumes"]}
    _, *parts = (one["configMap"] for one in volumes["snapshot"]["projected"]["sources"])
    expected = [(f"tidegate-snapshot-{part}", [{"key": PART_KEY, "path": part}]) for part in ALL_PARTS]
    assert [(part["name"], part["items"]) for part in parts] == expected


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
